"""What a trial leaves in the study, and the values that samplers see.

`finished`: trained to the end; these alone are results.
`stopped`: ended at a rung. Samplers see its error there, times the median of (last error / error at that rung) over finished trials.
`infeasible`: breaks a constraint and was not trained. Samplers see the constraint, and the median of finished trials for errors, which
neither draws nor repels; before any trial has finished they see nothing of it.
`failed`: crashed, diverged, ran out of memory or time. Samplers see nothing.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from qallegro.tuning.config import TuningConfig
from qallegro.tuning.objectives import errors

#: user attribute of a trial that holds its record
RECORD = "qallegro"
#: user attribute with the errors at rungs
RUNGS = "rungs"


def record_of(trial: FrozenTrial) -> dict[str, Any]:
    """What the trial left; empty for one whose worker was killed."""
    return trial.user_attrs.get(RECORD, {})


def finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that were trained to the end."""
    return [trial for trial in trials if trial.state == TrialState.COMPLETE and record_of(trial).get("outcome") == "finished"]


def costs(names: Sequence[str], parameters: int, latency: dict[str, Any] | None) -> dict[str, float]:
    """Objectives that do not depend on the weights."""
    known = {"model_size": float(parameters)}
    if latency is not None:
        known |= {"latency": latency["median"], "memory": latency["memory_MB"]}
    return {name: known[name] for name in names if name in known}


def rung_values(trial: FrozenTrial, share: float, names: Sequence[str]) -> list[float] | None:
    """All objectives of another trial as they were at a rung; None if it did not get there."""
    at = trial.user_attrs.get(RUNGS, {}).get(f"{share:g}")
    values = {**(at or {}), **trial.user_attrs.get("costs", {})}
    return [values[name] for name in names] if at is not None and all(name in values for name in names) else None


def estimate(
    config: TuningConfig, trials: Sequence[FrozenTrial], share: float | None, at_rung: dict[str, float]
) -> dict[str, float] | None:
    """Errors that samplers see of a trial that was not trained to the end; None if nothing can be said.

    Args:
        config: of the study.
        trials: of the study.
        share: rung that the trial stopped at; None for one that was not trained at all.
        at_rung: errors there.
    """
    done = finished(trials)
    result = {}
    for name in errors(config.objectives):
        last = [record_of(trial)["objectives"][name] for trial in done]
        if share is None:
            if not last:
                return None
            result[name] = median(last)
        else:
            pairs = [
                (trial.user_attrs.get(RUNGS, {}).get(f"{share:g}", {}).get(name), value) for trial, value in zip(done, last, strict=True)
            ]
            ratios = [value / rung for rung, value in pairs if rung]
            result[name] = at_rung[name] * (median(ratios) if ratios else 1.0)
    return result


def constraint_values(config: TuningConfig, parameters: int, latency: dict[str, Any] | None) -> dict[str, float]:
    """By how much each constraint is broken, as a share of its limit; kept where 0 or less."""
    limits = config.constraints
    result = {}
    if limits.latency is not None and latency is not None:
        result["latency"] = latency["median"] / limits.latency - 1.0
    if limits.parameters is not None:
        result["parameters"] = parameters / limits.parameters - 1.0
    return result


def unusable(values: dict[str, float | None]) -> str | None:
    """Why objectives are no result; None if they are."""
    for name, value in values.items():
        if value is None:
            return f"objective `{name}` must have labels in the validation frames, it has none"
        if not math.isfinite(value):
            return f"objective `{name}` must be finite, got {value}"
    return None
