"""What makes a point worth evaluating: predicted hypervolume improvement, within predicted constraints."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qallegro.tuning.samo_cobra.hypervolume import non_dominated, non_dominated_boxes

Array = NDArray[np.float64]
Infill = Literal["hypervolume", "s_metric"]

REFERENCE_MARGIN = 0.5  # by how much of the front's extent the near reference point lies beyond it
LEAST_MARGIN = 0.2  # the same by the extent of all values, for fronts that are short
OUTLIER = 3.0  # interquartile ranges above the upper quartile


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


def reference_point(front: Array, values: Array, far: bool) -> Array:
    """Where the hypervolume ends (k,).

    A near one, a little beyond the front, fills the front; a far one, at the worst of all values, weighs the ends of the front most and so
    extends it. Outliers, such as trainings that diverged, do not count among all values.

    Args:
        front: non-dominated feasible objectives (n, k); empty if nothing is feasible yet, where only the far one makes sense.
        values: all objectives so far (m, k).
        far: which of the two.
    """
    lower_quartile, upper_quartile = np.quantile(values, [0.25, 0.75], axis=0)
    worst = np.minimum(values.max(axis=0), upper_quartile + OUTLIER * (upper_quartile - lower_quartile))
    if not len(front):
        return worst
    nadir, ideal = front.max(axis=0), front.min(axis=0)
    near = nadir + np.maximum(REFERENCE_MARGIN * (nadir - ideal), LEAST_MARGIN * np.maximum(worst - ideal, 0))
    return np.maximum(near, worst) if far else near


def least_gain(front: Array, evaluations: int) -> Array:
    """Gains in each objective (k,) that are too small to bother, the epsilon of the S-metric (Ponweiser et al., PPSN 2008).

    Extent / (points of the front + (1 - 2^-k) evaluations to come). Nobody knows how many come: as many as there were.
    """
    k = front.shape[1]
    return np.ptp(front, axis=0) / (len(front) + (1 - 2.0**-k) * evaluations) if len(front) else np.zeros(k)


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
