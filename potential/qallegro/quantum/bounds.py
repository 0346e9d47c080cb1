"""Rigorous bounds on what a surrogate and its circuit can differ by, over the whole box of features |x_i| <= pi.

Model of arithmetic (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapters 2 and 3). An operation op in {+, -, *} gives
fl(a op b) = (a op b)(1 + d) with |d| <= u, with or without fused multiply-add; a sum of m products in any order is off by at most
gamma_m = m u / (1 - m u) times the sum of their absolute values; a product of complex numbers by at most sqrt(2) gamma_2 relative; sine
and cosine by at most `FUNCTION_ROUNDINGS` u relative. u = 2^-24 in float32, 2^-53 in float64, and 2^-64 in the 80-bit float in which
constants are prepared where there is one (`PREPARATION`). No underflow, no reduced-precision modes.

All norms are 2-norms. For a unitary A of size D, with |A| the matrix of absolute values, || |A| || <= sqrt(D).

What is bounded, in the order of the surrogates' making:

1.  A merged single-qubit matrix (`matrix_error`) and its use on a state (`step_error`). Exact steps keep the norm, so errors of states
    add up over steps (`block_error`). Permutations and signs are exact.
2.  Expectation values on the grid of 2 r_i + 1 equidistant points a feature (`grid_error`).
3.  A trigonometric polynomial of degrees r_i that is within e of the circuit's on that grid is within L e of it everywhere, with L the
    product of the Lebesgue constants (`lebesgue_constant`), and its derivative by x_i within r_i L e (Bernstein's inequality, since the
    difference is itself a trigonometric polynomial of these degrees). Differences to x = 0 add e once more (`interpolation_bound`).
4.  Dropped coefficients (`dropped_bound`).
5.  The evaluation in the precision of the file: `fourier_rounding` for the coefficient form, `state_bound` for state vectors.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from qallegro.quantum.surrogates.steps import Real, Step

#: roundings that a sine, a cosine or sqrt(1/2) may be off by: 4 units in the last place; torch's vectorised float32 functions promise
#: 3.5, float64 and CUDA ones 2 and fewer
FUNCTION_ROUNDINGS = 8.0
#: covers the roundings in the evaluation of the bounds themselves, and products of small errors
_SLACK = 1.0 + 1e-6
#: unit roundoff of the arithmetic that constants are made in
PREPARATION = max(float(np.finfo(Real).eps) / 2.0, 2.0**-64)
#: relative error of a complex product, and of a sum of two complex products
_COMPLEX_PRODUCT = math.sqrt(2.0) * 2.0 * PREPARATION * _SLACK
_TWO_PRODUCTS = _COMPLEX_PRODUCT + PREPARATION


class Bound(NamedTuple):
    """Largest possible deviation over the box."""

    value: np.ndarray  #: (num_outputs,)
    gradient: np.ndarray  #: (num_outputs, num_features), of the derivative by each feature

    def __add__(self, other: "Bound") -> "Bound":  # type: ignore[override]
        return Bound(self.value + other.value, self.gradient + other.gradient)

    @property
    def largest(self) -> tuple[float, float]:
        """Over all outputs, and over all outputs and features."""
        return float(self.value.max(initial=0.0)), float(self.gradient.max(initial=0.0))


def unit_roundoff(dtype: torch.dtype) -> float:
    """u of a precision."""
    return torch.finfo(dtype).eps / 2.0


def gamma(count: float, u: float) -> float:
    """Relative error of `count` roundings, count u / (1 - count u)."""
    if count * u >= 0.5:
        return math.inf
    return count * u / (1.0 - count * u)


def matrix_error(merged: int) -> float:
    """Error (2-norm) of a product of `merged` rotations about an axis.

    Entries of one rotation, cos(a/2) and sin(a/2) (halving is exact), are off by F u relative with F = `FUNCTION_ROUNDINGS`, so the matrix
    by F u || |R| || <= sqrt(2) F u; a product of two adds (sqrt(2) gamma_2 + u) || |A| |B| || <= 2 (sqrt(2) gamma_2 + u).
    """
    return (merged * math.sqrt(2.0) * FUNCTION_ROUNDINGS * PREPARATION + max(merged - 1, 0) * 2.0 * _TWO_PRODUCTS) * _SLACK


def kron_error(qubits: int) -> float:
    """Error (2-norm) of the products in a Kronecker product of unitary 2 x 2 matrices: relative in each entry, || |A| || <= sqrt(D)."""
    return (qubits - 1) * _COMPLEX_PRODUCT * math.sqrt(2.0**qubits) * _SLACK


def step_error(step: Step) -> float:
    """Error (norm) that a step adds to a state of norm one: its matrix, and two products and a sum an amplitude."""
    if step.matrix is None:
        return 0.0
    return matrix_error(step.merged) + math.sqrt(2.0) * _TWO_PRODUCTS * _SLACK


def block_error(block: list[Step]) -> float:
    """Error (norm) of a state of norm one after `apply_block`."""
    return sum(map(step_error, block)) * _SLACK


def encoding_error(num_qubits: int) -> float:
    """Error (norm) that diag(exp(i b . x)) adds on the grid, applied qubit by qubit.

    x = 2 (pi j / n) with |j / n| < 1/2 carries three roundings (pi, quotient, product), hence 3 u pi; a phase F u; its use sqrt(2) gamma_2.
    """
    return num_qubits * (3.0 * math.pi * PREPARATION + FUNCTION_ROUNDINGS * PREPARATION + _COMPLEX_PRODUCT) * _SLACK


def grid_error(blocks: list[list[Step]], num_qubits: int) -> float:
    """Error of any expectation value on the grid.

    A state off by e gives sums of s_b |psi_b|^2 off by 2 e + e^2; squares and their sum over D states add gamma_{D+2}.
    """
    state = (sum(map(block_error, blocks)) + (len(blocks) - 1) * encoding_error(num_qubits)) * _SLACK
    return 2.0 * state + state**2 + gamma(2**num_qubits + 2, PREPARATION) * (1.0 + state) ** 2


def lebesgue_constant(degree: int) -> float:
    """Of trigonometric interpolation at n = 2 r + 1 equidistant points, attained half way between two of them.

    The cardinal functions are sin(n t / 2) / (n sin(t / 2)), so L = 1/n sum_j 1 / |sin((2 j + 1) pi / (2 n))| (Ehlich and Zeller, 1966).
    """
    n = 2 * degree + 1
    return sum(1.0 / abs(math.sin((2 * j + 1) * math.pi / (2 * n))) for j in range(n)) / n * _SLACK


def interpolation_bound(degrees: tuple[int, ...], error: float) -> tuple[float, np.ndarray]:
    """Bound on values and on each derivative of p(x) - p(0) from the error of p on the grid."""
    constant = math.prod(lebesgue_constant(r) for r in degrees)
    return (constant + 1.0) * error * _SLACK, np.array(degrees, dtype=np.float64) * constant * error * _SLACK


def dropped_bound(dropped: np.ndarray) -> tuple[float, np.ndarray]:
    """Bound on |sum of dropped terms| and on its derivatives.

    In the basis {1, cos k x, sin k x} of every feature, the terms of one frequency vector k are a tensor contracted with unit vectors
    (cos k_i x_i, sin k_i x_i), hence at most its Frobenius norm c_k; for one feature that is sqrt(a^2 + b^2). Values are off by at most
    sum_k c_k, the derivative by x_i by sum_k k_i c_k. Where the l1 norm of the dropped coefficients themselves gives less, with
    sin^2(k x / 2) <= 1, |sin(k x / 2) cos(k x / 2)| <= 1/2 and derivatives at most k / 2, that is taken.

    Args:
        dropped: (2 r_1 + 1, 2 r_2 + 1, ..) coefficients of the functions of each feature: 1, then sin^2(k x/2) for k = 1..r, then
            sin(k x/2) cos(k x/2) for k = 1..r.
    """
    standard, magnitude = dropped, np.abs(dropped)
    slopes = []
    for axis, size in enumerate(dropped.shape):
        degree = (size - 1) // 2
        k = np.arange(1, degree + 1)
        peaks = np.concatenate([[1.0], np.ones(degree), np.full(degree, 0.5)])
        slopes.append(np.concatenate([[0.0], k / 2.0, k / 2.0]) / peaks)
        magnitude = magnitude * _along(peaks, axis, dropped.ndim)
        to_standard = np.zeros((size, size))
        to_standard[0, 0] = 1.0
        to_standard[0, 1 : degree + 1] = 0.5
        to_standard[k, k] = -0.5
        to_standard[k + degree, k + degree] = 0.5
        standard = np.moveaxis(np.tensordot(to_standard, standard, (1, axis)), 0, axis)
    squares = standard**2
    for axis, size in enumerate(dropped.shape):
        degree = (size - 1) // 2
        constant, cos, sin = np.split(squares, [1, degree + 1], axis)
        squares = np.concatenate([constant, cos + sin], axis)
    norms = np.sqrt(squares)
    value = min(norms.sum(), magnitude.sum())
    gradient = []
    for axis, slope in enumerate(slopes):
        frequencies = np.arange(norms.shape[axis])
        by_frequency = (norms * _along(frequencies, axis, norms.ndim)).sum()
        gradient.append(min(by_frequency, (magnitude * _along(slope, axis, magnitude.ndim)).sum()))
    return float(value) * _SLACK, np.array(gradient) * _SLACK


def fourier_rounding(coefficients: np.ndarray, u: float, forward: int, backward: int) -> tuple[float, np.ndarray]:
    """Bound on the rounding of one output and its derivatives in the evaluation of the coefficient form with unit roundoff u.

    With t = k x / 2 rounded once, s = sin t and c = cos t are off by e_k = k pi u / 2 + F u, the functions s^2 and s c by b_k = 2 e_k +
    e_k^2 + u. The computed value is a sum of terms c_a f_1 .. f_d, each through at most `forward` operations, in any order; hence its error
    is at most sum_a |c_a| [prod_i (M_i + b_i) (1 + gamma) - prod_i M_i] with M_i the largest value of a function (1, 1 and 1/2). The
    derivative by x_i has k/2 (2 s c) or k/2 (c^2 - s^2) in place of f_i, which reverse differentiation sums of products that are off by
    k/2 (2 sqrt(2) e_k + 2 e_k^2).

    Args:
        coefficients: as for `dropped_bound`.
        u: unit roundoff.
        forward: operations that a term of the value passes, the rounding of the coefficient included.
        backward: operations that a term of the derivative passes, those of the forward pass included.
    """
    magnitude = np.abs(coefficients)
    exact, perturbed, exact_slope, perturbed_slope = [], [], [], []
    for size in coefficients.shape:
        degree = (size - 1) // 2
        k = np.arange(1, degree + 1)
        off = (k * math.pi / 2.0 + FUNCTION_ROUNDINGS) * u * _SLACK
        peaks = np.concatenate([[1.0], np.ones(degree), np.full(degree, 0.5)])
        function_error = np.tile(2.0 * off + off**2 + u, 2)
        slope_error = np.tile(k / 2.0 * (2.0 * math.sqrt(2.0) * off + 2.0 * off**2), 2)
        exact.append(peaks)
        perturbed.append(peaks + np.concatenate([[0.0], function_error]))
        exact_slope.append(np.concatenate([[0.0], k / 2.0, k / 2.0]))
        perturbed_slope.append(exact_slope[-1] + np.concatenate([[0.0], slope_error]))

    def excess(with_error: list[np.ndarray], without: list[np.ndarray], roundings: int) -> float:
        larger, plain = _contract(magnitude, with_error), _contract(magnitude, without)
        # The evaluation of this line itself is in float64: a few hundred roundings, relative to the larger number.
        return max(larger - plain, 0.0) + larger * (gamma(roundings, u) * _SLACK + 1e-14 * u / 2.0**-53)

    value = excess(perturbed, exact, forward)
    gradient = [
        excess(
            [perturbed_slope[j] if j == i else p for j, p in enumerate(perturbed)],
            [exact_slope[j] if j == i else e for j, e in enumerate(exact)],
            backward,
        )
        for i in range(coefficients.ndim)
    ]
    return value, np.array(gradient)


def state_bound(
    block_errors: list[float], reference_error: float, num_qubits: int, encodings_of: np.ndarray, num_outputs: int, u: float
) -> Bound:
    """Bound for a surrogate that carries delta = psi(x) - psi(0) through diagonal encodings and fixed blocks.

    Phases b . x / 2 are sums of n terms of at most pi / 2: off by p = gamma_n n pi / 2. So sin^2 and sin cos of them are off by q = 2 e +
    e^2 + u, e = p + F u, and exp(i b . x) - 1 by w = 2 sqrt(2) q. An encoding, delta + (exp(i b . x) - 1)(psi(0) + delta), keeps the norm
    of psi(0) + delta; it adds w + 12 u (three operations an amplitude on numbers of norm at most 2 each), and the error of the stored
    psi(0) twice. A block adds its `block_errors` (constants, and in the file's precision its sums) times the norm of delta, at most 2. With
    e_K the sum of all these, delta (delta + 2 psi(0)) summed with signs over D states is off by e_K (2 + e_K) + 8 gamma_{2 D + 3}, and by
    the error of the stored psi(0) four times.

    Backward, lambda = 2 P psi has norm 2 and error 2 e_K + 20 u; blocks and encodings keep its norm and add as much as forward. The
    derivative by a phase is at most |lambda_b| |psi_b|; reverse differentiation sums terms of at most four times that, so the sum over b is
    off by 2 |error of psi| + |error of lambda| + 4 (gamma_{2 D + 12} + 3 sqrt(2) e). Each encoding of a feature adds one such error.

    Args:
        block_errors: (K) error of B_1 .. B_K in the 2-norm: stored constants against the circuit's, plus rounding of the products.
        reference_error: norm of the error of any stored psi(0).
        num_qubits: n.
        encodings_of: (num_features,) how often each feature is encoded.
        num_outputs: number of outputs; all have the same bound.
        u: unit roundoff of the evaluation; 0 leaves the errors of the constants alone.
    """
    n, dim = num_qubits, 2**num_qubits
    off = gamma(n, u) * n * math.pi / 2.0 + FUNCTION_ROUNDINGS * u
    phase = 2.0 * math.sqrt(2.0) * (2.0 * off + off**2 + u)
    state = 0.0
    for error in block_errors:
        state += phase * (1.0 + state) + 12.0 * u + 2.0 * reference_error
        state = state * (1.0 + error) + 2.0 * error
    value = state * (2.0 + state) + 8.0 * gamma(2 * dim + 3, u) + 4.0 * reference_error
    adjoint = 2.0 * state + 4.0 * reference_error + 20.0 * u
    for error in block_errors:
        adjoint = adjoint * (1.0 + error) + 2.0 * error + phase * (2.0 + adjoint) + 24.0 * u
    one = 2.0 * state + adjoint * (1.0 + state) + 4.0 * (gamma(2 * dim + 12, u) + 3.0 * math.sqrt(2.0) * off)
    gradient = np.broadcast_to(one * encodings_of, (num_outputs, len(encodings_of)))
    return Bound(np.full(num_outputs, value * _SLACK), gradient * _SLACK)


def _along(vector: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    return vector.reshape([-1 if a == axis else 1 for a in range(ndim)])


def _contract(tensor: np.ndarray, vectors: list[np.ndarray]) -> float:
    for vector in reversed(vectors):
        tensor = tensor @ vector
    return float(tensor)
