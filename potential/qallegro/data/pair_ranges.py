"""What a training set has seen of each pair of species: how close atoms come, and how many neighbors they have."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qallegro.data.neighbors import NeighborTable


class PairRanges(NamedTuple):
    """Center species -> neighbor species -> what atoms of the first have seen of the second within the cutoff."""

    shortest_distances: dict[str, dict[str, float | None]]  #: Å; None for pairs that never met
    neighbor_counts: dict[str, dict[str, list[int]]]  #: fewest and most; a species without atoms has 0 and 0


def pair_ranges(types: Sequence[np.ndarray], tables: Sequence[NeighborTable], atom_types: Sequence[str]) -> PairRanges:
    """Ranges over all atoms of a set.

    Args:
        types: (N,) of the atoms of each frame.
        tables: neighbors of each frame.
        atom_types: species in type order.
    """
    n = len(atom_types)
    shortest = np.full((n, n), np.inf)
    fewest, most = np.full((n, n), np.iinfo(np.int64).max), np.zeros((n, n), dtype=np.int64)
    for own, table in zip(types, tables, strict=True):
        used = np.arange(table.neighbors.shape[1]) < table.counts[:, None]
        row = np.nonzero(used)[0]
        centers, neighbors = own[row], own[table.neighbors[used]]
        np.minimum.at(shortest, (centers, neighbors), np.linalg.norm(table.edge_vectors[used], axis=-1))
        counts = np.zeros((len(own), n), dtype=np.int64)
        np.add.at(counts, (row, neighbors), 1)
        np.minimum.at(fewest, own, counts)
        np.maximum.at(most, own, counts)
    fewest = np.minimum(fewest, most)
    return PairRanges(
        {
            a: {b: float(shortest[i, j]) if np.isfinite(shortest[i, j]) else None for j, b in enumerate(atom_types)}
            for i, a in enumerate(atom_types)
        },
        {a: {b: [int(fewest[i, j]), int(most[i, j])] for j, b in enumerate(atom_types)} for i, a in enumerate(atom_types)},
    )
