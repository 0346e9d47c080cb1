"""Problems to compare samplers on, and how large a hypervolume there is to reach.

All objectives are minimized; constraints hold where they are <= 0.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Evaluation = tuple[list[float], list[float]]  # objectives, constraints


class Problem(NamedTuple):
    """A problem in a box of real parameters."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    evaluate: Callable[[Array], Evaluation]
    reference: tuple[float, ...]
    """Where the hypervolume ends."""
    front: Callable[[int], Array] | None
    """Objectives (n, k) of n points of the Pareto front; None if nobody knows it."""
    source: str

    def hypervolume(self, values: Sequence[Sequence[float]], constraints: Sequence[Sequence[float]]) -> float:
        """Hypervolume of the feasible ones among evaluations."""
        feasible = [value for value, bounds in zip(values, constraints, strict=True) if all(bound <= 0 for bound in bounds)]
        return float(moocore.hypervolume(np.array(feasible), ref=np.array(self.reference))) if feasible else 0.0

    def ideal(self) -> float | None:
        """Hypervolume of the whole Pareto front, by 30,000 points of it; None if nobody knows it."""
        return None if self.front is None else float(moocore.hypervolume(self.front(30_000), ref=np.array(self.reference)))


def _zdt(second: Callable[[float, float], float]) -> Callable[[Array], Evaluation]:
    def evaluate(x: Array) -> Evaluation:
        g = 1 + 9 * float(np.mean(x[1:]))
        return [float(x[0]), g * second(float(x[0]), g)], []

    return evaluate


def _dtlz2(x: Array) -> Evaluation:
    g = 1 + float(np.sum((x[1:] - 0.5) ** 2))
    angle = float(x[0]) * np.pi / 2
    return [g * float(np.cos(angle)), g * float(np.sin(angle))], []


def _bnh(x: Array) -> Evaluation:
    a, b = map(float, x)
    return [4 * a**2 + 4 * b**2, (a - 5) ** 2 + (b - 5) ** 2], [(a - 5) ** 2 + b**2 - 25, 7.7 - (a - 8) ** 2 - (b + 3) ** 2]


def _srn(x: Array) -> Evaluation:
    a, b = map(float, x)
    return [2 + (a - 2) ** 2 + (b - 1) ** 2, 9 * a - (b - 1) ** 2], [a**2 + b**2 - 225, a - 3 * b + 10]


def _tnk(x: Array) -> Evaluation:
    a, b = map(float, x)
    return [a, b], [1 + 0.1 * float(np.cos(16 * np.arctan2(a, b))) - a**2 - b**2, (a - 0.5) ** 2 + (b - 0.5) ** 2 - 0.5]


def _osy(x: Array) -> Evaluation:
    a, b, c, d, e, f = map(float, x)
    first = -(25 * (a - 2) ** 2 + (b - 2) ** 2 + (c - 1) ** 2 + (d - 4) ** 2 + (e - 1) ** 2)
    constraints = [2 - a - b, a + b - 6, b - a - 2, a - 3 * b - 2, (c - 3) ** 2 + d - 4, 4 - (e - 3) ** 2 - f]
    return [first, float(x @ x)], constraints


def _feasible_values(evaluate: Callable[[Array], Evaluation], points: Array) -> Array:
    found = [evaluate(point) for point in points]
    return np.array([values for values, constraints in found if all(bound <= 1e-9 for bound in constraints)])


def _unit_front(evaluate: Callable[[Array], Evaluation], rest: float) -> Callable[[int], Array]:
    """The front where the first of six parameters runs from 0 to 1 and the others have their best value."""
    return lambda n: _feasible_values(evaluate, np.column_stack([np.linspace(0, 1, n), np.full((n, 5), rest)]))


def _bnh_front(n: int) -> Array:
    t = np.linspace(0, 5, n)
    return _feasible_values(_bnh, np.column_stack([t, np.minimum(t, 3)]))


