"""The search for the point that an infill criterion likes best."""

import nlopt
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from qallegro.tuning.samo_cobra.infill import InfillCriterion, Judgement
from qallegro.tuning.samo_cobra.scaling import DesignSpace

Array = NDArray[np.float64]

DRAWN = 1000  # points at random
MUTATED = 1000  # points near those of the front
STARTS = 5  # of the local search: the best of these
FIRST_STEP = 0.1  # of COBYLA, in units of half the range of a parameter
TOLERANCE = 1e-5  # of COBYLA in the same units
EVALUATIONS = 25  # of COBYLA, times the number of continuous parameters, at most
ROUNDS = 3  # of moves in discrete and in continuous parameters
CLOSEST = 1e-4  # distance to a known point below which a proposal says nothing new, for one dimension


class _KnownPoints:
    """Points that were evaluated, failed or are pending, and must not be proposed again."""

    def __init__(self, points: Array):
        self._points = points
        self._closest = CLOSEST * np.sqrt(points.shape[1])

    def far(self, points: Array) -> NDArray[np.bool_]:
        if not len(self._points):
            return np.ones(len(points), dtype=bool)
        return cdist(points, self._points).min(axis=1) > self._closest


def _spread(points: Array, order: NDArray[np.int64], n: int) -> list[int]:
    """The first n points of an order that are not all in one place."""
    chosen: list[int] = []
    closest = 0.1 * np.sqrt(points.shape[1])
    for index in order:
        if len(chosen) == n:
            break
        if not chosen or cdist(points[index : index + 1], points[chosen]).min() > closest:
            chosen.append(int(index))
    return chosen


def _cobyla(criterion: InfillCriterion, start: Array, free: NDArray[np.bool_]) -> Array:
    """The best point that COBYLA (Powell 1994) meets, with the columns that are not `free` kept."""
    at, judgement = start, criterion.judge(start[None, :])
    best, best_rank = start, judgement.rank()

    def judge(x: Array) -> Judgement:
        nonlocal at, judgement, best, best_rank
        point = start.copy()
        point[free] = np.clip(x, -1, 1)
        if not np.array_equal(point, at):  # loss and constraints are asked for one after the other
            at, judgement = point, criterion.judge(point[None, :])
            if judgement.rank() < best_rank:
                best, best_rank = point, judgement.rank()
        return judgement

    def constraints(result: Array, x: Array, _gradient: Array) -> None:
        result[:] = judge(x).constraints[0]

    search = nlopt.opt(nlopt.LN_COBYLA, int(free.sum()))
    search.set_min_objective(lambda x, _gradient: float(judge(x).loss[0]))
    n_constraints = judgement.constraints.shape[1]
    if n_constraints:
        search.add_inequality_mconstraint(constraints, np.full(n_constraints, 1e-9))
    search.set_lower_bounds(-1.0)
    search.set_upper_bounds(1.0)
    search.set_initial_step(FIRST_STEP)
    search.set_xtol_abs(TOLERANCE)
    search.set_maxeval(EVALUATIONS * int(free.sum()))
    try:
        search.optimize(np.clip(start[free], -1, 1))
    except (nlopt.RoundoffLimited, RuntimeError):  # it can get no further; what it has met counts
        pass
    return best


def _improve(criterion: InfillCriterion, space: DesignSpace, point: Array, known: _KnownPoints) -> Array:
    """Local search: COBYLA in the continuous parameters, steps to better neighbors in the discrete ones, in turn."""
    for _ in range(ROUNDS):
        before = point
        if space.continuous.any():
            point = _cobyla(criterion, point, space.continuous)
        while True:
            neighbors = space.neighbors(point)
            neighbors = neighbors[known.far(neighbors)] if len(neighbors) else neighbors
            if not len(neighbors):
                break
            judgement = criterion.judge(neighbors)
            first = judgement.order()[0]
            if known.far(point[None, :])[0] and judgement.rank(first) >= criterion.judge(point[None, :]).rank():
                break
            point = neighbors[first]
        if np.array_equal(point, before) or space.continuous.all():
            break
    return point


def best_point(criterion: InfillCriterion, space: DesignSpace, front: Array, known: Array, rng: np.random.Generator) -> Array | None:
    """A valid point (dimension,) that the criterion likes, apart from all known ones; None if every valid point is known.

    Args:
        criterion: what to look for.
        space: where to look.
        front: points (n, dimension) near which to look closer; may be empty.
        known: points (m, dimension) that are out of the question.
        rng: source of random numbers.
    """
    taken = _KnownPoints(known)
    candidates = [space.draw(rng, DRAWN)]
    if len(front):
        parents = front[rng.integers(len(front), size=MUTATED)]
        widths = 10 ** rng.uniform(-2, 0, size=(MUTATED, 1))
        candidates.append(space.mutate(parents, widths, max(0.5, 2 / space.dimension), rng))
    points = np.concatenate(candidates)
    points = points[taken.far(points)]
    if not len(points):
        return _any_point_left(space, taken, rng)
    order = criterion.judge(points).order()
    starts = points[_spread(points, order, STARTS)]
    ends = np.array([_improve(criterion, space, start, taken) for start in starts])
    ends = np.concatenate([ends[taken.far(ends)], starts])
    return ends[criterion.judge(ends).order()[0]]


def _any_point_left(space: DesignSpace, known: _KnownPoints, rng: np.random.Generator) -> Array | None:
    """A valid point that is not known, by a walk over neighbors of many random points."""
    for point in space.draw(rng, DRAWN):
        neighbors = space.neighbors(point)
        if len(neighbors) and (far := known.far(neighbors)).any():
            return neighbors[np.argmax(far)]
    return None
