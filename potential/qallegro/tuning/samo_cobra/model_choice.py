"""For each response the interpolation that has predicted best so far."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from qallegro.tuning.samo_cobra.radial_basis import KERNELS, TAILS, Interpolation, PowerFunction, interpolate
from qallegro.tuning.samo_cobra.responses import ResponseScale, response_scale

Array = NDArray[np.float64]

JUDGED_POINTS = 16  # the latest, each predicted from all points before it
FADING = 0.75  # weight of a squared error over that of the next one; what models did with fewer points says less of what they will do
FEWEST_JUDGED = 4
POINTS_FOR_ALL_JUDGED = 200  # with more, fewer are judged, as the work grows with the cube of the number of points


class ModelName(NamedTuple):
    """What there is to choose between."""

    kernel: str
    tail: str
    logarithmic: bool


class _Group(NamedTuple):
    """Responses that share a kernel and a tail."""

    interpolation: Interpolation
    responses: list[int]
    scales: list[ResponseScale]
    deviations: Array  # of the processes that the responses are taken for, in standardized numbers


class Surrogates:
    """Models of several responses over the same points.

    Args:
        points: (n, dimension), all different.
        values: of the responses, (n, q).
        names: of the models to use, q of them.
    """

    def __init__(self, points: Array, values: Array, names: list[ModelName]):
        self.names = names
        self._points = points
        self._groups = []
        for kernel, tail in dict.fromkeys((name.kernel, name.tail) for name in names):
            responses = [j for j, name in enumerate(names) if (name.kernel, name.tail) == (kernel, tail)]
            scales = [response_scale(values[:, j], names[j].logarithmic) for j in responses]
            numbers = np.column_stack([scale.forward(values[:, j]) for j, scale in zip(responses, scales, strict=True)])
            [fit] = interpolate(points, numbers, [kernel], tail)
            deviations = np.sqrt(np.abs(np.sum(numbers * fit.weights, axis=0)) / len(points))
            self._groups.append(_Group(fit, responses, scales, deviations))

    def lower_bound(self) -> Callable[[Array], Array]:
        """As `predict`, but each value is lowered by its uncertainty.

        The uncertainty is that of kriging, the power function times the deviation of a process that would give such data (Forrester,
        Sobester and Keane, 2008).
        """
        powers = [PowerFunction(self._points, self.names[g.responses[0]].kernel, self.names[g.responses[0]].tail) for g in self._groups]

        def predict(points: Array) -> Array:
            values = np.empty((len(points), len(self.names)))
            for group, power in zip(self._groups, powers, strict=True):
                numbers = group.interpolation.predict(points) - np.sqrt(power(points))[:, None] * group.deviations
                for column, (j, scale) in enumerate(zip(group.responses, group.scales, strict=True)):
                    values[:, j] = scale.backward(numbers[:, column])
            return values

        return predict

    def predict(self, points: Array) -> Array:
        """Values (m, q) at points (m, dimension)."""
        squared_distances = cdist(points, self._points, "sqeuclidean")
        values = np.empty((len(points), len(self.names)))
        for group in self._groups:
            numbers = group.interpolation.predict_from(squared_distances, points)
            for column, (j, scale) in enumerate(zip(group.responses, group.scales, strict=True)):
                values[:, j] = scale.backward(numbers[:, column])
        return values


def _judged(n: int, dimension: int) -> int:
    """How many of the latest of n points models are judged by.

    Before there are as many points as the quadratic tail has monomials it is not determined, and what its models missed then says nothing
    of them: points predicted from so few are left out as soon as there is another.
    """
    affordable = JUDGED_POINTS * min(1.0, (POINTS_FOR_ALL_JUDGED / n) ** 3)
    number = min(n - 2, max(FEWEST_JUDGED, int(affordable)))
    fair = n - (1 + max(TAILS.values()) * dimension) - 1
    return min(number, fair) if fair > 0 else number


def prediction_errors(points: Array, values: Array) -> dict[ModelName, Array]:
    """How far each model was off at the latest points, each predicted from the points before it.

    Args:
        points: (n, dimension) in the order in which they were evaluated, n > 2.
        values: of the responses, (n, q).

    Returns:
        Absolute errors (points judged, q) in the units of the responses.
    """
    n, q = values.shape
    scales = [response_scale(values[:, j], logarithmic) for logarithmic in (False, True) for j in range(q)]
    both = np.concatenate([values, values], axis=1)
    numbers = np.column_stack([scale.forward(both[:, j]) for j, scale in enumerate(scales)])
    judged = range(n - _judged(*points.shape), n)
    errors = {}
    for tail in TAILS:
        predicted = np.array(
            [
                [fit.predict(points[known : known + 1])[0] for fit in interpolate(points[:known], numbers[:known], KERNELS, tail)]
                for known in judged
            ]
        )  # (points judged, kernels, 2 q)
        back = np.stack([scale.backward(predicted[:, :, j]) for j, scale in enumerate(scales)], axis=2)
        missed = np.abs(back - both[judged.start :, None, :])
        for i, kernel in enumerate(KERNELS):
            errors[ModelName(kernel, tail, False)] = missed[:, i, :q]
            errors[ModelName(kernel, tail, True)] = missed[:, i, q:]
    return errors


def fit_best(points: Array, values: Array) -> Surrogates:
    """For each response the model with the least mean square of its `prediction_errors`, the latest weighted most, fitted to all points.

    Args:
        points: (n, dimension), all different, in the order in which they were evaluated.
        values: of the responses, (n, q).
    """
    if len(points) < 3:
        return Surrogates(points, values, [ModelName("cubic", "linear", False)] * values.shape[1])
    errors = prediction_errors(points, values)
    names = list(errors)
    weights = FADING ** np.arange(_judged(*points.shape))[::-1]
    scores = np.array([weights @ errors[name] ** 2 for name in names])
    return Surrogates(points, values, [names[int(best)] for best in np.argmin(scores, axis=0)])