def _srn_front(n: int) -> Array:
    """Along the second constraint, up where a = -2.5, then along the first constraint; the last piece goes on to dominated points."""
    line, angle = np.linspace(1.1, -2.5, n // 3), np.linspace(np.arccos(-1 / 6), np.arccos(-0.5), n // 3)
    pieces = [
        (line, (line + 10) / 3),
        (np.full(n // 3, -2.5), np.linspace(2.5, 218.75**0.5, n // 3)),
        (15 * np.cos(angle), 15 * np.sin(angle)),
    ]
    return _feasible_values(_srn, np.concatenate([np.column_stack(piece) for piece in pieces]))


def _tnk_front(n: int) -> Array:
    angle = np.linspace(0, np.pi / 2, n)
    radius = np.sqrt(1 + 0.1 * np.cos(16 * angle)) * (1 + 1e-12)
    return _feasible_values(_tnk, np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]))


def _osy_front(n: int) -> Array:
    """Five pieces, as in Deb, Multi-objective Optimization using Evolutionary Algorithms (2001); the fourth and sixth parameter are 0."""
    t, one, zero = np.linspace(0, 1, n // 5), np.ones(n // 5), np.zeros(n // 5)
    third, first = 1 + 4 * t, 4.056 + 0.944 * t
    pieces = [
        (5 * one, one, third, zero, 5 * one, zero),
        (5 * one, one, third, zero, one, zero),
        (first, (first - 2) / 3, one, zero, one, zero),
        (zero, 2 * one, 1 + 2.732 * t, zero, one, zero),
        (t, 2 - t, one, zero, one, zero),
    ]
    return _feasible_values(_osy, np.concatenate([np.column_stack(piece) for piece in pieces]))


_zdt1 = _zdt(lambda f, g: 1 - (f / g) ** 0.5)
_zdt2 = _zdt(lambda f, g: 1 - (f / g) ** 2)
_zdt3 = _zdt(lambda f, g: 1 - (f / g) ** 0.5 - f / g * float(np.sin(10 * np.pi * f)))

_ZERO, _ONE = (0.0,) * 6, (1.0,) * 6
_ZDT = "Zitzler, Deb and Thiele, Evol. Comput. 8, 173 (2000), 6 parameters"
_DTLZ = "Deb, Thiele, Laumanns and Zitzler, CEC 2002, 2 objectives, 6 parameters"
_BNH = "Binh and Korn, MENDEL 1997"
_SRN = "Srinivas and Deb, Evol. Comput. 2, 221 (1994)"
_TNK = "Tanaka, Watanabe, Furukawa and Tanino, SMC 1995"
_OSY = "Osyczka and Kundu, Struct. Optim. 10, 94 (1995)"

PROBLEMS: dict[str, Problem] = {
    "zdt1": Problem(_ZERO, _ONE, _zdt1, (3.0, 3.0), _unit_front(_zdt1, 0.0), _ZDT),
    "zdt2": Problem(_ZERO, _ONE, _zdt2, (3.0, 3.0), _unit_front(_zdt2, 0.0), _ZDT),
    "zdt3": Problem(_ZERO, _ONE, _zdt3, (3.0, 3.0), _unit_front(_zdt3, 0.0), _ZDT),
    "dtlz2": Problem(_ZERO, _ONE, _dtlz2, (2.5, 2.5), _unit_front(_dtlz2, 0.5), _DTLZ),
    "bnh": Problem((0.0, 0.0), (5.0, 3.0), _bnh, (140.0, 50.0), _bnh_front, _BNH),
    "srn": Problem((-20.0, -20.0), (20.0, 20.0), _srn, (301.0, 72.0), _srn_front, _SRN),
    "tnk": Problem((1e-5, 1e-5), (np.pi, np.pi), _tnk, (3.0, 3.0), _tnk_front, _TNK),
    "osy": Problem((0.0, 0.0, 1.0, 0.0, 1.0, 0.0), (10.0, 10.0, 5.0, 6.0, 5.0, 10.0), _osy, (0.0, 386.0), _osy_front, _OSY),
}
"""Reference points of the last four are those of de Winter, van Stein and Bäck (EMO 2021)."""
