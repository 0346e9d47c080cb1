"""A frame ready for batching, and the batching."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from qallegro.data.batch import Batch
from qallegro.data.frame import Frame
from qallegro.data.neighbors import NeighborTable


class Sample(NamedTuple):
    """One frame of N atoms with its neighbor table of K slots; labels as in `Frame`."""

    types: np.ndarray  #: (N,) int64
    table: NeighborTable
    r_max: float  #: Å
    volume: float  #: Å^3, NaN unless periodic in three directions
    energy: float  #: eV
    forces: np.ndarray  #: (N, 3) eV/Å
    stress: np.ndarray  #: (3, 3) eV/Å^3


def make_sample(frame: Frame, type_of: np.ndarray, table: NeighborTable, r_max: float) -> Sample:
    """Args: type_of: type of each atomic number."""
    return Sample(type_of[frame.numbers], table, r_max, frame.volume, frame.energy, frame.forces, frame.stress)


def collate(samples: Sequence[Sample]) -> Batch:
    """Lay samples end to end, padded to the largest number of neighbors among them (at least 1)."""
    sizes = np.array([len(s.types) for s in samples], dtype=np.int64)
    n, k = int(sizes.sum()), max(1, *(s.table.neighbors.shape[1] for s in samples))
    neighbors = np.empty((n, k), dtype=np.int64)
    edge_vectors = np.empty((n, k, 3))
    start = 0
    for sample, size in zip(samples, sizes, strict=True):
        rows, width = slice(start, start + size), sample.table.neighbors.shape[1]
        np.add(sample.table.neighbors, start, out=neighbors[rows, :width])
        edge_vectors[rows, :width] = sample.table.edge_vectors
        if width < k:
            neighbors[rows, width:] = np.arange(start, start + size)[:, None]
            edge_vectors[rows, width:] = (2.0 * sample.r_max, 0.0, 0.0)
        start += size
    return Batch(
        types=torch.from_numpy(np.concatenate([s.types for s in samples])),
        neighbors=torch.from_numpy(neighbors),
        edge_vectors=torch.from_numpy(edge_vectors),
        frame=torch.from_numpy(np.repeat(np.arange(len(samples)), sizes)),
        n_atoms=torch.from_numpy(sizes),
        volume=torch.tensor([s.volume for s in samples], dtype=torch.float64),
        energy=torch.tensor([s.energy for s in samples], dtype=torch.float64),
        forces=torch.from_numpy(np.concatenate([s.forces for s in samples])),
        stress=torch.from_numpy(np.stack([s.stress for s in samples])),
    )
