"""Scales on which responses are modelled: raw, or logarithmic for responses that span orders of magnitude."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LARGEST_EXPONENT = 50.0  # predictions far outside the data must not overflow


def plog(values: Array) -> Array:
    """sign(y) log(1 + |y|): logarithmic far from zero, linear near it, defined for any sign (Regis and Shoemaker 2013)."""
    return np.sign(values) * np.log1p(np.abs(values))


def inverse_plog(values: Array) -> Array:
    """The y of which `values` is the `plog`."""
    return np.sign(values) * np.expm1(np.minimum(np.abs(values), LARGEST_EXPONENT))


class ResponseScale(NamedTuple):
    """From values of one response to the standardized numbers that a model interpolates, and back."""

    logarithmic: bool
    unit: float
    mean: float
    deviation: float

    def forward(self, values: Array) -> Array:
        """Standardized numbers of values."""
        bent = plog(values / self.unit) if self.logarithmic else values
        return (bent - self.mean) / self.deviation

    def backward(self, numbers: Array) -> Array:
        """Values of standardized numbers."""
        bent = numbers * self.deviation + self.mean
        return inverse_plog(bent) * self.unit if self.logarithmic else bent


def response_scale(values: Array, logarithmic: bool) -> ResponseScale:
    """The scale for values (n,). The unit of the logarithmic one is their lower quartile, so that the unit of measurement has no say."""
    unit = 1.0
    if logarithmic:
        sizes = np.abs(values[values != 0])
        unit = float(np.quantile(sizes, 0.25)) if len(sizes) else 1.0
    bent = plog(values / unit) if logarithmic else values
    deviation = float(np.std(bent))
    smallest = np.finfo(float).tiny + 1e-14 * float(np.max(np.abs(bent)))  # all alike: any number will do
    return ResponseScale(logarithmic, unit, float(np.mean(bent)), deviation if deviation > smallest else 1.0)
