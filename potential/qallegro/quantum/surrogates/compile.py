"""From a circuit with its angles to the fastest exact classical form, with its proof and a record of both."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qallegro.errors import ExportError
from qallegro.quantum.bounds import PREPARATION, Bound
from qallegro.quantum.circuit import pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import PennyLaneLayer
from qallegro.quantum.surrogates.coefficients import fourier_coefficients
from qallegro.quantum.surrogates.costs import FORMS, Cost, available_bytes, costs
from qallegro.quantum.surrogates.fourier import FourierForm, describe_groups, make_groups, rounding_bound
from qallegro.quantum.surrogates.layout import describe_members
from qallegro.quantum.surrogates.measured import affordable_points, deviation, random_features, witness_bound
from qallegro.quantum.surrogates.pruning import prune
from qallegro.quantum.surrogates.request import ClassicalForm, Request
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import GatesForm, UnitaryForm, gates_bounds, qubit_groups, unitary_bounds
from qallegro.quantum.surrogates.timing import time_forms

#: largest deviation of a form that counts as exact; and what dropped coefficients may add up to where no tolerance is given
EXACT, _DROPPED = 1e-12, 2.0**-53
#: forms that take so many times the operations of the cheapest are not timed
HOPELESS = 50.0
RANDOM_POINTS = 2048
#: chunks of training features that PennyLane is asked about, at most
MEASURED_CHUNKS = 8


class _Made(NamedTuple):
    module: nn.Module
    approximation: Bound
    rounding: Bound
    record: dict[str, Any]


def compile_circuit(config: CircuitConfig, angles: Tensor, request: Request) -> ClassicalForm:
    """The fastest form, or the one asked for.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        request: precision, device, form, tolerance.

    Raises:
        ExportError: a bad option, a form larger than memory or its bound above the tolerance, or a deviation above the bound.
    """
    if request.form not in ("auto", *FORMS):
        raise ExportError(f"`surrogate` must be one of auto, {', '.join(FORMS)}, got {request.form!r}")
    if request.tolerance is not None and not 0.0 < request.tolerance < 2.0:
        raise ExportError(f"`surrogate_tolerance` must be above 0 and below 2 (outputs lie in [-2, 2]), got {request.tolerance}")
    angles = angles.detach().cpu()
    names, left_out = _candidates(config, request)
    made: dict[str, _Made] = {}
    for name in names:
        request.step(f"circuit: making the {name} form")
        entry = _MAKERS[name](config, angles, request)
        limit, bound = request.tolerance or EXACT, entry.approximation.largest[0]
        if bound <= limit:
            made[name] = entry
        else:
            left_out[name] = f"deviation from the circuit bounded by {bound:.1e}, above {limit:.1e}"
    if not made:
        raise ExportError(
            f"bound on the deviation of the surrogate must be at most {request.tolerance or EXACT:.1e}, got "
            f"{'; '.join(f'{name}: {reason}' for name, reason in left_out.items())}; raise `--surrogate-tolerance`, "
            "or take another form with `--surrogate`"
        )
    request.step("circuit: timing")
    timing = _timing(config, made, request) | {"left_out": left_out}
    form = min(made, key=lambda name: timing["milliseconds"][name])
    chosen = made[form]
    request.step("circuit: comparing with PennyLane")
    record = {
        "form": form,
        "circuit": config.model_dump(mode="json"),
        "observables": pauli_strings(config),
        "angles": angles.double().tolist(),
        "degrees": _degrees(config),
        "tolerance": request.tolerance,
        **chosen.record,
        "members": describe_members(chosen.module),
        "bounds": _bounds_record(chosen),
        "measured": _measured(config, angles, chosen, request),
        "timing": timing,
    }
    reference = PennyLaneLayer(config, angles.double()).requires_grad_(False)
    return ClassicalForm(chosen.module, record, reference, affordable_points(config), request.tolerance is None or form != "fourier")


def _candidates(config: CircuitConfig, request: Request) -> tuple[list[str], dict[str, str]]:
    """Forms to make, and why the others are left out."""
    estimates, there = costs(config, request.dtype, request.edges), available_bytes(request.device)
    if request.form != "auto":
        _check_memory(request.form, estimates, there, request)
        return [request.form], {name: "not asked for" for name in FORMS if name != request.form}
    left_out = {name: f"takes {cost.gib:.3g} GiB, above {there / 2**30:.3g} GiB" for name, cost in estimates.items() if cost.bytes > there}
    fitting = {name: cost for name, cost in estimates.items() if name not in left_out}
    if not fitting:
        _check_memory(min(estimates, key=lambda name: estimates[name].bytes), estimates, there, request)
    least = min(cost.flops for cost in fitting.values())
    for name, cost in fitting.items():
        if cost.flops > HOPELESS * least:
            left_out[name] = f"{cost.flops:.2g} operations an edge, {cost.flops / least:.0f} times the least"
    return [name for name in fitting if name not in left_out], left_out


def _check_memory(form: str, estimates: dict[str, Cost], there: float, request: Request) -> None:
    cost = estimates[form]
    if cost.bytes <= there:
        return
    smaller = [name for name, other in estimates.items() if other.bytes <= there]
    remedy = f"take `--surrogate {smaller[0]}`" if smaller else "use fewer qubits or encodings, or a machine with more memory"
    raise ExportError(
        f"surrogate must fit into memory ({there / 2**30:.3g} GiB free for it), got the {form} form of {cost.gib:.3g} GiB "
        f"({cost.file_bytes / 2**30:.3g} GiB of constants, {request.edges} edges at a time); {remedy}"
    )


def _make_fourier(config: CircuitConfig, angles: Tensor, request: Request) -> _Made:
    found = [fourier_coefficients(config, angles, cone) for cone in light_cones(config)]
    error = max(entry.value_error for entry in found)
    budget = _DROPPED if request.tolerance is None else max(request.tolerance - error, 0.0) * (1.0 - 1e-9)
    pruned = [prune(entry, budget) for entry in found]
    groups = make_groups(pruned)
    shape = (config.num_outputs, config.num_features)
    approximation, dropped = (Bound(np.zeros(shape[0]), np.zeros(shape)) for _ in range(2))
    for entry in pruned:
        outputs, cone = list(entry.coefficients.cone.outputs), entry.coefficients.cone
        dropped.value[outputs] = entry.value
        approximation.value[outputs] = entry.value + entry.coefficients.value_error
        for column, feature in enumerate(cone.features):
            dropped.gradient[outputs, feature] = entry.gradient[:, column]
            approximation.gradient[outputs, feature] = entry.gradient[:, column] + entry.coefficients.gradient_error[column]
    count = sum(entry.tensor.size - entry.tensor.shape[-1] for entry in found)
    record = {
        "coefficients": {
            "spectrum": count,
            "dropped": sum(entry.dropped for entry in pruned),
            "kept": int(sum(np.count_nonzero(entry.coefficients.tensor) for entry in pruned)),
            "stored": sum(group.tensor.size for group in groups),
            "dropped_bound": dropped.largest,
        },
        "light_cones": [{"features": c.features, "outputs": c.outputs, "degrees": c.degrees} for c in (e.cone for e in found)],
        "groups": describe_groups(groups),
    }
    module = FourierForm(groups, config.num_features, config.num_outputs, request.dtype)
    return _Made(module, approximation, rounding_bound(groups, config.num_features, config.num_outputs, request.dtype), record)


def _make_unitary(config: CircuitConfig, angles: Tensor, request: Request) -> _Made:
    return _Made(UnitaryForm(config, angles, request.dtype), *unitary_bounds(config, angles, request.dtype), {})


def _make_gates(config: CircuitConfig, angles: Tensor, request: Request) -> _Made:
    module = GatesForm(config, angles, request.dtype)
    record = {"qubit_groups": [list(g) for g in qubit_groups(config.num_qubits)], "steps": module.describe()}
    return _Made(module, *gates_bounds(config, angles, request.dtype), record)


_MAKERS: dict[str, Callable[[CircuitConfig, Tensor, Request], _Made]] = {
    "fourier": _make_fourier,
    "unitary": _make_unitary,
    "gates": _make_gates,
}


def _timing(config: CircuitConfig, made: dict[str, _Made], request: Request) -> dict[str, Any]:
    features = random_features(config, request.edges, request.dtype)
    if request.inputs is not None and len(request.inputs):
        chosen = torch.randint(len(request.inputs), (request.edges,), generator=torch.Generator().manual_seed(7))
        features = request.inputs[chosen].to(request.dtype)
    seconds = time_forms({name: entry.module for name, entry in made.items()}, features, request.device)
    return {
        "device": request.device,
        "threads": torch.get_num_threads() if request.device == "cpu" else None,
        "processors": os.cpu_count(),
        "edges": request.edges,
        "milliseconds": {name: round(1e3 * value, 4) for name, value in seconds.items()},
    }


def _measured(config: CircuitConfig, angles: Tensor, chosen: _Made, request: Request) -> dict[str, Any]:
    """Deviations from PennyLane, each checked against the bound.

    Raises:
        ExportError: a deviation is above the bound, so one of the two is wrong.
    """
    allowed = chosen.approximation + chosen.rounding + witness_bound(config, angles)
    sets = {"random": random_features(config, RANDOM_POINTS, request.dtype)}
    seen_inputs = request.inputs
    if seen_inputs is not None and len(seen_inputs):
        fewer = torch.randperm(len(seen_inputs), generator=torch.Generator().manual_seed(3))[: MEASURED_CHUNKS * affordable_points(config)]
        sets["training"] = seen_inputs[fewer].to(request.dtype)
    found = {}
    for name, features in sets.items():
        seen = deviation(chosen.module, config, angles, features)
        if not (np.all(seen.value <= allowed.value) and np.all(seen.gradient <= allowed.gradient)):
            raise ExportError(
                f"deviation of the surrogate from PennyLane must be at most its bound ({allowed.largest[0]:.1e}, gradient "
                f"{allowed.largest[1]:.1e}), got {seen.value.max():.1e} and {seen.gradient.max():.1e} on {name} features; "
                "this is a bug of qallegro: please report the circuit; no file was written"
            )
        found[name] = {
            "points": seen.points,
            "value": float(seen.value.max()),
            "gradient_points": seen.gradient_points,
            "gradient": float(seen.gradient.max()),
        }
    return found


def _bounds_record(made: _Made) -> dict[str, Any]:
    (value, gradient), (rounding, rounding_gradient) = made.approximation.largest, made.rounding.largest
    return {
        "value": {"approximation": value, "rounding": rounding},
        "gradient": {"approximation": gradient, "rounding": rounding_gradient},
        "value_of_outputs": [float(a + b) for a, b in zip(made.approximation.value, made.rounding.value, strict=True)],
        "preparation_unit_roundoff": PREPARATION,
    }


def _degrees(config: CircuitConfig) -> list[int]:
    """Largest frequency of each feature in any output."""
    degrees = [0] * config.num_features
    for cone in light_cones(config):
        for feature, degree in zip(cone.features, cone.degrees, strict=True):
            degrees[feature] = max(degrees[feature], degree)
    return degrees
