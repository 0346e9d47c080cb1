"""Interpolation by radial basis functions."""

import numpy as np
import pytest

from qallegro.tuning.samo_cobra.radial_basis import KERNELS, TAILS, PowerFunction, independent_monomials, interpolate


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(4).uniform(-1, 1, size=(25, 3))


def responses(points: np.ndarray) -> np.ndarray:
    return np.column_stack([np.sin(2 * points[:, 0]) + points[:, 1] * points[:, 2], np.exp(points.sum(axis=1))])


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_goes_through_its_points_and_predicts_between_them(points, kernel, tail):
    [fit] = interpolate(points, responses(points), [kernel], tail)
    np.testing.assert_allclose(fit.predict(points), responses(points), atol=1e-6)
    between = np.random.default_rng(5).uniform(-0.7, 0.7, size=(50, 3))
    mean_error = np.abs(fit.predict(between) - responses(between)).mean(axis=0)
    assert np.all(mean_error < 0.2 * responses(points).std(axis=0))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("tail", "power"), [("linear", 1), ("quadratic", 2)])
def test_reproduces_the_polynomials_of_its_tail(points, kernel, tail, power):
    def polynomial(x: np.ndarray) -> np.ndarray:
        return (3.0 + x**power @ [1.0, -2.0, 0.5])[:, None]

    far = np.random.default_rng(6).uniform(-3, 3, size=(20, 3))
    [fit] = interpolate(points, polynomial(points), [kernel], tail)
    np.testing.assert_allclose(fit.predict(far), polynomial(far), atol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_points_that_nearly_coincide_do_no_harm(points, kernel):
    doubled = np.concatenate([points, points[:5] + 1e-9])
    [fit] = interpolate(doubled, responses(doubled), [kernel], "linear")
    between = np.random.default_rng(5).uniform(-0.7, 0.7, size=(50, 3))
    assert np.abs(fit.predict(between) - responses(between)).mean() < 0.3


def test_tail_leaves_out_what_the_points_cannot_tell_apart():
    one_hot = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    numbers = np.random.default_rng(1).uniform(-1, 1, size=(8, 1))
    points = np.hstack([one_hot, numbers])
    # constant, two of three categories, the number, its square; squares of categories are categories
    assert independent_monomials(points, "quadratic").tolist() == [0, 1, 2, 4, 8]
    assert independent_monomials(points[:3], "quadratic").tolist() == [0, 1]


@pytest.mark.parametrize("kernel", KERNELS)
def test_power_function_vanishes_at_the_points_and_grows_away_from_them(points, kernel):
    power = PowerFunction(points, kernel, "linear")
    [far] = power(np.full((1, 3), 2.0))
    assert power(points).max() < 1e-7 * max(1.0, far)
    assert power(points).max() < np.median(power(points + 0.02)) < far
