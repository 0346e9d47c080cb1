"""Layers that have a classical form take it on their way into a file, and the whole model is compared before and after.

Any module of a network with a method `classical_form(Request) -> ClassicalForm` is replaced by the form's module, under the same name.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from qallegro.errors import ExportError
from qallegro.export.structures import Structure, evaluate
from qallegro.export.verify import TOLERANCES
from qallegro.model.potential import Potential
from qallegro.quantum.surrogates.request import DEFAULT_EDGES, ClassicalForm, Request

#: inputs of a layer that are handed to it, at most
_MAX_INPUTS = 65536
#: edges at a time where inputs are recorded
_BLOCK = 16384
#: slots that the runtime evaluates at a time: on a processor for each thread, and on a GPU (cpp/src/torch/torch_engine.cpp)
_ENGINE_SLOTS = {"cpu": 4096, "cuda": 131072}
#: blocks that the reference evaluates, at most
_REFERENCE_BLOCKS = 64


class InFileForm(NamedTuple):
    """A potential as its file holds it."""

    potential: Potential
    exact: bool  #: differs from the checkpoint's network by rounding alone
    surrogate: dict[str, Any] | None  #: for the record; None without such a layer


class Options(NamedTuple):
    """What a user can ask of the forms."""

    form: str = "auto"
    tolerance: float | None = None
    device: str = "cpu"


def in_file_form(
    original: Potential,
    converted: Potential,
    options: Options,
    frames: Sequence[Structure],
    clusters: Sequence[Structure],
    step: Callable[[str], None],
) -> InFileForm:
    """Replace layers by their classical forms.

    Args:
        original: the checkpoint's potential; forms are made of its weights, in its precision.
        converted: the same in the precision of the file, left as it is.
        options: form, tolerance, device.
        frames: structures like those that the model was trained on.
        clusters: structures for any model.
        step: told what is being done.

    Raises:
        ExportError: an option for a model without such a layer, or a form that is not what it should be.
    """
    found = {name: module for name, module in original.network.named_modules() if hasattr(module, "classical_form")}
    if not found:
        if options.form != "auto" or options.tolerance is not None:
            raise ExportError(
                f"`--surrogate` and `--surrogate-tolerance` need a model with a circuit, got `variant: {original.config.variant}`; "
                "leave them out"
            )
        return InFileForm(converted, True, None)
    if len(found) > 1:
        raise ExportError(f"a file can hold one layer in classical form, got {len(found)}: {sorted(found)}")
    (name, layer) = next(iter(found.items()))
    step("circuit: recording its features on known structures")
    inputs = _inputs(converted, name, frames) if frames else None
    dtype = next(p.dtype for p in converted.network.get_submodule(name).parameters())
    request = Request(
        dtype=dtype,
        device=options.device,
        form=options.form,
        tolerance=options.tolerance,
        edges=_edges_at_a_time(frames, options.device),
        inputs=inputs,
        step=step,
    )
    form: ClassicalForm = layer.classical_form(request)
    potential = _with_module(converted, name, form.module)
    step("circuit: whole structures, with PennyLane in the loop")
    structures = _whole_structures(potential, _with_module(converted, name, form.reference), form, [*clusters, *frames])
    record = {"module": name, **form.record}
    record["measured"] = {**form.record["measured"], "structures": structures}
    return InFileForm(potential, form.exact, record)


def _edges_at_a_time(frames: Sequence[Structure], device: str) -> int:
    """Edges that the runtime would evaluate in one call on all frames together."""
    kind = "cuda" if device.startswith("cuda") else "cpu"
    most = _ENGINE_SLOTS[kind] * (torch.get_num_threads() if kind == "cpu" else 1)
    return min(sum(structure.edges for structure in frames) or DEFAULT_EDGES, most)


def _with_module(potential: Potential, name: str, module: nn.Module) -> Potential:
    replaced = copy.deepcopy(potential)
    replaced.network.set_submodule(name, module)
    return replaced.requires_grad_(False).eval()


def _inputs(potential: Potential, name: str, structures: Sequence[Structure]) -> Tensor:
    """Inputs of one module on the edges of structures, (E, width): all, or as many at random."""
    seen: list[Tensor] = []
    handle = potential.network.get_submodule(name).register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].detach()))
    kept: list[Tensor] = []
    try:
        with torch.no_grad():
            for structure in structures:
                rows = max(1, _BLOCK // structure.table.neighbor_types.shape[1])
                for block in zip(*(torch.split(array, rows) for array in structure.table), strict=True):
                    potential.network(*block)
                    used = block[2].square().sum(2).flatten() < potential.config.r_max**2
                    kept.append(seen.pop()[used])
    finally:
        handle.remove()
    inputs = torch.cat(kept)
    if len(inputs) > _MAX_INPUTS:
        inputs = inputs[torch.randperm(len(inputs), generator=torch.Generator().manual_seed(11))[:_MAX_INPUTS]]
    return inputs


def _whole_structures(potential: Potential, reference: Potential, form: ClassicalForm, structures: Sequence[Structure]) -> dict[str, Any]:
    """Largest deviations of energies and forces from the reference.

    Raises:
        ExportError: an exact form deviates by more than rounding.
    """
    tolerance = TOLERANCES[potential.config.dtype]
    energy_off = forces_off = 0.0
    count = edges = 0
    for structure in structures:
        slots = structure.table.neighbor_types.numel()
        if count and edges + slots > _REFERENCE_BLOCKS * form.reference_edges:
            continue
        count, edges = count + 1, edges + slots
        energy, forces = evaluate(potential, structure, form.reference_edges)
        expected_energy, expected_forces = evaluate(reference, structure, form.reference_edges)
        off, off_forces = float((energy - expected_energy).abs().max()), float((forces - expected_forces).abs().max())
        energy_off, forces_off = max(energy_off, off), max(forces_off, off_forces)
        allowed = tolerance.energy * max(1.0, float(expected_energy.abs().max()))
        allowed_forces = tolerance.forces * max(1.0, float(expected_forces.abs().max()))
        if form.exact and not (off <= allowed and off_forces <= allowed_forces):
            raise ExportError(
                f"energies and forces of the surrogate must agree with PennyLane in the loop to {allowed:.1e} eV an atom and "
                f"{allowed_forces:.1e} eV/Å, got {off:.1e} and {off_forces:.1e} on `{structure.name}`; no file was written"
            )
    return {
        "structures": count,
        "of": len(structures),
        "edge_slots": edges,
        "energy": energy_off,
        "forces": forces_off,
    }
