"""Dropping of Fourier coefficients, smallest first, as long as a rigorous bound allows it."""

from typing import NamedTuple

import numpy as np

from qallegro.quantum.bounds import dropped_bound
from qallegro.quantum.surrogates.coefficients import Coefficients


class Pruned(NamedTuple):
    """Coefficients that are left, and the bound on what the dropped ones made."""

    coefficients: Coefficients
    dropped: int  #: coefficients that were not zero and are now
    value: np.ndarray  #: (outputs,)
    gradient: np.ndarray  #: (outputs, features of the cone)


def prune(coefficients: Coefficients, budget: float) -> Pruned:
    """Set coefficients to zero while `dropped_bound` of each output stays at or below `budget`.

    Args:
        coefficients: of one light cone.
        budget: largest change of an output anywhere in the box; 0 drops nothing.
    """
    tensor = coefficients.tensor.copy()
    shape, outputs = tensor.shape[:-1], tensor.shape[-1]
    value, gradient = np.zeros(outputs), np.zeros((outputs, len(shape)))
    dropped = 0
    peak = np.ones(shape)
    for axis, size in enumerate(shape):
        halves = np.ones(size)
        halves[(size + 1) // 2 :] = 0.5
        peak = peak * halves.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    for output in range(outputs):
        flat = tensor[..., output].reshape(-1)
        order = np.argsort(np.abs(flat) * peak.reshape(-1), kind="stable")
        order = order[flat[order] != 0.0]

        def bound(count: int, flat: np.ndarray = flat, order: np.ndarray = order) -> tuple[float, np.ndarray]:
            removed = np.zeros_like(flat)
            removed[order[:count]] = flat[order[:count]]
            return dropped_bound(removed.reshape(shape))

        few, many = 0, len(order)
        while few < many:
            middle = (few + many + 1) // 2
            few, many = (middle, many) if bound(middle)[0] <= budget else (few, middle - 1)
        if few:
            value[output], gradient[output] = bound(few)
            flat[order[:few]] = 0.0
            tensor[..., output] = flat.reshape(shape)
            dropped += few
    return Pruned(coefficients._replace(tensor=tensor), dropped, value, gradient)
