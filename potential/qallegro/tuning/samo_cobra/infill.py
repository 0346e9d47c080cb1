"""What makes a point worth evaluating: predicted hypervolume improvement, within predicted constraints."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qallegro.tuning.samo_cobra.hypervolume import non_dominated, non_dominated_boxes

Array = NDArray[np.float64]
Infill = Literal["hypervolume", "s_metric"]

REFERENCE_MARGIN = 0.5  # by how much of the front's extent the reference point lies beyond it


class Judgement(NamedTuple):
    """Of points (m, dimension)."""

    constraints: Array  # (m, c) predicted, with their margin; feasible where <= 0
    loss: Array  # (m,) -improvement, or positive for points that are predicted not to improve the front

    @property
    def violation(self) -> Array:
        """Sum of the violated constraints (m,)."""
        return np.maximum(self.constraints, 0).sum(axis=1)

    def order(self) -> NDArray[np.int64]:
        """Indices from the best point to the worst: first the feasible ones by loss, then the others by violation."""
        return np.lexsort((self.loss, self.violation))

    def rank(self, index: int = 0) -> tuple[float, float]:
        """What to compare points by; smaller is better."""
        return float(self.violation[index]), float(self.loss[index])


def reference_point(front: Array, values: Array) -> Array:
    """Where the hypervolume ends (k,): beyond the worst of the front by a share of its extent, but not beyond the worst of all.

    Args:
        front: non-dominated feasible objectives (n, k); empty if nothing is feasible yet.
        values: all objectives so far (m, k).
    """
    worst = values.max(axis=0)
    if not len(front):
        return worst
    nadir, ideal = front.max(axis=0), front.min(axis=0)
    beyond = nadir + REFERENCE_MARGIN * (nadir - ideal)
    # a front of one point has no extent: there the worst values bound the search
    return np.where(nadir > ideal, beyond, np.maximum(worst, nadir))


class InfillCriterion:
    """Judges points by what surrogates predict for them. Objectives are minimized; constraints hold where they are <= 0.

    Args:
        predict: objectives (m, k) and constraints (m, c) of points; the constraints in units of each one's spread, with their margin.
        front: non-dominated feasible objectives, pending points with their predictions among them, (n, k); may be empty.
        ideal, reference: smallest values and reference point, (k,); the scale of every objective.
        tolerance: by how much a point must differ from the front to count, (k,); the epsilon of the S-metric.
    """

    def __init__(
        self,
        predict: Callable[[Array], tuple[Array, Array]],
        front: Array,
        ideal: Array,
        reference: Array,
        tolerance: Array | float = 0.0,
    ):
        self._predict = predict
        self._ideal = ideal
        extent = reference - ideal
        self._extent = np.where(extent > 0, extent, 1.0)
        scaled = (front - ideal) / self._extent
        self._front = scaled[non_dominated(scaled)]
        self._boxes = non_dominated_boxes(self._front, np.ones(len(ideal)))
        self._tolerance = tolerance / self._extent

    def judge(self, points: Array) -> Judgement:
        """The judgement of points (m, dimension)."""
        objectives, constraints = self._predict(points)
        scaled = (objectives - self._ideal) / self._extent
        loss = -self._boxes.improvement(scaled)
        idle = (loss == 0) | (self._tolerance > 0).any()
        if idle.any():
            penalty = self._penalty(scaled[idle])
            loss[idle] = np.where(penalty > 0, penalty, loss[idle])
        return Judgement(constraints, loss)

    def _penalty(self, scaled: Array) -> Array:
        """Grows with the distance behind the front or beyond the reference point, so that a search finds out of there; else 0.

        Dominated points as in Ponweiser et al., PPSN 2008.
        """
        behind = scaled[:, None, :] - self._front[None, :, :] + self._tolerance
        distance = np.where(np.all(behind >= 0, axis=2), np.prod(1 + np.maximum(behind, 0), axis=2) - 1, 0.0)
        outside = np.prod(1 + np.maximum(scaled - 1, 0), axis=1) - 1
        return np.maximum(distance.max(axis=1, initial=0.0), outside)
