"""Structures that cover the most of what is not covered yet: farthest-point selection over atomic environments."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist


class Chosen(NamedTuple):
    """Structures in the order in which they were taken."""

    indices: list[int]
    distances: list[float]  #: of the newest environment of each from all before it; inf for the first where nothing was known
    remaining: float  #: of the farthest environment that was not taken, 0 if all were


def farthest_structures(candidates: Sequence[np.ndarray], count: int, known: np.ndarray | None = None) -> Chosen:
    """Greedy k-center (Gonzalez, Theor. Comput. Sci. 38, 293 (1985)), a structure at a time: the one that holds the environment farthest
    from all environments known or taken so far.

    Args:
        candidates: (n_i, d) features of the environments of each structure; n_i may be 0.
        count: structures to take, at most; those that add nothing are not taken.
        known: (m, d) features of what is covered already.
    """
    sizes = [len(one) for one in candidates]
    owner = np.repeat(np.arange(len(candidates)), sizes)
    features = np.concatenate(candidates) if owner.size else np.zeros((0, 1))
    nearest = np.full(len(features), np.inf)
    if known is not None and len(known):
        _update(nearest, features, known)
    indices: list[int] = []
    distances: list[float] = []
    while len(indices) < count and nearest.max(initial=0.0) > 0.0:
        if np.isinf(nearest).all():  # nothing is known: begin with what is most unusual
            place = int(np.linalg.norm(features - features.mean(0), axis=1).argmax())
        else:
            place = int(nearest.argmax())
        indices.append(int(owner[place]))
        distances.append(float(nearest[place]))
        _update(nearest, features, features[owner == owner[place]])
        nearest[owner == owner[place]] = 0.0
    return Chosen(indices, distances, float(nearest.max(initial=0.0)))


def _update(nearest: np.ndarray, features: np.ndarray, new: np.ndarray, block: int = 4096) -> None:
    for start in range(0, len(new), block):
        np.minimum(nearest, cdist(features, new[start : start + block]).min(1), out=nearest)
