"""Results of a study: the models that no other one beats in everything, and the hypervolume that they cover."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import moocore
import numpy as np
from optuna.trial import FrozenTrial

from qallegro.errors import ConfigError
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.objectives import OBJECTIVES
from qallegro.tuning.outcome import finished, record_of
from qallegro.tuning.study import TuningStudy
from qallegro.tuning.worker import count

FORMAT, VERSION = "qallegro-front", 1
#: the worst values of a study, times this, are the reference point if none is given
MARGIN = 1.1


class Results(NamedTuple):
    """Trials that were trained to the end, in the order of their numbers."""

    names: list[str]  #: of the objectives
    trials: list[FrozenTrial]
    values: np.ndarray  #: (trials, objectives)
    on_front: np.ndarray  #: (trials,) bool
    reference_point: np.ndarray  #: (objectives,)

    def hypervolume(self, first: int | None = None) -> float:
        """Share of the box between zero and the reference point that the first trials dominate."""
        values = self.values[:first]
        if len(values) == 0:
            return 0.0
        return float(moocore.hypervolume(values, ref=self.reference_point) / np.prod(self.reference_point))

    def front(self) -> list[FrozenTrial]:
        """Trials of the front, by the first objective."""
        chosen = np.flatnonzero(self.on_front)
        return [self.trials[k] for k in chosen[np.argsort(self.values[chosen, 0], kind="stable")]]


def results(config: TuningConfig, trials: Sequence[FrozenTrial]) -> Results:
    """What a study has found so far."""
    names = list(config.objectives)
    done = finished(trials)
    values = np.array([[record_of(trial)["objectives"][name] for name in names] for trial in done]).reshape(len(done), len(names))
    if config.reference_point is not None:
        reference = np.array([config.reference_point[name] for name in names])
    else:
        reference = MARGIN * values.max(axis=0) if done else np.ones(len(names))
    on_front = moocore.is_nondominated(values) if done else np.zeros(0, dtype=bool)
    return Results(names, done, values, on_front, reference)


def front_record(opened: TuningStudy, command: str) -> dict[str, Any]:
    """The content of `front.json`.

    Args:
        opened: the study.
        command: that this is written by.

    Raises:
        ConfigError: no trial was trained to the end.
    """
    trials = opened.study.get_trials(deepcopy=False)
    found = results(opened.config, trials)
    if not found.trials:
        raise ConfigError(f"a front must have trials that were trained to the end, study `{opened.name}` has none: {outcomes_of(trials)}")
    counts = count(trials)
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "study": opened.name,
        "command": command,
        "code": opened.about["code"],
        "git_commit": opened.about["git_commit"],
        "versions": opened.about["versions"],
        "data": opened.about["data"],
        "seed": opened.config.seed,
        "sampler": opened.config.sampler.name,
        "budget": opened.config.budget.model_dump(exclude_none=True),
        "objectives": {name: OBJECTIVES[name].unit for name in found.names},
        "trials": {"ended": counts.done, "trained_to_the_end": len(found.trials), "running": counts.running},
        "reference_point": dict(zip(found.names, found.reference_point.tolist(), strict=True)),
        "hypervolume": found.hypervolume(),
        "reference_model_latency": opened.about["reference_latency"],
        "models": [model_record(trial) for trial in found.front()],
    }


def model_record(trial: FrozenTrial) -> dict[str, Any]:
    """One model of a front. Latencies are µs an atom and step, errors meV and Å, memory MB."""
    record = record_of(trial)
    return {
        "trial": trial.number,
        "parameters": record["values"],
        "objectives": record["objectives"],
        "weights": record["parameters"],
        "latency": record["latency"],
        "training_seconds": record["seconds"],
        "model": record["model"],
        "exported": record["exported"],
        "host": record["host"],
    }


def outcomes_of(trials: Sequence[FrozenTrial]) -> str:
    """How trials ended, in words."""
    tally: dict[str, int] = {}
    for trial in trials:
        word = record_of(trial).get("outcome", trial.state.name.lower())
        tally[word] = tally.get(word, 0) + 1
    reasons = [record_of(trial)["reason"] for trial in trials if record_of(trial).get("outcome") == "failed"]
    shown = ", ".join(f"{number} {word}" for word, number in tally.items()) or "no trial at all"
    return shown + (f"; the last failure: {reasons[-1]}" if reasons else "")


def pick(record: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    """The model of a front with the least first error among those within limits.

    Args:
        record: content of `front.json`.
        limits: at most, by objective or `weights`.

    Raises:
        ConfigError: a limit on what was not measured, or no model within the limits.
    """

    def value(model: dict[str, Any], name: str) -> float | None:
        if name == "weights":
            return model["weights"]
        if name == "latency" and model["latency"] is not None:
            return model["latency"]["median"]
        return model["objectives"].get(name)

    for name in limits:
        if any(value(model, name) is None for model in record["models"]):
            raise ConfigError(
                f"a limit must be on something that the study measured, {name} was not; it has {', '.join(record['objectives'])}"
            )
    within = [model for model in record["models"] if all(value(model, name) <= limit for name, limit in limits.items())]
    if not within:
        least = "; ".join(f"the least {name} is {min(value(m, name) for m in record['models']):.4g}" for name in limits)
        shown = ", ".join(f"{name} at most {limit:g}" for name, limit in limits.items())
        raise ConfigError(f"no model of the front has {shown}: {least}; raise the limit, or go on with the study")
    first = next(name for name in record["objectives"] if OBJECTIVES[name].column is not None)
    return min(within, key=lambda model: model["objectives"][first])


def read_front(path: Path) -> dict[str, Any]:
    """A front that was written before.

    Raises:
        ConfigError: no such file, or of another format.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"a front must be a file of `qallegro tune front`, got `{path}`: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("format_version") != VERSION:
        raise ConfigError(f"a front must be of format {FORMAT} {VERSION}, `{path}` is not")
    return record
