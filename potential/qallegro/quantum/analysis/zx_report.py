"""Reduction of a circuit in the ZX calculus, checked before anything is claimed.

Each reduction is evaluated at fresh random parameters through its traced phases and compared with our state vector: a unitary
and a state up to a complex factor, an expectation value with its scalar. A count whose check failed, or could not be done, is not reported.
"""

import math
from typing import Any

import numpy as np
import torch

from qallegro.quantum.analysis.states import expectation, run_from, run_states
from qallegro.quantum.analysis.zx_contract import TooWideError, contract
from qallegro.quantum.analysis.zx_diagram import (
    STATE,
    UNITARY,
    Reduction,
    phases_at,
    random_parameters,
    reduce_diagram,
    zx_circuit,
)
from qallegro.quantum.circuit import pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.inert import find_inert

#: of a circuit; reducing takes time quadratic in it, some seconds at this size
MAX_PARAMETERS = 120
_CHECKS = 4
#: sums of up to 2^20 products in float64, and coefficients times phases rounded to 1e-15
TOLERANCE = 1e-9


def zx_section(config: CircuitConfig) -> tuple[dict[str, Any], dict[str, Reduction]]:
    """Reductions of the unitary, of the state, and of every expectation value.

    Returns:
        a JSON-like section and the reductions by name (UNITARY, STATE, Pauli strings).
    """
    count = config.num_angles + config.num_features
    if count > MAX_PARAMETERS:
        return {"skipped": f"{count} parameters; diagrams are reduced for at most {MAX_PARAMETERS}"}, {}
    names = [UNITARY, STATE, *pauli_strings(config)]
    reductions = {name: reduce_diagram(config, name) for name in names}
    cases = {name: describe(config, name, reduction) for name, reduction in reductions.items()}
    section: dict[str, Any] = {"angles": config.num_angles, "features": config.num_features, "cases": cases}
    section["all_expectation_values"] = _together(config, cases)
    section["extraction"] = extract(config, reductions[UNITARY])
    return section, reductions


def describe(config: CircuitConfig, name: str, reduction: Reduction) -> dict[str, Any]:
    """Counts of one reduction, with the result of its check.

    `angles_kept` are the trainable angles that some phase of the reduced diagram still contains; `independent_angles` is the number of
    independent combinations of them.
    """
    check = check_reduction(config, name, reduction)
    result: dict[str, Any] = {
        "spiders": [reduction.before.num_vertices(), reduction.after.num_vertices()],
        "generic_phases_before": reduction.generic_phases[0],
        "check": check,
    }
    if check["equal"]:
        angles, features = np.split(reduction.coefficients, [config.num_angles], axis=1)
        # The global phase of a unitary or of a state is nothing that can be measured.
        physical = np.array([place != "scalar" for place in reduction.places]) | (name not in (UNITARY, STATE))
        kept = np.flatnonzero(np.abs(angles[physical]).max(0, initial=0.0) > 0)
        result["generic_phases_after"] = reduction.generic_phases[1]
        result["angles_kept"] = kept.tolist()
        result["num_angles_kept"] = len(kept)
        result["independent_angles"] = int(np.linalg.matrix_rank(angles[physical])) if angles[physical].size else 0
        result["features_fused_with_angles"] = _fused(angles[physical], features[physical])
    return result


def check_reduction(config: CircuitConfig, name: str, reduction: Reduction) -> dict[str, Any]:
    """Compare the reduced diagram with the state vector at fresh random parameters."""
    if reduction.coefficients is None:
        return {"equal": False, "reason": "the phases of the reduced diagram could not be traced to the parameters"}
    scalar = reduction.after.scalar
    if scalar.sum_of_phases:
        return {"equal": False, "reason": "the scalar of the reduced diagram has a form that is not checked"}
    worst = 0.0
    for seed in range(_CHECKS):
        parameters = np.array([float(p) for p in random_parameters(config, 1000 + seed)])
        phases = phases_at(reduction, parameters)
        try:
            tensor = contract(reduction.after, phases)
        except TooWideError as error:
            return {"equal": False, "reason": f"not checked: summing the reduced diagram takes {error}"}
        if name in (UNITARY, STATE):
            expected = _unitary(config, parameters) if name == UNITARY else _state(config, parameters)
            worst = max(worst, _distance_up_to_factor(tensor.reshape(expected.shape), expected))
        else:
            factor = math.sqrt(2.0) ** scalar.power2 * scalar.floatfactor * np.exp(1j * math.pi * phases["scalar"])
            for k in range(len(scalar.phasenodes)):
                factor *= 1.0 + np.exp(1j * math.pi * phases[("scalar", k)])
            value = 0.0 if scalar.is_zero else complex(tensor) * factor
            worst = max(worst, abs(value - _expectation(config, parameters, name)))
    equal = bool(worst <= TOLERANCE)
    result = {"equal": equal, "largest_deviation": float(worst), "points": _CHECKS}
    return result if equal else result | {"reason": f"the reduced diagram differs from the circuit by {worst:.1e}"}


