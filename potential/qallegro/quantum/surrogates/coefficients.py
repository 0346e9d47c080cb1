"""Fourier coefficients of the circuit's outputs, from its values on a grid, with a bound on their error.

Functions of a feature with largest frequency r, in this order: 1, sin^2(k x/2) for k = 1..r, sin(k x/2) cos(k x/2) for k = 1..r. They span
the trigonometric polynomials of degree r, all but the first vanish at x = 0, and the coefficient of 1 1 .. 1 is <P>(0): leaving it out
makes a form of <P>(x) - <P>(0) that is zero at zero whatever the rounding.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from qallegro.quantum.bounds import FUNCTION_ROUNDINGS, PREPARATION, gamma, grid_error, interpolation_bound
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.fusion import observable_signs
from qallegro.quantum.surrogates.spectrum import Cone
from qallegro.quantum.surrogates.steps import Real, Step, apply_block, blocks, encoded_columns, start_state

#: complex amplitudes at a time
_CHUNK = 2**20
_PI = 4 * np.arctan(Real(1))


class Coefficients(NamedTuple):
    """Coefficients of the outputs that share a light cone."""

    cone: Cone
    tensor: np.ndarray  #: (2 r_1 + 1, .., 2 r_d + 1, outputs) float64; that of 1 1 .. 1 is zero
    value_error: float  #: bound on |form - circuit| in exact arithmetic
    gradient_error: np.ndarray  #: (d,) the same of the derivative by each feature


def fourier_coefficients(config: CircuitConfig, angles: Tensor, cone: Cone, advance: Callable[[float], None] | None = None) -> Coefficients:
    """Coefficients of one light cone; the other features stay at zero, where they do not matter.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        cone: outputs and the features that reach them.
        advance: called with the share of the grid done since the last call.
    """
    made = blocks(config, angles)
    sizes = [2 * r + 1 for r in cone.degrees]
    # x = 2 pi j / n with j = -r .. r: small angles are the accurate ones.
    axes = [2 * (_PI * (np.arange(-r, r + 1, dtype=Real) / n)) for r, n in zip(cone.degrees, sizes, strict=True)]
    total = math.prod(sizes)
    signs = observable_signs(config)[list(cone.outputs)].numpy().astype(Real)
    values = np.empty((total, len(cone.outputs)), dtype=Real)
    step = max(1, _CHUNK // 2**config.num_qubits)
    for start in range(0, total, step):
        rows = np.arange(start, min(start + step, total))
        features = np.zeros((config.num_features, len(rows)), dtype=Real)
        for feature, axis, index in zip(cone.features, axes, np.unravel_index(rows, sizes or (1,)), strict=False):
            features[feature] = axis[index]
        values[rows] = (signs @ probabilities(config, made, features)).T
        if advance is not None:
            advance(len(rows) / total)
    grid = values.reshape(*sizes, -1)
    tensor = grid
    for axis, degree in enumerate(cone.degrees):
        tensor = np.moveaxis(np.tensordot(to_coefficients(degree), tensor, (1, axis)), 0, axis)
    tensor = np.ascontiguousarray(tensor, dtype=np.float64)
    residual = _residual(tensor, grid, cone.degrees)
    value, gradient = interpolation_bound(cone.degrees, grid_error(made, config.num_qubits) + residual)
    tensor[(0,) * len(sizes)] = 0.0
    return Coefficients(cone, tensor, value, gradient)


def probabilities(config: CircuitConfig, made: list[list[Step]], features: np.ndarray) -> np.ndarray:
    """(2^n, P) |psi|^2 in the measured basis at features (num_features, P), gate by gate."""
    dim, points = 2**config.num_qubits, features.shape[1]
    state = np.repeat(apply_block(made[0], start_state(config)), points, 1)
    for columns, block in zip(encoded_columns(config), made[1:], strict=True):
        for qubit, feature in enumerate(columns):
            halves = state.reshape(2**qubit, 2, -1, points)
            halves[:, 1] *= np.cos(features[feature]) + 1j * np.sin(features[feature])
        state = apply_block(block, state.reshape(dim, points))
    return state.real**2 + state.imag**2


def to_coefficients(degree: int) -> np.ndarray:
    """(n, n): values at 2 pi j / n, j = -r .. r, to coefficients of the functions of one feature.

    cos k x = 1 - 2 sin^2(k x/2) and sin k x = 2 sin(k x/2) cos(k x/2); the first row picks the value at zero.
    """
    n = 2 * degree + 1
    sin, cos = _sin_cos(2 * np.outer(np.arange(1, degree + 1), np.arange(-degree, degree + 1)), n)
    at_zero = np.zeros((1, n), dtype=Real)
    at_zero[0, degree] = 1.0
    return np.concatenate([at_zero, -4 * cos / n, 4 * sin / n])


def _to_values(degree: int) -> np.ndarray:
    """(n, n): the functions of one feature (columns) at 2 pi j / n (rows)."""
    n = 2 * degree + 1
    sin, cos = _sin_cos(np.outer(np.arange(-degree, degree + 1), np.arange(1, degree + 1)), n)
    return np.concatenate([np.ones((n, 1), dtype=Real), sin**2, sin * cos], 1)


def _sin_cos(m: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """sin(pi m / n) and cos(pi m / n) of integers m, with a small relative error everywhere: arguments are reduced to [0, pi/2] exactly."""

    def sine(m: np.ndarray, n: int) -> np.ndarray:
        m = np.mod(m, 2 * n)
        sign, m = np.where(m > n, -1, 1), np.where(m > n, 2 * n - m, m)
        return sign * np.sin(_PI * (np.minimum(m, n - m).astype(Real) / n))

    return sine(m, n), sine(2 * m + n, 2 * n)


def _residual(tensor: np.ndarray, grid: np.ndarray, degrees: tuple[int, ...]) -> float:
    """Bound on the form's deviation from the grid values it was made of: computed, plus the rounding of that computation.

    A sine of `_sin_cos` is off by 3 + F roundings, as t cot t <= 1 on [0, pi/2]; a product of two by twice that and one; sums have n terms.
    """
    back, magnitude = tensor.astype(Real), np.abs(tensor)
    roundings = 1.0
    for axis, degree in enumerate(degrees):
        matrix = _to_values(degree)
        back = np.moveaxis(np.tensordot(matrix, back, (1, axis)), 0, axis)
        magnitude = np.moveaxis(np.tensordot(np.abs(matrix).astype(np.float64), magnitude, (1, axis)), 0, axis)
        roundings += 2 * (3 + FUNCTION_ROUNDINGS) + 1 + 2 * degree + 1
    return float(np.abs(back - grid).max(initial=0.0)) + gamma(roundings, PREPARATION) * float(magnitude.max(initial=0.0)) * (1.0 + 1e-6)
