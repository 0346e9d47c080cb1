"""Paired differences over seeds, and the words that they allow.

Seed s deals out the same frames and draws the same first weights of the body in every variant, so the differences d_s = A_s - B_s are
the data. With mean d, standard deviation s and n seeds, d / (s / sqrt n) follows Student's t distribution of n - 1 degrees of freedom
if A and B are equally good and the differences normal.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

#: probability of a false claim
ERROR_RATE = 0.05


class Paired(NamedTuple):
    """A - B over seeds."""

    mean: float
    standard_error: float  #: NaN with one seed
    seeds: int
    comparisons: int  #: that are judged together

    @property
    def half_width(self) -> float:
        """Of the 95 % confidence interval of this one comparison."""
        return self.standard_error * quantile(self.seeds, 1)

    @property
    def resolved(self) -> bool:
        """Beyond chance, all comparisons of the table counted (Bonferroni)."""
        return abs(self.mean) > self.standard_error * quantile(self.seeds, self.comparisons)

    @property
    def suggested(self) -> bool:
        """Beyond chance only if this were the single comparison made."""
        return abs(self.mean) > self.half_width


def quantile(seeds: int, comparisons: int) -> float:
    """Student's t for a two-sided error rate of `ERROR_RATE` over all comparisons; NaN with one seed."""
    return float(student.ppf(1.0 - ERROR_RATE / (2 * comparisons), seeds - 1)) if seeds > 1 else math.nan


def paired(a: Mapping[Any, float], b: Mapping[Any, float], comparisons: int) -> Paired:
    """Args: a, b: error by seed; seeds that only one of them has are left out. Raises ValueError without a common seed."""
    common = sorted(a.keys() & b.keys())
    if not common:
        raise ValueError(f"a comparison needs a common seed, got {sorted(a)} and {sorted(b)}")
    differences = np.array([a[seed] - b[seed] for seed in common])
    n = len(common)
    error = float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Paired(float(differences.mean()), error, n, comparisons)


def verdict(difference: Paired, a: str, b: str, unit: str) -> str:
    """One sentence on the errors of A and B that claims no more than the spread allows."""
    if difference.seeds < 2:
        return f"{a} against {b}: one seed says nothing about the spread, so nothing is claimed."
    size = f"{abs(difference.mean):.2f} {unit}"
    better = f"{a} has {'lower' if difference.mean < 0 else 'higher'} errors than {b}"
    if difference.resolved:
        return f"{better}, by {size} (95 % interval ± {difference.half_width:.2f})."
    if difference.suggested:
        return (
            f"{a} against {b}: no difference resolved; {size} {'lower' if difference.mean < 0 else 'higher'} would be beyond chance "
            f"as the only comparison, but not as one of {difference.comparisons}."
        )
    return f"{a} against {b}: no difference resolved ({difference.mean:+.2f} ± {difference.half_width:.2f} {unit})."


def criterion(seeds: int, comparisons: int) -> str:
    """The rule in words."""
    if seeds < 2:
        return "With one seed no difference can be judged."
    return (
        f"A difference is claimed only where the mean of the paired differences over {seeds} seeds exceeds "
        f"t = {quantile(seeds, comparisons):.2f} standard errors (Student's t, {seeds - 1} degrees of freedom, two-sided 5 % for all "
        f"{comparisons} comparisons of a data set together); intervals are 95 % intervals of a single comparison "
        f"(t = {quantile(seeds, 1):.2f})."
    )
