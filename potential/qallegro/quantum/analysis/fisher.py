"""Fisher information of a circuit with respect to its angles.

Classical, of the probabilities p(y | x, theta) of all 2^n outcomes in the measured basis:

    F_ab = sum_y  d_a p(y) d_b p(y) / p(y)

Quantum, of the state (four times the metric tensor; it bounds the classical one of every measurement):

    Q_ab = 4 Re( <d_a psi|d_b psi> - <d_a psi|psi> <psi|d_b psi> )

Of the layer's outputs f_k = <P_k>, what training by mean squares sees:  G_ab = sum_k d_a f_k d_b f_k.

Each is a Gram matrix J^T J; ranks are taken of J. At one input the classical J has 2^n rows and probabilities sum to 1, so that its rank
is at most 2^n - 1; that of the quantum one at most 2^(n+1) - 2, that of outputs at most their number. Summed over inputs there is no such
ceiling.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qallegro.quantum.analysis.sampling import affordable, mean_std, seeded, tangent_chunk, uniform
from qallegro.quantum.analysis.states import apply_pauli, run_tangents, to_measured_basis
from qallegro.quantum.circuit import pauli_strings
from qallegro.quantum.config import CircuitConfig

KINDS = ("classical", "quantum", "outputs")
#: singular values of J against the largest: rounding leaves 1e-15, and directions that exist have 1e-6 and more at random points
RANK_TOLERANCE = 1e-10
#: numbers of data for the effective dimension; at much fewer kappa is near 1, where it means nothing
DATA_COUNTS = (1_000, 10_000, 100_000, 1_000_000)
#: angle draws a seed, and inputs for each
DRAWS, INPUTS = 12, 24
#: circuits x angles x amplitudes of one seed, some seconds
_BUDGET = 1.2e8


class FisherSamples(NamedTuple):
    """Square roots J of information matrices at many points."""

    classical: Tensor  #: (B, 2^n, A) float64
    quantum: Tensor  #: (B, 2^(n+1), A)
    outputs: Tensor  #: (B, num_outputs, A)


def fisher_roots(config: CircuitConfig, angles: Tensor, features: Tensor) -> FisherSamples:
    """J of each kind, with F = J^T J.

    Args:
        config: the circuit.
        angles: (B, num_angles) rad.
        features: (B, num_features) rad.
    """
    states, tangents = run_tangents(config, angles, features)
    along = torch.einsum("bd,bad->ba", states.conj(), tangents)
    horizontal = tangents - along[:, :, None] * states[:, None]
    quantum = 2.0 * torch.cat([horizontal.real, horizontal.imag], 2)
    outputs = torch.stack(
        [2.0 * (apply_pauli(config, states, pauli).conj()[:, None] * tangents).sum(2).real for pauli in pauli_strings(config)], 1
    )
    amplitudes = to_measured_basis(config, torch.cat([states[:, None], tangents], 1))
    # d p / sqrt(p) = 2 Re(conj(a) d a) / |a| stays finite where an outcome is rare; an impossible outcome carries no information.
    size = amplitudes[:, :1].abs()
    phase = torch.where(size > 0.0, amplitudes[:, :1] / size.clamp_min(1e-300), torch.zeros_like(amplitudes[:, :1]))
    classical = 2.0 * (phase.conj() * amplitudes[:, 1:]).real
    return FisherSamples(classical.transpose(1, 2), quantum.transpose(1, 2), outputs)


def rank(roots: Tensor) -> Tensor:
    """Ranks (...) of J (..., R, A)."""
    values = torch.linalg.svdvals(roots)
    return (values > RANK_TOLERANCE * values[..., :1]).sum(-1)


def effective_dimension(fisher: Tensor, count: int, gamma: float = 1.0) -> float:
    """Effective dimension of Abbas et al., Nat. Comput. Sci. 1, 403 (2021), for `count` data.

    d = 2 log( mean_theta sqrt det(1 + kappa F^) ) / log kappa,   kappa = gamma count / (2 pi log count),   F^ = A F / mean_theta tr F

    Args:
        fisher: (D, A, A), at D random angles, averaged over inputs.
        count: number of data; kappa must be larger than 1.
        gamma: in (0, 1].
    """
    num_angles = fisher.shape[-1]
    kappa = gamma * count / (2.0 * math.pi * math.log(count))
    normalized = fisher * num_angles / fisher.diagonal(dim1=1, dim2=2).sum(1).mean()
    half_logs = 0.5 * torch.linalg.slogdet(torch.eye(num_angles, dtype=fisher.dtype) + kappa * normalized).logabsdet
    return float(2.0 * (torch.logsumexp(half_logs, 0) - math.log(len(half_logs))) / math.log(kappa))


def fisher_section(config: CircuitConfig, trained: Tensor | None, seeds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Information over seeds of random angles and inputs, and at trained angles.

    Returns:
        a JSON-like section, and arrays for plots: mean matrices, eigenvalues.
    """
    draws, inputs = _sizes(config)
    runs = [_one_seed(config, seed, draws, inputs) for seed in range(seeds)]
    ceilings = {"classical": 2**config.num_qubits - 1, "quantum": 2 ** (config.num_qubits + 1) - 2, "outputs": config.num_outputs}
    section: dict[str, Any] = {"angles": config.num_angles, "seeds": seeds, "draws_of_angles": draws, "inputs": inputs}
    wanted = (DRAWS, _wanted_inputs(config))
    if (draws, inputs) != wanted:
        section["note"] = f"{draws} draws and {inputs} inputs a seed instead of {wanted[0]} and {wanted[1]}, for the size of the circuit"
    arrays: dict[str, Any] = {"mean": {}, "eigenvalues": {}, "eigenvalues_one_input": {}}
    for kind in KINDS:
        single = torch.stack([run[kind]["rank_one_input"] for run in runs]).double()
        many = torch.stack([run[kind]["rank_all_inputs"] for run in runs]).double()
        eigenvalues = torch.cat([run[kind]["eigenvalues"] for run in runs])
        mean = torch.stack([run[kind]["mean"] for run in runs])
        arrays["mean"][kind] = mean.mean(0)
        arrays["eigenvalues"][kind] = eigenvalues
        arrays["eigenvalues_one_input"][kind] = torch.cat([run[kind]["eigenvalues_one_input"] for run in runs])
        section[kind] = {
            "ceiling_at_one_input": min(ceilings[kind], config.num_angles),
            "ceiling_over_inputs": min(inputs * ceilings[kind], config.num_angles),
            "rank_at_one_input": mean_std(single.mean(1).tolist()) | {"largest": int(single.max())},
            "rank_over_inputs": mean_std(many.mean(1).tolist()) | {"largest": int(many.max())},
            "trace": mean_std([float(run[kind]["fisher"].diagonal(dim1=1, dim2=2).sum(1).mean()) for run in runs]),
            "eigenvalues": _percentiles(eigenvalues),
            "mean_matrix": mean.mean(0).tolist(),
            "mean_matrix_std_over_seeds": (mean.std(0) if seeds > 1 else torch.zeros_like(mean[0])).tolist(),
        }
    section["effective_dimension"] = {
        str(count): mean_std([effective_dimension(run["classical"]["fisher"], count) for run in runs]) for count in DATA_COUNTS
    }
    if trained is not None:
        own = _at_trained(config, trained, inputs)
        arrays["trained"] = own
        section["trained"] = {
            kind: {"rank_over_inputs": int(values["rank"]), "eigenvalues": values["eigenvalues"].tolist()} for kind, values in own.items()
        }
    return section, arrays


