"""What a point adds to the hypervolume of a front: all objectives are minimized, and the reference point bounds the volume."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LARGEST_BLOCK = 4_000_000  # numbers in one intermediate array


def non_dominated(values: Array) -> NDArray[np.bool_]:
    """Which rows of `values` (n, k) no other row dominates; of equal rows the first."""
    not_worse = np.all(values[:, None, :] <= values[None, :, :], axis=2)  # [i, j]: i is nowhere worse than j
    better = np.any(values[:, None, :] < values[None, :, :], axis=2)
    earlier = np.triu(np.ones((len(values), len(values)), dtype=bool), 1)
    return ~np.any(not_worse & (better | earlier), axis=0)


class Boxes(NamedTuple):
    """Disjoint boxes that fill the part of objective space that a front does not dominate, below the reference point."""

    lower: Array  # (b, k), -inf at the open side
    upper: Array  # (b, k)

    def improvement(self, values: Array) -> Array:
        """Volume (m,) that each of `values` (m, k) would add by itself to the front's hypervolume."""
        added = np.empty(len(values))
        rows = max(1, LARGEST_BLOCK // max(1, self.lower.size))
        for start in range(0, len(values), rows):
            block = values[start : start + rows]
            volume = np.ones((len(block), len(self.lower)))
            for j in range(values.shape[1]):
                volume *= np.maximum(0.0, self.upper[:, j] - np.maximum(self.lower[:, j], block[:, j : j + 1]))
            added[start : start + rows] = volume.sum(axis=1)
        return added


def non_dominated_boxes(front: Array, reference: Array) -> Boxes:
    """The boxes for a front (n, k), which may be empty, and a reference point (k,).

    The space is cut into slabs at the front's last coordinates; in each slab the same is done with one objective fewer, for the points
    that reach into it. n + 1 boxes for two objectives, of order n^2 for three.
    """
    front = front[np.all(front < reference, axis=1)]
    k = len(reference)
    if k == 1:
        return Boxes(np.array([[-np.inf]]), np.array([[min([reference[0], *front[:, 0]])]]))
    front = front[np.argsort(front[:, -1], kind="stable")]
    edges = np.concatenate([[-np.inf], front[:, -1], reference[-1:]])
    lower, upper = [], []
    for i in range(len(front) + 1):
        if edges[i + 1] <= edges[i]:
            continue
        below = front[:i, :-1]
        slab = non_dominated_boxes(below[non_dominated(below)], reference[:-1])
        lower.append(np.column_stack([slab.lower, np.full(len(slab.lower), edges[i])]))
        upper.append(np.column_stack([slab.upper, np.full(len(slab.upper), edges[i + 1])]))
    return Boxes(np.concatenate(lower), np.concatenate(upper))
