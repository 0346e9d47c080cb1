"""The Fourier series of a circuit in its features.

A rotation by a feature has eigenvalues exp(+-i x / 2), so each rotation that an observable can feel adds one to the largest frequency
of its feature: <P>(x) = sum_k c_k exp(i k . x) with k_f in -L_f .. L_f (Schuld, Sweke and Meyer, Phys. Rev. A 103, 032430 (2021)). L_f is
counted in the list of gates, and the coefficients follow from values on a grid of 2 L_f + 1 points a feature. The function is real, so
that c_(-k) = conj(c_k): of the real and imaginary parts of all N frequencies, 2 N - 1 are not zero by symmetry, and N are independent.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qallegro.quantum.analysis.light_cones import MAX_FOLLOWED_QUBITS, acting_rotations, light_cones
from qallegro.quantum.analysis.sampling import MAX_AMPLITUDES, affordable, mean_std, seeded, uniform
from qallegro.quantum.analysis.states import expectations_of, run_states
from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

#: grid points of a full series; above, only the series in one feature at a time
MAX_GRID = 4096
DRAWS = 24
#: grid points x amplitudes x (gates + outputs) of all draws of a seed, some seconds
_BUDGET = 1.5e8
#: rounding of sums over the grid leaves 1e-16; a coefficient that is not identically zero exceeds this in some of many draws
ZERO = 1e-12
THRESHOLDS = tuple(10.0 ** (-k / 2) for k in range(24, 1, -1))


def largest_frequencies(config: CircuitConfig) -> np.ndarray:
    """(num_outputs, num_features) int: L_f of each observable, from the gates."""
    all_gates = gates(config)
    table = np.zeros((config.num_outputs, config.num_features), dtype=int)
    for k, (pauli, cone) in enumerate(zip(pauli_strings(config), light_cones(config), strict=True)):
        inside = set(cone.gates)
        feels = acting_rotations(config, pauli) if config.num_qubits <= MAX_FOLLOWED_QUBITS else [True] * len(all_gates)
        for g, gate in enumerate(all_gates):
            if gate.feature is not None and g in inside and feels[g]:
                table[k, gate.feature] += 1
    return table


def coefficients(config: CircuitConfig, angles: Tensor, reach: list[int]) -> np.ndarray:
    """All c_k of every output.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        reach: L_f of each feature, or more.

    Returns:
        (num_outputs, 2 L_0 + 1, 2 L_1 + 1, ...) complex128; index k of an axis is the frequency k, or k - (2 L + 1) above L.
    """
    sizes = [2 * r + 1 for r in reach]
    axes = [torch.arange(size, dtype=torch.float64) * (2.0 * math.pi / size) for size in sizes]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(sizes))
    values = _values(config, angles, grid)
    return np.fft.fftn(values.T.reshape(-1, *sizes).numpy(), axes=range(1, len(sizes) + 1)) / len(grid)


def feature_coefficients(config: CircuitConfig, angles: Tensor, others: Tensor, feature: int, reach: int) -> np.ndarray:
    """Series in one feature, the other features held at `others` (num_features,): (num_outputs, 2 L + 1)."""
    size = 2 * reach + 1
    rows = others.repeat(size, 1)
    rows[:, feature] = torch.arange(size, dtype=torch.float64) * (2.0 * math.pi / size)
    return np.fft.fft(_values(config, angles, rows).T.numpy(), axis=1) / size


def frequencies(reach: list[int]) -> np.ndarray:
    """(N, num_features) frequency vectors in the order of flattened `coefficients`."""
    axes = [np.fft.fftfreq(2 * r + 1, 1.0 / (2 * r + 1)).round().astype(int) for r in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(reach))


def independent_frequencies(vectors: np.ndarray) -> np.ndarray:
    """Indices of zero and of one of each pair k, -k: the one whose first entry that is not zero is positive."""
    first = [next((entry for entry in row if entry), 0) for row in vectors.tolist()]
    return np.flatnonzero(np.array(first) >= 0)


def fourier_section(config: CircuitConfig, trained: Tensor | None, seeds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spectrum, distribution of coefficients over random angles, and counts.

    Returns:
        a JSON-like section, and arrays for plots.
    """
    table = largest_frequencies(config)
    reach = table.max(0).tolist()
    grid = math.prod(2 * r + 1 for r in reach)
    section: dict[str, Any] = {
        "largest_frequency_by_output_and_feature": table.tolist(),
        "accessible_by_output": [math.prod(2 * int(r) + 1 for r in row) for row in table],
        "accessible": grid,
        "seeds": seeds,
    }
    if grid > MAX_GRID:
        return _one_feature_at_a_time(config, trained, seeds, reach, section)
    draws = affordable(DRAWS, grid * _cost(config), _BUDGET, 3)
    if draws != DRAWS:
        section["note"] = f"{draws} draws of angles a seed instead of {DRAWS}, for the size of the circuit"
    section["draws_of_angles"] = draws
    samples = np.stack([[_flat(config, a, reach) for a in uniform(seeded(seed), draws, config.num_angles)] for seed in range(seeds)])
    vectors = frequencies(reach)
    half = independent_frequencies(vectors)
    nonzero = {part: (np.abs(getattr(samples, part)) > ZERO).any((0, 1)) for part in ("real", "imag")}
    section["by_output"] = [
        {"pauli": pauli} | _counts(nonzero["real"][k], nonzero["imag"][k], half) for k, pauli in enumerate(pauli_strings(config))
    ]
    section["union_over_outputs"] = _counts(nonzero["real"].any(0), nonzero["imag"].any(0), half)
    section["parts_not_zero_by_symmetry"] = 2 * grid - 1
    section["above_threshold"] = _threshold_table(samples)
    size = np.abs(samples)
    section["frequencies"] = [
        {
            "frequency": vectors[f].tolist(),
            "root_mean_square": np.sqrt((size[..., f] ** 2).mean((0, 1))).tolist(),
            "std_over_seeds": np.sqrt((size[..., f] ** 2).mean(1)).std(0, ddof=1 if seeds > 1 else 0).tolist(),
            "largest": size[..., f].max((0, 1)).tolist(),
        }
        for f in half
    ]
    arrays: dict[str, Any] = {"samples": samples.reshape(-1, *samples.shape[2:]), "vectors": vectors, "half": half}
    if trained is not None:
        own = _flat(config, trained, reach)
        arrays["trained"] = own
        section["trained"] = {
            "by_output": [
                {"pauli": pauli} | _counts(np.abs(own[k].real) > ZERO, np.abs(own[k].imag) > ZERO, half)
                for k, pauli in enumerate(pauli_strings(config))
            ],
            "size": [np.abs(own[:, f]).tolist() for f in half],
        }
    return section, arrays


