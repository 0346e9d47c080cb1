"""Search spaces of Optuna as points of a box: numbers from -1 to 1, one column for each choice of a category."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Array = NDArray[np.float64]

CHOICE_ON = 2.0**0.5  # puts two choices of a category as far apart as the two ends of a number's range


class _Columns(Protocol):
    """How one parameter stands in the box."""

    width: int
    continuous: bool
    count: float  # of different values

    def encode(self, value: Any) -> Array: ...

    def decode(self, columns: Array) -> Any: ...

    def snap(self, columns: Array) -> Array: ...

    def neighbors(self, columns: Array) -> Iterator[Array]: ...

    def draw(self, rng: np.random.Generator, n: int) -> Array: ...


class _Number:
    """A float or an integer, with or without step, linear or logarithmic: one column."""

    width = 1

    def __init__(self, distribution: FloatDistribution | IntDistribution):
        self.integer = isinstance(distribution, IntDistribution)
        self.low, self.high, self.step, self.log = distribution.low, distribution.high, distribution.step, distribution.log
        self.continuous = self.step is None
        # whole steps get equal shares of the column, the first and the last too
        half_step = 0.0 if self.continuous else self.step / 2
        self._ends = self._bend(np.array([self.low - half_step, self.high + half_step]))
        self._last_step = 0 if self.continuous else round((self.high - self.low) / self.step)
        self.count = np.inf if self.continuous else self._last_step + 1

    def _bend(self, value: Array) -> Array:
        return np.log(value) if self.log else value

    def _value(self, columns: Array) -> Array:
        start, end = self._ends
        bent = start + (columns + 1) / 2 * (end - start)
        return np.exp(bent) if self.log else bent

    def encode(self, value: Any) -> Array:
        start, end = self._ends
        return np.array([2 * (self._bend(np.asarray(value, dtype=float)) - start) / (end - start) - 1])

    def _steps(self, columns: Array) -> Array:
        return np.clip(np.round((self._value(columns) - self.low) / self.step), 0, self._last_step)

    def _from_steps(self, steps: Array) -> Array:
        return self.encode(self.low + steps * self.step)[0]

    def decode(self, columns: Array) -> int | float:
        if self.continuous:
            return float(np.clip(self._value(columns[0]), self.low, self.high))
        value = self.low + int(self._steps(columns[0])) * self.step
        return int(value) if self.integer else float(min(value, self.high))

    def snap(self, columns: Array) -> Array:
        return np.clip(columns, -1, 1) if self.continuous else self._from_steps(self._steps(columns))

    def neighbors(self, columns: Array) -> Iterator[Array]:
        if self.continuous:
            return
        here = self._steps(columns)
        distance = 1
        while distance <= self._last_step:
            for there in (here - distance, here + distance):
                if 0 <= there[0] <= self._last_step:
                    yield self._from_steps(there)
            distance *= 2

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        return self.snap(rng.uniform(-1, 1, size=(n, 1)))


class _Category:
    """Choices without an order: one column each, of which one is on."""

    continuous = False

    def __init__(self, distribution: CategoricalDistribution):
        self.distribution = distribution
        self.width = len(distribution.choices)
        self.count = self.width

    def _one_hot(self, indices: NDArray[np.int64]) -> Array:
        return CHOICE_ON * np.eye(self.width)[indices]

    def encode(self, value: Any) -> Array:
        return self._one_hot(np.asarray(int(self.distribution.to_internal_repr(value))))

    def decode(self, columns: Array) -> Any:
        return self.distribution.choices[int(np.argmax(columns))]

    def snap(self, columns: Array) -> Array:
        return self._one_hot(np.argmax(columns, axis=-1))

    def neighbors(self, columns: Array) -> Iterator[Array]:
        for choice in range(self.width):
            if choice != np.argmax(columns):
                yield self._one_hot(np.asarray(choice))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        return self._one_hot(rng.integers(self.width, size=n))


def _columns_of(distribution: BaseDistribution) -> _Columns:
    if isinstance(distribution, CategoricalDistribution):
        return _Category(distribution)
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return _Number(distribution)
    raise TypeError(f"no scaling for a parameter of {type(distribution).__name__}")


class DesignSpace:
    """The box that stands for a search space. A row of it is valid if its discrete parameters lie on their values.

    Args:
        search_space: Optuna's distributions by name. Distributions of a single value do not belong here.
    """

    def __init__(self, search_space: Mapping[str, BaseDistribution]):
        self._parameters = {name: _columns_of(distribution) for name, distribution in search_space.items()}
        self._slices: dict[str, slice] = {}
        self.dimension = 0
        """Columns of the box."""
        for name, columns in self._parameters.items():
            self._slices[name] = slice(self.dimension, self.dimension + columns.width)
            self.dimension += columns.width
        self.continuous = np.concatenate([np.full(c.width, c.continuous) for c in self._parameters.values()])
        """Columns (dimension,) that may take any value from -1 to 1."""
        self.size = float(np.prod([c.count for c in self._parameters.values()]))
        """Number of valid rows; infinite with a continuous parameter."""

    def encode(self, parameters: Sequence[Mapping[str, Any]]) -> Array:
        """Rows (n, dimension) of sets of parameters."""
        rows = np.empty((len(parameters), self.dimension))
        for row, values in zip(rows, parameters, strict=True):
            for name, columns in self._parameters.items():
                row[self._slices[name]] = columns.encode(values[name])
        return rows

    def decode(self, row: Array) -> dict[str, Any]:
        """The parameters of one row (dimension,)."""
        return {name: columns.decode(row[self._slices[name]]) for name, columns in self._parameters.items()}

    def snap(self, rows: Array) -> Array:
        """The nearest valid rows (n, dimension)."""
        return np.concatenate([columns.snap(rows[:, self._slices[name]]) for name, columns in self._parameters.items()], axis=1)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Valid rows (n, dimension) at random, each value of a parameter as likely as any other."""
        return np.concatenate([columns.draw(rng, n) for columns in self._parameters.values()], axis=1)

    def neighbors(self, row: Array) -> Array:
        """Valid rows (n, dimension) that differ from `row` in one discrete parameter."""
        found = []
        for name, columns in self._parameters.items():
            for other in columns.neighbors(row[self._slices[name]]):
                moved = row.copy()
                moved[self._slices[name]] = other
                found.append(moved)
        return np.array(found).reshape(-1, self.dimension)

    def mutate(self, rows: Array, width: Array, share: float, rng: np.random.Generator) -> Array:
        """Valid rows near others (n, dimension).

        Each parameter moves with probability `share`, numbers by a normal deviate of `width` (n, 1), categories by a draw.
        """
        moved = rows.copy()
        fresh = self.draw(rng, len(rows))
        for name, columns in self._parameters.items():
            part = self._slices[name]
            new = fresh[:, part] if isinstance(columns, _Category) else rows[:, part] + width * rng.normal(size=(len(rows), 1))
            moved[:, part] = np.where(rng.random((len(rows), 1)) < share, new, rows[:, part])
        return self.snap(moved)
