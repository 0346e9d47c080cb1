"""Hypervolume improvement against a library's hypervolume."""

import moocore
import numpy as np
import pytest

from qallegro.tuning.samo_cobra.hypervolume import non_dominated, non_dominated_boxes


@pytest.mark.parametrize("objectives", [2, 3, 4])
@pytest.mark.parametrize("size", [0, 1, 12])
def test_improvement_is_the_difference_of_hypervolumes(objectives, size):
    rng = np.random.default_rng(objectives * 100 + size)
    values = rng.uniform(0, 1.2, size=(size, objectives))
    values = np.concatenate([values, values[:1]])  # a point twice
    reference = np.ones(objectives)
    front = values[non_dominated(values)]
    candidates = rng.uniform(-0.2, 1.2, size=(40, objectives))

    def volume(points: np.ndarray) -> float:
        return float(moocore.hypervolume(points, ref=reference)) if len(points) else 0.0

    expected = [volume(np.vstack([front, candidate])) - volume(front) for candidate in candidates]
    np.testing.assert_allclose(non_dominated_boxes(front, reference).improvement(candidates), expected, atol=1e-12)


def test_of_equal_points_one_is_kept():
    values = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])
    assert non_dominated(values).tolist() == [True, False, True, False]
