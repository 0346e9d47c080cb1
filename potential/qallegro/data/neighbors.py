"""Padded neighbor tables of single structures, from vesin."""

import hashlib
from typing import NamedTuple

import numpy as np
from vesin import NeighborList

from qallegro.data.frame import Frame


class NeighborTable(NamedTuple):
    """Neighbors of the N atoms of one structure, K = the largest number of them (0 if there are none)."""

    neighbors: np.ndarray  #: (N, K) int32, atom index; unused slots hold the row's own index
    edge_vectors: np.ndarray  #: (N, K, 3) float64 in Å, r_j - r_i + shift . cell; unused slots (2 r_max, 0, 0)
    counts: np.ndarray  #: (N,) int32, used slots, which come first


def neighbor_table(
    positions: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    r_max: float,
    types: np.ndarray | None = None,
    cutoffs: np.ndarray | None = None,
) -> NeighborTable:
    """All pairs closer than the cutoff, every periodic image its own pair.

    Args:
        positions: (N, 3) in Å.
        cell: (3, 3) in Å, rows; anything along directions that are not periodic.
        pbc: (3,) bool.
        r_max: largest cutoff in Å.
        types: (N,) types of the atoms, with `cutoffs` alone.
        cutoffs: (T, T) cutoff in Å for a centre and a neighbor type; longer pairs are left out.
    """
    calculator = NeighborList(cutoff=r_max, full_list=True, sorted=True)
    i, j, r, vectors = calculator.compute(points=positions, box=cell, periodic=pbc, quantities="ijdD", copy=False)
    limit = r_max if cutoffs is None else cutoffs[types[i], types[j]]
    inside = r < limit
    i, j, vectors = i[inside].astype(np.int64), j[inside].astype(np.int32), vectors[inside]
    n = len(positions)
    counts = np.bincount(i, minlength=n)
    width = int(counts.max(initial=0))
    neighbors = np.repeat(np.arange(n, dtype=np.int32)[:, None], width, axis=1)
    edge_vectors = np.zeros((n, width, 3))
    edge_vectors[:, :, 0] = 2.0 * r_max
    slots = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
    neighbors[i, slots] = j
    edge_vectors[i, slots] = vectors
    return NeighborTable(neighbors, edge_vectors, counts.astype(np.int32))


def fingerprint(frame: Frame, table: NeighborTable) -> bytes:
    """A hash that frames with the same geometry share, whatever their order of atoms, orientation and place in the cell.

    It is taken over the sorted (species, species, distance to 0.001 Å) of all neighbor pairs.
    """
    used = np.arange(table.neighbors.shape[1]) < table.counts[:, None]
    row = np.nonzero(used)[0]
    center, neighbor = frame.numbers[row], frame.numbers[table.neighbors[used]]
    r = np.rint(np.linalg.norm(table.edge_vectors[used], axis=-1) * 1e3).astype(np.int64)
    pairs = np.sort((center * 1000 + neighbor) * 1_000_000 + r)
    return hashlib.blake2b(np.sort(frame.numbers).tobytes() + pairs.tobytes(), digest_size=16).digest()
