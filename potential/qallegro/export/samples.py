"""Small structures on which an exported file is checked, and whose results travel in its record.

They are clusters without a cell, so that any engine can rebuild their edges by comparing all pairs.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from ase.data import atomic_numbers, covalent_radii
from torch import Tensor

from qallegro.model.config import ModelConfig


class Table(NamedTuple):
    """Arguments of the exported function."""

    center_types: Tensor  #: (N,) int64
    neighbor_types: Tensor  #: (N, K) int64
    edge_vectors: Tensor  #: (N, K, 3) float64, Å


class Sample(NamedTuple):
    """One cluster."""

    name: str
    types: np.ndarray  #: (N,) index into atom_types
    positions: np.ndarray  #: (N, 3) Å


def make_samples(config: ModelConfig) -> list[Sample]:
    """Clusters of several sizes and densities: a single atom, every dimer, and balls of 5, 12 and 40 atoms with random species."""
    rng = np.random.default_rng(20260)
    nt = len(config.atom_types)
    radii = np.array([covalent_radii[atomic_numbers[s]] for s in config.atom_types])
    samples = [Sample("atom", np.zeros(1, dtype=np.int64), np.zeros((1, 3)))]
    for a in range(nt):
        for b in range(a, nt):
            length = min(1.1 * (radii[a] + radii[b]), 0.9 * config.r_max)
            direction = np.array([0.36, -0.48, 0.8])
            samples.append(
                Sample(f"{config.atom_types[a]}-{config.atom_types[b]}", np.array([a, b]), np.stack([np.zeros(3), length * direction]))
            )
    spacing = min(2.0 * float(radii.mean()), config.r_max)
    for size in (5, 12, 40):
        types = rng.integers(0, nt, size)
        grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3, indexing="ij"), -1).reshape(-1, 3) - 2.0
        sites = grid[np.argsort(np.linalg.norm(grid, axis=1), kind="stable")[:size]]
        samples.append(Sample(f"ball-{size}", types, spacing * (sites + rng.uniform(-0.12, 0.12, sites.shape))))
    return samples


def padded_table(sample: Sample, r_max: float) -> tuple[Table, Tensor]:
    """The neighbor table of a cluster, padded to at least two centres and two slots.

    Returns:
        the table, and the neighbor index (N, K) of each slot (its own row in unused slots). Rows beyond the cluster are padding.
    """
    n = len(sample.types)
    rows = max(n, 2)
    vectors = sample.positions[None, :, :] - sample.positions[:, None, :]
    near = (np.linalg.norm(vectors, axis=2) < r_max) & ~np.eye(n, dtype=bool)
    slots = max(int(near.sum(1).max()), 2)
    edge_vectors = np.zeros((rows, slots, 3))
    edge_vectors[..., 0] = 2.0 * r_max
    neighbor_types = np.zeros((rows, slots), dtype=np.int64)
    neighbors = np.tile(np.arange(rows)[:, None], (1, slots))
    for i in range(n):
        found = np.flatnonzero(near[i])
        edge_vectors[i, : len(found)] = vectors[i, found]
        neighbor_types[i, : len(found)] = sample.types[found]
        neighbors[i, : len(found)] = found
    types = np.concatenate([sample.types, np.zeros(rows - n, dtype=np.int64)])
    return Table(torch.as_tensor(types), torch.as_tensor(neighbor_types), torch.as_tensor(edge_vectors)), torch.as_tensor(neighbors)


def sample_entry(sample: Sample, config: ModelConfig, per_atom_energy: Tensor, forces: Tensor) -> dict[str, Any]:
    """A sample with its expected results, for the record."""
    n = len(sample.types)
    return {
        "name": sample.name,
        "symbols": [config.atom_types[t] for t in sample.types],
        "positions": sample.positions.tolist(),
        "per_atom_energy": per_atom_energy[:n].tolist(),
        "forces": forces[:n].tolist(),
    }
