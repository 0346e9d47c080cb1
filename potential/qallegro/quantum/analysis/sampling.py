"""Random angles and inputs, and how many of them a circuit's size allows."""

import torch
from torch import Tensor

from qallegro.quantum.config import CircuitConfig

#: complex numbers held at once: 64 MiB
MAX_AMPLITUDES = 2**22


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Angles in (-pi, pi), float64: also the box that a model's features lie in."""
    return (torch.rand(*shape, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * torch.pi


def seeded(seed: int) -> torch.Generator:
    """Generator of one seed."""
    return torch.Generator().manual_seed(7919 * seed + 11)


def tangent_chunk(config: CircuitConfig) -> int:
    """How many circuits with all tangents are run at once."""
    return max(1, MAX_AMPLITUDES // ((1 + config.num_angles) * 2**config.num_qubits))


def affordable(wanted: int, cost_of_one: float, budget: float, least: int) -> int:
    """`wanted`, or fewer where the cost of all would pass the budget, but never below `least`."""
    return max(least, min(wanted, int(budget / max(cost_of_one, 1e-300))))


def mean_std(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation over seeds; 0 for one seed."""
    data = torch.tensor(values, dtype=torch.float64)
    return {"mean": float(data.mean()), "std": float(data.std()) if len(values) > 1 else 0.0}
