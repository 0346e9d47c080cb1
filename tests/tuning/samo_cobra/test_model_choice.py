"""Which model is taken for which response."""

import numpy as np

from qallegro.tuning.samo_cobra.model_choice import fit_best, prediction_errors
from qallegro.tuning.samo_cobra.radial_basis import interpolate
from qallegro.tuning.samo_cobra.responses import inverse_plog, plog, response_scale


def test_plog_is_odd_and_has_its_inverse():
    values = np.array([-1e6, -3.0, -1e-9, 0.0, 1e-9, 0.5, 1e6])
    np.testing.assert_allclose(inverse_plog(plog(values)), values, rtol=1e-12)
    np.testing.assert_array_equal(plog(-values), -plog(values))


def test_scales_go_there_and_back_for_any_unit():
    values = np.array([2.0, 5.0, 900.0, -4.0])
    for logarithmic in (False, True):
        for unit in (1e-9, 1.0, 1e9):
            scale = response_scale(unit * values, logarithmic)
            np.testing.assert_allclose(scale.backward(scale.forward(unit * values)), unit * values, rtol=1e-9)
            np.testing.assert_allclose(scale.forward(unit * values), response_scale(values, logarithmic).forward(values), rtol=1e-9)


def test_constant_responses_are_predicted_as_they_are():
    points = np.random.default_rng(0).uniform(-1, 1, size=(10, 2))
    model = fit_best(points, np.full((10, 1), 7.0))
    np.testing.assert_allclose(model.predict(np.array([[0.3, 0.3]])), 7.0)


def test_an_error_is_that_of_a_model_which_has_not_seen_the_point():
    points = np.random.default_rng(1).uniform(-1, 1, size=(12, 2))
    values = np.sin(3 * points)
    errors = prediction_errors(points, values)
    [before_last] = interpolate(points[:11], values[:11], ["cubic"], "linear")
    np.testing.assert_allclose(errors["cubic", "linear", False][-1], np.abs(before_last.predict(points[11:])[0] - values[11]), atol=1e-10)


def test_each_response_gets_the_model_that_suits_it():
    points = np.random.default_rng(2).uniform(-1, 1, size=(40, 3))
    linear, exponential = points @ [1.0, 2.0, -1.0], 1e3 * np.exp(6 * points[:, 0] + 3 * points[:, 1])
    model = fit_best(points, np.column_stack([linear, exponential]))
    assert [name.logarithmic for name in model.names] == [False, True]
    at = np.random.default_rng(3).uniform(-0.8, 0.8, size=(50, 3))
    np.testing.assert_allclose(model.predict(at)[:, 0], at @ [1.0, 2.0, -1.0], atol=1e-6)


def test_a_quadratic_response_is_known_as_soon_as_it_can_be():
    """One prediction after the quadratic tail is determined outweighs all that it missed with fewer points."""
    points = np.random.default_rng(4).uniform(-1, 1, size=(15, 6))
    values = (points**2 @ np.arange(1.0, 7.0) + points @ np.ones(6))[:, None]
    [name] = fit_best(points, values).names
    assert (name.tail, name.logarithmic) == ("quadratic", False)
