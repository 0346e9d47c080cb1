"""Barren plateaus: the variance of gradients over random angles, against qubits and against depth.

A variance that falls exponentially with the number of qubits leaves no slope to train on (McClean et al., Nat. Commun. 9, 4812 (2018));
for shallow circuits that holds for observables on all qubits and need not for those on few (Cerezo et al., Nat. Commun. 12, 1791 (2021)).
So both are measured: the circuit's own observables, and the measured Pauli on all qubits at once.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from qallegro.quantum.analysis.sampling import MAX_AMPLITUDES, affordable, seeded, uniform
from qallegro.quantum.analysis.states import expectation, run_states
from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

QUBITS = range(2, 9)
DEPTHS = (1, 2, 3, 4, 6, 8)
#: draws of angles and inputs for each circuit, over all seeds
DRAWS = 400
_RESAMPLES = 200
#: own observables that are looked at: evenly spaced ones
_MAX_OUTPUTS = 3
#: gates x amplitudes x draws of one circuit
_BUDGET = 2.5e7
_ZERO = 1e-24


def plateau_section(config: CircuitConfig, qubits: list[int], depths: list[int], seeds: int) -> dict[str, Any]:
    """Variances with bootstrap errors, and the fitted rate in powers of two a qubit."""
    by_qubits = [gradient_variance(with_qubits(config, n), seeds) for n in qubits]
    by_depth = [gradient_variance(CircuitConfig.model_validate(config.model_dump() | {"depth": d}), seeds) for d in depths]
    section: dict[str, Any] = {
        "by_qubits": [{"num_qubits": n} | _public(row) for n, row in zip(qubits, by_qubits, strict=True)],
        "by_depth": [{"depth": d} | _public(row) for d, row in zip(depths, by_depth, strict=True)],
    }
    if len(qubits) >= 3:
        section["rates_per_qubit"] = {
            kind: _rate(qubits, [row[kind]["resampled"] for row in by_qubits], [row[kind]["variance"] for row in by_qubits])
            for kind in ("own", "global")
        }
    return section


def with_qubits(config: CircuitConfig, num_qubits: int) -> CircuitConfig:
    """The circuit with another number of qubits, one feature for each in every encoding, other settings kept."""
    features = config.num_features // config.num_qubits * num_qubits
    return CircuitConfig.model_validate(config.model_dump() | {"num_qubits": num_qubits, "num_features": features})


def gradient_variance(config: CircuitConfig, seeds: int) -> dict[str, Any]:
    """Mean variance over the angles that act, of the circuit's own observables and of one on all qubits.

    Inputs are drawn with the angles, uniform in (-pi, pi).
    """
    cost = 2.0**config.num_qubits * len(gates(config))
    draws = affordable(DRAWS, cost, _BUDGET, 60)
    strings = pauli_strings(config)
    own = [strings[k] for k in np.unique(np.linspace(0, len(strings) - 1, min(_MAX_OUTPUTS, len(strings))).round().astype(int))]
    letter = "Z" if config.observables == "z_zz" else config.observables
    result: dict[str, Any] = {"angles": config.num_angles, "draws": draws}
    for kind, paulis in (("own", own), ("global", [letter * config.num_qubits])):
        slopes = np.concatenate([_slopes(config, seed, -(-draws // seeds), paulis) for seed in range(seeds)])
        result[kind] = _variance(slopes)
    result["observables"] = own
    return result


def _slopes(config: CircuitConfig, seed: int, draws: int, paulis: list[str]) -> np.ndarray:
    """(draws, paulis, angles) derivatives."""
    generator = seeded(seed)
    size = max(1, MAX_AMPLITUDES // (2**config.num_qubits * len(gates(config))))
    parts: list[Tensor] = []
    for start in range(0, draws, size):
        count = min(size, draws - start)
        angles = uniform(generator, count, config.num_angles).requires_grad_()
        states = run_states(config, angles, uniform(generator, count, config.num_features))
        slopes = [torch.autograd.grad(expectation(config, states, pauli).sum(), angles, retain_graph=True)[0] for pauli in paulis]
        parts.append(torch.stack(slopes, 1))
    return torch.cat(parts).numpy()


def _variance(slopes: np.ndarray) -> dict[str, Any]:
    # Angles that do nothing would make every variance look smaller.
    acts = slopes.var(0) > _ZERO
    generator = np.random.default_rng(5)
    resampled = []
    for _ in range(_RESAMPLES):
        chosen = generator.integers(0, len(slopes), len(slopes))
        resampled.append(float(slopes[chosen].var(0)[acts].mean()))
    first = np.argwhere(acts)[0]
    return {
        "variance": float(slopes.var(0)[acts].mean()),
        "bootstrap_error": float(np.std(resampled)),
        "of_first_acting_angle": float(slopes[:, first[0], first[1]].var()),
        "resampled": resampled,
    }


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {k: {n: x for n, x in v.items() if n != "resampled"} if isinstance(v, dict) else v for k, v in row.items()}


def _rate(qubits: list[int], resampled: list[list[float]], variances: list[float]) -> dict[str, float]:
    """Slope of -log2(variance) against qubits; its error is the larger of bootstrap and scatter about the line."""
    slope, offset = np.polyfit(qubits, np.log2(variances), 1)
    bootstrap = np.polyfit(qubits, np.log2(np.array(resampled)), 1)[0].std()
    x = np.array(qubits) - np.mean(qubits)
    scatter = np.log2(variances) - (slope * np.array(qubits) + offset)
    regression = np.sqrt((scatter**2).sum() / max(len(qubits) - 2, 1) / (x**2).sum())
    return {"rate": float(-slope), "error": float(max(bootstrap, regression))}
