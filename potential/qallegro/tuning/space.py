"""From a search space to training configurations, and to what Optuna samples."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import Trial

from qallegro.errors import ConfigError
from qallegro.model.config import VARIANT_SECTIONS
from qallegro.training.load_config import apply_override, check_config
from qallegro.tuning.config import Budget, TuningConfig
from qallegro.tuning.variables import AnyVariable, CategoricalVariable

#: keys that the tuning configuration decides in a section of its own
_DECIDED = {
    "training.max_epochs": "budget",
    "training.max_time": "budget",
    "training.max_steps": "budget",
    "training.schedule.over": "budget",
    "data": "base",
    "seed": "base",
    "trainer": "base",
}
#: of epochs, where time is the limit
_NO_LIMIT = 10**6
#: combinations of conditions that are checked before the first trial
_MAX_CHECKS = 64

Space = dict[str, AnyVariable]
Values = dict[str, Any]


def in_order(space: Space) -> list[str]:
    """Names, each after those that it depends on."""
    names: list[str] = []
    while len(names) < len(space):
        names += [name for name in space if name not in names and all(other in names for other in space[name].when)]
    return names


def suggest(trial: Trial, space: Space) -> Values:
    """Values of a trial, for the variables that are there."""
    values: Values = {}
    for name in in_order(space):
        if space[name].is_active(values):
            d = space[name].distribution()
            if isinstance(d, CategoricalDistribution):
                values[name] = trial.suggest_categorical(name, d.choices)
            elif space[name].type == "int":
                values[name] = trial.suggest_int(name, d.low, d.high, step=d.step, log=d.log)
            else:
                values[name] = trial.suggest_float(name, d.low, d.high, step=d.step, log=d.log)
    return values


def middle(space: Space) -> Values:
    """Every variable halfway, the first choice where there is no halfway."""
    return _chosen(space, {})


def _chosen(space: Space, given: Values, end: int | None = None) -> Values:
    """Values of the variables that are there; those not given are in the middle, or at an end."""
    values: Values = {}
    for name in in_order(space):
        variable = space[name]
        if variable.is_active(values):
            at_end = end is not None and not isinstance(variable, CategoricalVariable)
            values[name] = given[name] if name in given else variable.ends()[end] if at_end else variable.middle()
    return values


def points_to_check(space: Space) -> Iterator[Values]:
    """Both ends of the space for every combination of conditions, and every choice once."""
    conditions = sorted({other for variable in space.values() for other in variable.when})
    tables = [space[name].ends() for name in conditions]
    seen = set()
    for combination in itertools.islice(itertools.product(*tables), _MAX_CHECKS):
        given = dict(zip(conditions, combination, strict=True))
        points = [_chosen(space, given, end) for end in (0, -1)]
        for name, variable in space.items():
            if isinstance(variable, CategoricalVariable) and name not in conditions:
                points += [_chosen(space, {**given, name: choice}) for choice in variable.choices]
        for values in points:
            text = json.dumps(values, sort_keys=True)
            if text not in seen:
                seen.add(text)
                yield values


def check_point(space: Space, values: Values) -> str | None:
    """Why a point is none of the space; None where it is."""
    known = {name: value for name, value in values.items() if name in space}
    # Values come first: which variables there are depends on them.
    for name, value in known.items():
        distribution = space[name].distribution()
        try:
            inside = distribution._contains(distribution.to_internal_repr(value))
        except (ValueError, TypeError):
            inside = False
        if not inside:
            return f"`{name}` = {value!r} lies outside"
    expected = _chosen(space, known)
    missing, foreign = sorted(set(expected) - set(values)), sorted(set(values) - set(expected))
    if missing or foreign:
        return f"it has no {', '.join(missing)}" if missing else f"{', '.join(foreign)} is not of the space"
    return None


def training_content(base: dict[str, Any], values: Values, budget: Budget) -> dict[str, Any]:
    """Nested tables of a trial's training configuration: base, values, budget.

    Sections of variants of the model other than the one in the result are left out, so that a base can have a section for each.
    Separate test files are left out too: tuning must not look at them.
    """
    content = copy.deepcopy(base)
    model = content.get("model")
    if isinstance(model, dict):
        chosen = values.get("model.variant", model.get("variant", "allegro"))
        for variant, section in VARIANT_SECTIONS.items():
            if chosen != variant:
                model.pop(section, None)
    for name, value in values.items():
        apply_override(content, f"{name}={json.dumps(value)}")
    if isinstance(content.get("data"), dict):
        content["data"].pop("test", None)
    training = content.setdefault("training", {})
    if isinstance(training, dict):
        training.pop("max_steps", None)
        schedule = training.setdefault("schedule", {})
        if budget.time is not None:
            training.update(max_time=budget.time, max_epochs=_NO_LIMIT)
            schedule["over"] = "time"
        else:
            training.update(max_epochs=budget.epochs, max_time=None)
            schedule["over"] = "epochs"
    trainer = content.setdefault("trainer", {})
    if isinstance(trainer, dict):
        trainer.update(progress="none", plots=False, tensorboard=False)
    return content


def check_space(config: TuningConfig, where: str) -> None:
    """Every end of the space must be a valid training configuration.

    Raises:
        ConfigError: it is not, with the reason, and for unknown keys the nearest valid one.
    """
    if config.base.get("start_from") is not None:
        raise ConfigError(f"`base` must not have `start_from` in `{where}`: a trained model fixes what trials vary; leave it out")
    for name in config.space:
        for key, section in _DECIDED.items():
            if name == key or name.startswith(f"{key}."):
                raise ConfigError(f"`space` must not vary what `{section}` says for all trials, got `{name}` in `{where}`")
    for values in points_to_check(config.space):
        try:
            check_config(training_content(config.base, values, config.budget), f"{where}, `base` with a point of `space`")
        except ConfigError as error:
            shown = ", ".join(f"{name}={json.dumps(value)}" for name, value in values.items())
            raise ConfigError(f"{error}\n  (at {shown})") from error
