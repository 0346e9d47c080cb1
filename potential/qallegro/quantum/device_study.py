"""What a device makes of energies and forces: mean, spread and bias over repeated evaluations, against the exact values."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qallegro.data.sample import Sample, collate
from qallegro.errors import ConfigError
from qallegro.model.potential import Potential
from qallegro.quantum.devices import DeviceLayer, DeviceSettings, circuits_for, used_rows
from qallegro.quantum.pennylane_reference import circuit_layer, with_layer

#: edges that the time of one circuit is measured on
_TIMED_EDGES = 16


class Values(NamedTuple):
    """Energies and forces of F frames with A atoms in all."""

    energy: np.ndarray  #: (F,) eV
    forces: np.ndarray  #: (A, 3) eV/Å


class Statistics(NamedTuple):
    """Of repeated evaluations, elementwise; spread and standard error are NaN for a single one."""

    exact: np.ndarray
    mean: np.ndarray
    spread: np.ndarray  #: standard deviation over repeats
    bias: np.ndarray  #: mean - exact
    standard_error: np.ndarray  #: of mean, and so of bias


class DeviceResult(NamedTuple):
    """R evaluations with one setting."""

    settings: DeviceSettings
    energies: np.ndarray  #: (R, F) eV
    forces: np.ndarray  #: (R, A, 3) eV/Å


class Study(NamedTuple):
    """Exact values, labels, and what devices give, of F frames."""

    n_atoms: np.ndarray  #: (F,)
    exact: Values
    labels: Values  #: NaN where the data has none
    edges: int  #: that a circuit runs for
    results: list[DeviceResult]


def study_devices(
    potential: Potential,
    samples: Sequence[Sample],
    settings: Sequence[DeviceSettings],
    repeats: int = 10,
    max_circuits: int = 2_000_000,
    advance: Callable[[int, int], None] | None = None,
) -> Study:
    """Evaluate a hybrid potential repeatedly with its circuit on devices.

    Args:
        potential: with a circuit.
        samples: frames with neighbor tables that reach to its cutoff.
        settings: devices; one without shots gives the same every time and is evaluated once.
        repeats: evaluations with each setting.
        max_circuits: more than this is refused.
        advance: called with circuits done and circuits in all.

    Raises:
        ModelError: the potential has no circuit.
        ConfigError: a device cannot do what is asked for, or there would be too many circuits.
    """
    if repeats < 1:
        raise ConfigError(f"`repeats` must be 1 or more, got {repeats}")
    layer = circuit_layer(potential, "a quantum device")
    exact, features = _exact(potential, samples)
    done = 0

    def count(circuits: int) -> None:
        nonlocal done
        done += circuits
        if advance is not None:
            advance(done, total)

    layers = [DeviceLayer(layer.config, layer.all_angles(), s) for s in settings]
    rounds = [1 if s.shots is None else repeats for s in settings]
    total = sum(rounds) * circuits_for(layer.config, len(features))
    if total > max_circuits:
        raise ConfigError(_too_many(layers, rounds, features, total, max_circuits))
    results = []
    for device_layer, evaluations in zip(layers, rounds, strict=True):
        device_layer.advance = count
        on_device = with_layer(potential, device_layer)
        values = [_predict(on_device, samples) for _ in range(evaluations)]
        energies, forces = (np.stack(x) for x in zip(*values, strict=True))
        results.append(DeviceResult(device_layer.settings, energies, forces))
    labels = Values(np.array([s.energy for s in samples]), np.concatenate([s.forces for s in samples]))
    return Study(np.array([len(s.types) for s in samples]), exact, labels, len(features), results)


def statistics(exact: np.ndarray, repeated: np.ndarray) -> Statistics:
    """Args: exact (...); repeated (R, ...)."""
    mean = repeated.mean(0)
    spread = repeated.std(0, ddof=1) if len(repeated) > 1 else np.full_like(mean, np.nan)
    return Statistics(exact, mean, spread, mean - exact, spread / np.sqrt(len(repeated)))


def rms(values: np.ndarray) -> float:
    """Root mean square over all elements."""
    return float(np.sqrt(np.mean(np.square(values))))


def mean_energy(study: Study, result: DeviceResult) -> Statistics:
    """Of the energy of a frame in eV, averaged over frames."""
    return statistics(np.mean(study.exact.energy), result.energies.mean(1))


def energy_per_atom(study: Study, result: DeviceResult) -> Statistics:
    """Of the energy in eV an atom, averaged over frames."""
    return statistics(np.mean(study.exact.energy / study.n_atoms), (result.energies / study.n_atoms).mean(1))


def forces_of(study: Study, result: DeviceResult) -> Statistics:
    """Root mean squares over force components, in eV/Å; that of the bias is about the standard error where there is none."""
    return Statistics(*(np.float64(rms(values)) for values in statistics(study.exact.forces, result.forces)))


def label_errors(study: Study, energies: np.ndarray, forces: np.ndarray) -> dict[str, float]:
    """Mean absolute errors of single evaluations (R, F) and (R, A, 3) against the labels; quantities without labels are left out."""
    energy = np.abs((energies - study.labels.energy) / study.n_atoms)
    errors = {"energy_mae_meV_per_atom": energy, "forces_mae_meV_per_angstrom": np.abs(forces - study.labels.forces)}
    return {name: 1e3 * float(np.nanmean(e)) for name, e in errors.items() if not np.isnan(e).all()}


def study_record(study: Study) -> dict[str, Any]:
    """As JSON values, with units in the names; a spread of a single evaluation is null."""
    exact = study.exact
    return {
        "frames": len(study.n_atoms),
        "atoms": int(study.n_atoms.sum()),
        "edges": study.edges,
        "exact": {
            "energy_eV": exact.energy.tolist(),
            "forces_rms_meV_per_angstrom": 1e3 * rms(exact.forces),
            "errors_against_labels": label_errors(study, exact.energy[None], exact.forces[None]),
        },
        "results": [_result_record(study, result) for result in study.results],
    }


def _result_record(study: Study, result: DeviceResult) -> dict[str, Any]:
    tables = {
        "energy_eV_of_frames": (1.0, statistics(study.exact.energy, result.energies)),
        "energy_meV_per_atom": (1e3, energy_per_atom(study, result)),
        "forces_rms_meV_per_angstrom": (1e3, forces_of(study, result)),
    }
    return {
        **{("device" if name == "name" else name): value for name, value in result.settings._asdict().items()},
        "evaluations": len(result.energies),
        **{name: {k: _plain(factor * v) for k, v in values._asdict().items()} for name, (factor, values) in tables.items()},
        "errors_against_labels": label_errors(study, result.energies, result.forces),
    }


def _plain(values: np.ndarray) -> Any:
    """Numbers or nested lists of them, NaN as None."""
    return np.where(np.isnan(values), None, np.asarray(values, dtype=object)).tolist()


def _exact(potential: Potential, samples: Sequence[Sample]) -> tuple[Values, Tensor]:
    """Values with the training layer, and the features of all edges that a circuit runs for."""
    features: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        features.append(inputs[0].detach()[used_rows(inputs[0].detach())])

    hook = circuit_layer(potential).register_forward_pre_hook(keep)
    try:
        values = _predict(potential, samples)
    finally:
        hook.remove()
    return values, torch.cat(features)


def _predict(potential: Potential, samples: Sequence[Sample]) -> Values:
    predictions = [potential.predict(collate([sample])) for sample in samples]
    return Values(*(np.concatenate([p.numpy() for p in parts]) for parts in zip(*((p.energy, p.forces) for p in predictions), strict=True)))


def _too_many(layers: Sequence[DeviceLayer], rounds: Sequence[int], features: Tensor, total: int, limit: int) -> str:
    """The refusal, with the time that it would have taken."""
    seconds = 0.0
    few = features[:_TIMED_EDGES]
    for layer, evaluations in zip(layers, rounds, strict=True):
        start = time.perf_counter()
        layer.outputs(few)
        seconds += (time.perf_counter() - start) / len(few) * evaluations * circuits_for(layer.config, len(features))
    duration = f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"
    each = circuits_for(layers[0].config, 1)
    return (
        f"circuits to run must be at most `max_circuits` ({limit:,}), got {total:,}: {len(features):,} edges, {each} circuits an edge and "
        f"evaluation, {sum(rounds)} evaluations, about {duration} here; take fewer frames, repeats or shot numbers, or raise the limit"
    )
