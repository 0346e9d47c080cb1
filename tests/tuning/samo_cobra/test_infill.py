"""What makes a point worth evaluating."""

import numpy as np
import pytest

from qallegro.tuning.samo_cobra.history import constraint_margins
from qallegro.tuning.samo_cobra.infill import InfillCriterion, least_gain, reference_point

FRONT = np.array([[0.0, 4.0], [1.0, 1.0], [4.0, 0.0]])


def criterion(tolerance: float = 0.0) -> InfillCriterion:
    """Points are their own objectives; the sum of the objectives must not be below 0.5."""
    return InfillCriterion(lambda x: (x, 0.5 - x.sum(axis=1, keepdims=True)), FRONT, np.zeros(2), np.full(2, 8.0), np.full(2, tolerance))


def test_gain_is_in_units_of_the_box_below_the_reference_point():
    [loss] = criterion().judge(np.array([[0.5, 0.5]])).loss
    assert loss == pytest.approx(-(0.5 * 3.5 + 0.5 * 3.0) / 64)


def test_feasible_points_come_first_then_the_least_violation():
    points = np.array([[0.1, 0.1], [0.3, 0.1], [6.0, 6.0], [0.5, 0.5]])
    assert criterion().judge(points).order().tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("path", [[[1.5, 1.5], [2.0, 2.0], [5.0, 7.0]], [[-1.0, 8.5], [-1.0, 9.0], [-1.0, 12.0]]])
def test_penalty_grows_behind_the_front_and_beyond_the_reference_point(path):
    loss = criterion().judge(np.array(path)).loss
    assert 0 < loss[0] < loss[1] < loss[2]


def test_gains_below_the_tolerance_do_not_count():
    small, large = [0.95, 0.95], [0.5, 0.5]
    assert np.all(criterion().judge(np.array([small, large])).loss < 0)
    loss = criterion(0.1).judge(np.array([small, large])).loss
    assert loss[0] > 0 > loss[1]
    assert least_gain(FRONT, 12) == pytest.approx([4 / (3 + 0.75 * 12)] * 2)


def test_reference_points_lie_beyond_the_front_and_ignore_a_training_that_diverged():
    values = np.concatenate([FRONT, [[5.0, 6.0], [6.0, 5.0], [1e9, 1e9]]])
    near, far = reference_point(FRONT, values, far=False), reference_point(FRONT, values, far=True)
    assert np.all(near > FRONT.max(axis=0)) and np.all(far >= near)
    assert np.all(far < 50)
    alone = reference_point(FRONT[:1], values[:5], far=False)
    assert np.all(alone > FRONT[0])  # a front of one point leaves room to extend it
    assert reference_point(FRONT[:0], values[:5], far=False) == pytest.approx([6.0, 6.0])


def test_margins_shrink_with_success_and_grow_with_violation_up_to_a_limit():
    kept, violated = np.zeros((5, 1), dtype=bool), np.ones((50, 1), dtype=bool)
    start = constraint_margins(kept[:0])[0]
    assert constraint_margins(kept)[0] == pytest.approx(start * 0.9**10)
    assert start < constraint_margins(violated[:3])[0] < constraint_margins(violated)[0] == pytest.approx(4 * start)