def _cost(config: CircuitConfig) -> float:
    return 2.0**config.num_qubits * (len(gates(config)) + config.num_outputs)


def _values(config: CircuitConfig, angles: Tensor, rows: Tensor) -> Tensor:
    """<P>(x) (R, num_outputs) at inputs (R, num_features)."""
    with torch.no_grad():
        chunks = torch.split(rows, max(1, MAX_AMPLITUDES // 2**config.num_qubits))
        return torch.cat([expectations_of(config, run_states(config, angles.expand(len(chunk), -1), chunk)) for chunk in chunks])


def _flat(config: CircuitConfig, angles: Tensor, reach: list[int]) -> np.ndarray:
    return coefficients(config, angles, reach).reshape(config.num_outputs, -1)


def _counts(real: np.ndarray, imag: np.ndarray, half: np.ndarray) -> dict[str, int]:
    return {
        "real_parts": int(real.sum()),
        "imaginary_parts": int(imag.sum()),
        "parts": int(real.sum() + imag.sum()),
        "frequencies": int((real | imag).sum()),
        "independent": int(real[half].sum() + imag[half].sum()),
    }


def _threshold_table(samples: np.ndarray) -> list[dict[str, Any]]:
    """How many real and imaginary parts of one draw exceed a threshold: mean over draws and std over seeds, of each output."""
    rows = []
    for threshold in THRESHOLDS:
        counts = ((np.abs(samples.real) > threshold).sum(-1) + (np.abs(samples.imag) > threshold).sum(-1)).mean(1)
        rows.append({"threshold": threshold, "parts": [mean_std(column.tolist()) for column in counts.T]})
    return rows


def _one_feature_at_a_time(
    config: CircuitConfig, trained: Tensor | None, seeds: int, reach: list[int], section: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    section["note"] = (
        f"{section['accessible']:,} frequencies, more than {MAX_GRID:,}: coefficients of the series in one feature at a time, "
        "the others at random"
    )
    draws = affordable(DRAWS, sum(2 * r + 1 for r in reach) * _cost(config), _BUDGET, 3)
    section["draws_of_angles"] = draws
    found = []
    for feature, largest in enumerate(reach):
        values = []
        for seed in range(seeds):
            generator = seeded(seed)
            for angles in uniform(generator, draws, config.num_angles):
                chosen = angles if trained is None else trained
                values.append(feature_coefficients(config, chosen, uniform(generator, config.num_features), feature, largest))
        found.append(np.abs(np.stack(values))[:, :, : largest + 1])
    section["one_feature"] = [
        {
            "feature": feature,
            "root_mean_square": np.sqrt((sizes**2).mean(0)).tolist(),
            "nonzero_frequencies": (sizes.max(0) > ZERO).sum(1).tolist(),
        }
        for feature, sizes in enumerate(found)
    ]
    section["angles"] = "trained" if trained is not None else "random"
    return section, {"one_feature": found}
