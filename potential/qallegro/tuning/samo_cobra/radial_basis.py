"""Interpolation by radial basis functions with a polynomial tail."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgecon, dgetrf, dgetrs
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

SMALLEST_CONDITION = 1e-15  # reciprocal; below it the augmented system is solved by singular values
SMALLEST_SINGULAR_VALUE = 1e-13  # relative to the largest; smaller ones are left out
SMALLEST_INDEPENDENT = 1e-6  # part of a monomial that the others do not explain; with less it is left out of the tail


def _thin_plate_spline(squared: Array) -> Array:
    return 0.5 * squared * np.log(np.where(squared > 0, squared, 1.0))


KERNELS: dict[str, Callable[[Array], Array]] = {
    "cubic": lambda squared: squared * np.sqrt(squared),
    "gaussian": lambda squared: np.exp(-squared),
    "multiquadric": lambda squared: np.sqrt(1 + squared),
    "inverse_quadratic": lambda squared: 1 / (1 + squared),
    "inverse_multiquadric": lambda squared: 1 / np.sqrt(1 + squared),
    "thin_plate_spline": _thin_plate_spline,
}
"""Radial functions of the squared distance, in units of half the range of a parameter."""

TAILS = {"linear": 1, "quadratic": 2}
"""Highest powers of single columns in the polynomial tail; products of columns are left out, as they would be too many."""


def _monomials(points: Array, degree: int) -> Array:
    return np.hstack([np.ones((len(points), 1)), points] + [points**power for power in range(2, degree + 1)])


def independent_monomials(points: Array, tail: str) -> NDArray[np.int64]:
    """Indices of a tail's monomials that points (n, dimension) can tell apart, low powers first, fewer than there are points.

    Columns of a category add up to a constant, and few points cannot determine many coefficients.
    """
    monomials = _monomials(points, TAILS[tail])
    most = max(1, len(points) - 1)
    triangle = np.abs(np.diag(np.linalg.qr(monomials[:, :most], mode="r")))
    if np.all(triangle > SMALLEST_INDEPENDENT * np.linalg.norm(monomials[:, :most], axis=0)):
        return np.arange(min(most, monomials.shape[1]))
    chosen: list[int] = []
    basis = np.empty((len(monomials), 0))
    for index, column in enumerate(monomials.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        norm = np.linalg.norm(rest)
        if norm > SMALLEST_INDEPENDENT * np.linalg.norm(column) and len(chosen) < most:
            chosen.append(index)
            basis = np.column_stack([basis, rest / norm])
    return np.array(chosen)


class Interpolation(NamedTuple):
    """Interpolating functions of q responses, s(x) = sum_i weights_i phi(|x - points_i|) + sum_j coefficients_j monomial_j(x)."""

    kernel: str
    points: Array  # (n, dimension)
    weights: Array  # (n, q)
    degree: int
    monomials: NDArray[np.int64]  # which of the tail's monomials are in use, (t,)
    coefficients: Array  # (t, q)

    def predict(self, points: Array) -> Array:
        """Responses (m, q) at points (m, dimension)."""
        return self.predict_from(cdist(points, self.points, "sqeuclidean"), points)

    def predict_from(self, squared_distances: Array, points: Array) -> Array:
        """As `predict`, with squared distances (m, n) to the model's points known."""
        tail = _monomials(points, self.degree)[:, self.monomials]
        return KERNELS[self.kernel](squared_distances) @ self.weights + tail @ self.coefficients


def _augmented(squared_distances: Array, tail_columns: Array, kernel: str) -> Array:
    """[[Phi, P], [P^T, 0]]."""
    n, t = tail_columns.shape
    system = np.zeros((n + t, n + t))
    system[:n, :n] = KERNELS[kernel](squared_distances)
    system[:n, n:] = tail_columns
    system[n:, :n] = tail_columns.T
    return system


def _solve(system: Array, right: Array) -> Array:
    factors, pivots, singular = dgetrf(system)
    if not singular:
        reciprocal_condition, _ = dgecon(factors, np.abs(system).sum(axis=0).max())
        if reciprocal_condition > SMALLEST_CONDITION:
            return dgetrs(factors, pivots, right)[0]
    return np.linalg.lstsq(system, right, rcond=SMALLEST_SINGULAR_VALUE)[0]


def interpolate(points: Array, responses: Array, kernels: Iterable[str], tail: str) -> list[Interpolation]:
    """For each kernel the interpolation through `responses` (n, q) at different `points` (n, dimension).

    Solves [[Phi, P], [P^T, 0]] [weights, coefficients] = [responses, 0]. Where points lie so close that the system is singular to
    rounding, the solution of least norm is taken, which is smooth there and need not go through every point.

    Args:
        points: in units of half the range of a parameter.
        responses: best standardized.
        kernels: keys of `KERNELS`.
        tail: a key of `TAILS`.
    """
    n, degree = len(points), TAILS[tail]
    monomials = independent_monomials(points, tail)
    tail_columns = _monomials(points, degree)[:, monomials]
    squared_distances = cdist(points, points, "sqeuclidean")
    right = np.zeros((n + len(monomials), responses.shape[1]))
    right[:n] = responses
    fitted = []
    for kernel in kernels:
        solution = _solve(_augmented(squared_distances, tail_columns, kernel), right)
        fitted.append(Interpolation(kernel, points, solution[:n], degree, monomials, solution[n:]))
    return fitted


class PowerFunction:
    """How far interpolation can be off: the square of Schaback's power function (1995), zero at the points.

    |phi(0) - b^T A^-1 b| with the augmented matrix A and b = [phi(|x - points|), monomials(x)].

    Args:
        points: of the interpolation, (n, dimension).
        kernel: a key of `KERNELS`.
        tail: a key of `TAILS`.
    """

    def __init__(self, points: Array, kernel: str, tail: str):
        self._points, self._kernel, self._degree = points, KERNELS[kernel], TAILS[tail]
        self._monomials = independent_monomials(points, tail)
        system = _augmented(cdist(points, points, "sqeuclidean"), _monomials(points, self._degree)[:, self._monomials], kernel)
        self._inverse = _solve(system, np.eye(len(system)))
        self._at_zero = float(self._kernel(np.zeros(1))[0])

    def __call__(self, at: Array) -> Array:
        """Its values (m,) at points (m, dimension)."""
        tail = _monomials(at, self._degree)[:, self._monomials]
        right = np.hstack([self._kernel(cdist(at, self._points, "sqeuclidean")), tail])
        return np.abs(self._at_zero - np.sum(right @ self._inverse * right, axis=1))
