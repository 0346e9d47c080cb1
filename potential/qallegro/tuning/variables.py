"""Variables of a search space, as a tuning configuration declares them."""

import math
from typing import Annotated, Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import Field, model_validator

from qallegro.data.config import Strict

Choice = bool | int | float | str | None
#: name of another variable -> value, or values, with which this one is there
When = dict[str, Choice | list[Choice]]


class Variable(Strict):
    """What all kinds share."""

    when: When = Field(
        {}, description="other variables and their values (or lists of them) with which this one is there; always if not given"
    )

    def is_active(self, values: dict[str, Any]) -> bool:
        """Whether it is there, given the values of the variables that it depends on."""
        return all(
            name in values and values[name] in (wanted if isinstance(wanted, list) else [wanted]) for name, wanted in self.when.items()
        )


def _check_bounds(low: float, high: float, step: float | None, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"`low` and `high` must be finite, got {low} and {high}")
    if not low < high:
        raise ValueError(f"`low` must be smaller than `high`, got {low} and {high}; turn them round, or set the value in `base`")
    if log and not low > 0:
        raise ValueError(f"`low` must be larger than 0 where `log` is true, got {low}")
    if log and step not in (None, 1):
        raise ValueError(f"`step` must not be given where `log` is true, got {step}")
    if step is not None and not math.isclose((high - low) / step, round((high - low) / step), abs_tol=1e-9):
        raise ValueError(f"`high` must be a whole number of steps above `low`, got {low}, {high} and step {step}")


class IntVariable(Variable):
    """A whole number from `low` to `high`, both included."""

    type: Literal["int"]
    low: int = Field(description="smallest value")
    high: int = Field(description="largest value")
    step: int = Field(1, ge=1, description="distance between neighboring values")
    log: bool = Field(False, description="ratios count instead of differences")

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> "IntVariable":
        _check_bounds(self.low, self.high, self.step, self.log)
        return self

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        return IntDistribution(self.low, self.high, log=self.log, step=self.step)

    def middle(self) -> int:
        """The value halfway."""
        if self.log:
            return round(math.sqrt(self.low * self.high))
        return self.low + self.step * round((self.high - self.low) / (2 * self.step))

    def ends(self) -> list[Any]:
        """Values that stand for all in a check."""
        return [self.low, self.high]


class FloatVariable(Variable):
    """A number from `low` to `high`, both included."""

    type: Literal["float"]
    low: float = Field(description="smallest value")
    high: float = Field(description="largest value")
    step: float | None = Field(None, gt=0.0, description="distance between neighboring values; none if not given")
    log: bool = Field(False, description="ratios count instead of differences")

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> "FloatVariable":
        _check_bounds(self.low, self.high, self.step, self.log)
        return self

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def middle(self) -> float:
        """The value halfway."""
        if self.log:
            return math.sqrt(self.low * self.high)
        if self.step is not None:
            return self.low + self.step * round((self.high - self.low) / (2 * self.step))
        return 0.5 * (self.low + self.high)

    def ends(self) -> list[Any]:
        """Values that stand for all in a check."""
        return [self.low, self.high]


class CategoricalVariable(Variable):
    """One of some values without an order."""

    type: Literal["categorical"]
    choices: list[Choice] = Field(min_length=2, description="the values")

    @model_validator(mode="after")
    def _choices_differ(self) -> "CategoricalVariable":
        # True == 1 in Python, but they are different values of a configuration.
        if len({(type(choice), choice) for choice in self.choices}) != len(self.choices):
            raise ValueError(f"`choices` must differ, got {self.choices}")
        return self

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        return CategoricalDistribution(self.choices)

    def middle(self) -> Choice:
        """The first one: there is no middle."""
        return self.choices[0]

    def ends(self) -> list[Any]:
        """Values that stand for all in a check."""
        return list(self.choices)


AnyVariable = Annotated[IntVariable | FloatVariable | CategoricalVariable, Field(discriminator="type")]