def rank_by_depth(config: CircuitConfig, depths: list[int], seeds: int) -> list[dict[str, Any]]:
    """Ranks against the number of trainable layers, other settings kept."""
    rows = []
    for depth in depths:
        changed = CircuitConfig.model_validate(config.model_dump() | {"depth": depth})
        draws, inputs = _sizes(changed, DRAWS // 3)
        runs = [_one_seed(changed, seed, draws, inputs) for seed in range(seeds)]
        row: dict[str, Any] = {"depth": depth, "layers": changed.num_layers, "angles": changed.num_angles}
        for kind in KINDS:
            row[kind] = {
                "at_one_input": mean_std([float(run[kind]["rank_one_input"].double().mean()) for run in runs]),
                "over_inputs": mean_std([float(run[kind]["rank_all_inputs"].double().mean()) for run in runs]),
            }
        rows.append(row)
    return rows


def _sizes(config: CircuitConfig, draws: int = DRAWS) -> tuple[int, int]:
    cost = config.num_angles * 2**config.num_qubits * (config.num_angles + 3 * config.num_qubits)
    inputs = affordable(_wanted_inputs(config), 2 * cost, _BUDGET, 4)
    return affordable(draws, inputs * cost, _BUDGET, 2), inputs


def _wanted_inputs(config: CircuitConfig) -> int:
    # The few outputs of an input must not limit the rank over all of them.
    return max(INPUTS, -(-3 * config.num_angles // (2 * config.num_outputs)))


def _one_seed(config: CircuitConfig, seed: int, draws: int, inputs: int) -> dict[str, dict[str, Tensor]]:
    generator = seeded(seed)
    angles, features = uniform(generator, draws, config.num_angles), uniform(generator, draws, inputs, config.num_features)
    found: dict[str, dict[str, list[Tensor]]] = {kind: {} for kind in KINDS}
    for draw in range(draws):
        for kind, values in _over_inputs(config, angles[draw], features[draw]).items():
            for name, value in values.items():
                found[kind].setdefault(name, []).append(value)
    result = {}
    for kind, lists in found.items():
        fisher = torch.stack(lists["fisher"])
        result[kind] = {
            "fisher": fisher,
            "mean": fisher.mean(0),
            "eigenvalues": torch.cat(lists["eigenvalues"]),
            "eigenvalues_one_input": torch.cat(lists["eigenvalues_one_input"]),
            "rank_one_input": torch.cat(lists["rank_one_input"]),
            "rank_all_inputs": torch.stack(lists["rank"]),
        }
    return result


def _at_trained(config: CircuitConfig, trained: Tensor, inputs: int) -> dict[str, dict[str, Tensor]]:
    return _over_inputs(config, trained, uniform(seeded(0), inputs, config.num_features))


def _over_inputs(config: CircuitConfig, angles: Tensor, features: Tensor) -> dict[str, dict[str, Tensor]]:
    """Of each kind: mean over inputs, its eigenvalues and rank, and eigenvalues and ranks at every single input."""
    parts = [
        fisher_roots(config, angles.expand(len(chunk), -1), chunk) for chunk in torch.split(features, max(1, tangent_chunk(config) // 4))
    ]
    result = {}
    for kind in KINDS:
        roots = torch.cat([getattr(part, kind) for part in parts])
        stacked = roots.flatten(0, 1)
        fisher = stacked.T @ stacked / len(features)
        single = torch.linalg.svdvals(roots)
        padded = torch.zeros(len(roots), config.num_angles, dtype=roots.dtype)
        padded[:, : single.shape[1]] = single[:, : config.num_angles].square()
        result[kind] = {
            "fisher": fisher,
            "eigenvalues": torch.linalg.eigvalsh(fisher).clamp_min(0.0),
            "eigenvalues_one_input": padded.flatten(),
            "rank": rank(stacked),
            "rank_one_input": (single > RANK_TOLERANCE * single[:, :1]).sum(1),
        }
    return result


def _percentiles(values: Tensor) -> dict[str, float]:
    points = torch.quantile(values, torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=values.dtype)).tolist()
    largest = values.max().clamp_min(1e-300)
    below = {f"share_below_{t:g}_of_largest": float((values < t * largest).double().mean()) for t in (1e-12, 1e-3, 1e-2, 1e-1)}
    return dict(zip(("p5", "p25", "median", "p75", "p95"), points, strict=True)) | {"largest": float(values.max())} | below