def extract(config: CircuitConfig, reduction: Reduction) -> dict[str, Any]:
    """Gates of a circuit extracted from the reduced unitary, against the original; equality is checked."""
    import pyzx

    original = zx_circuit(config, random_parameters(config, 1))
    before = {"gates": len(original.gates), "two_qubit_gates": original.twoqubitcount()}
    try:
        extracted = pyzx.extract_circuit(reduction.after.copy()).to_basic_gates()
    except Exception as error:  # PyZX has no error class of its own; a diagram without flow raises several kinds
        return {"before": before, "reason": f"PyZX could not extract a circuit: {error}"}
    try:
        a, b = (contract(circuit.to_graph()) for circuit in (original, extracted))
    except TooWideError as error:
        return {"before": before, "reason": f"not checked: summing the diagram takes {error}"}
    deviation = _distance_up_to_factor(b, a)
    if not deviation <= TOLERANCE:
        return {"before": before, "reason": f"the extracted circuit differs from the original by {deviation:.1e}"}
    after = {"gates": len(extracted.gates), "two_qubit_gates": extracted.twoqubitcount()}
    return {"before": before, "after": after, "largest_deviation": float(deviation)}


def _together(config: CircuitConfig, cases: dict[str, Any]) -> dict[str, Any]:
    closed = [cases[pauli] for pauli in pauli_strings(config)]
    if not all(case["check"]["equal"] for case in closed):
        return {"reason": "not every expectation value passed its check"}
    kept = sorted(set().union(*(case["angles_kept"] for case in closed)))
    active = sorted(set(range(config.num_angles)) - set(find_inert(config).of_outputs))
    return {"angles_kept": kept, "num_angles_kept": len(kept), "agrees_with_zero_gradients": kept == active}


def _fused(angles: np.ndarray, features: np.ndarray) -> list[int]:
    """Features that occur only in sums with one and the same combination of angles: the angle is an offset of the feature."""
    found = []
    for k in range(features.shape[1]):
        rows = np.flatnonzero(features[:, k])
        ratios = {tuple((angles[r] / features[r, k]).tolist()) for r in rows}
        if len(rows) and len(ratios) == 1 and any(next(iter(ratios))):
            found.append(k)
    return found


def _distance_up_to_factor(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays, each scaled to norm 1 and turned to the phase of their overlap; NaN where one is zero."""
    x, y = a.ravel() / np.linalg.norm(a), b.ravel() / np.linalg.norm(b)
    overlap = np.vdot(x, y)
    return float(np.linalg.norm(y - x * overlap / abs(overlap)))


def _split(config: CircuitConfig, parameters: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.as_tensor(parameters * math.pi)[None]
    return values[:, : config.num_angles], values[:, config.num_angles :]


def _state(config: CircuitConfig, parameters: np.ndarray) -> np.ndarray:
    return run_states(config, *_split(config, parameters))[0].numpy()


def _expectation(config: CircuitConfig, parameters: np.ndarray, pauli: str) -> float:
    return float(expectation(config, run_states(config, *_split(config, parameters)), pauli)[0])


def _unitary(config: CircuitConfig, parameters: np.ndarray) -> np.ndarray:
    """(inputs, outputs), as PyZX orders the legs."""
    dim = 2**config.num_qubits
    return run_from(config, *_split(config, parameters), torch.eye(dim, dtype=torch.complex128)[None])[0].numpy()
