"""What the trials of a study say about its search space."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qallegro.errors import ConfigError
from qallegro.tuning.samo_cobra.scaling import DesignSpace

Array = NDArray[np.float64]

MARGIN = 0.04  # square root of the first margin of a constraint, in units of its spread; published: 0.02 of the box's edge, which is 2
LARGEST_MARGIN = 0.08
MARGIN_AFTER_SUCCESS, MARGIN_AFTER_VIOLATION = 0.9, 1.1


class Evaluations(NamedTuple):
    """Different points in the order in which they were first evaluated, and the means of what was measured there."""

    points: Array  # (n, dimension)
    values: Array  # (n, q)


class History(NamedTuple):
    """Trials as numbers; objectives are to be minimized, constraints to be <= 0."""

    objectives: Evaluations
    constraints: Evaluations  # no columns if the study has none
    feasible: NDArray[np.bool_]  # of the points of `objectives`
    pending: Array  # points (p, dimension) under way
    known: Array  # points (m, dimension) that were ever tried, whatever came of it


def _merged(points: Array, values: Array) -> Evaluations:
    if not len(points):
        return Evaluations(points, values)
    different, first, group = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    means = np.zeros((len(different), values.shape[1]))
    np.add.at(means, group.ravel(), values)
    means /= np.bincount(group.ravel(), minlength=len(different))[:, None]
    order = np.argsort(first)
    return Evaluations(points[first[order]], means[order])


def is_usable(trial: FrozenTrial) -> bool:
    """Whether a trial has finished with finite objectives."""
    return trial.state == TrialState.COMPLETE and trial.values is not None and bool(np.all(np.isfinite(trial.values)))


def is_informative(trial: FrozenTrial) -> bool:
    """Whether a trial has finished and teaches anything: its objectives, or as a pruned one its constraints."""
    return is_usable(trial) or (trial.state == TrialState.PRUNED and bool(trial.constraints))


def _constraint_names(trials: Sequence[FrozenTrial]) -> list[str]:
    return sorted({name for trial in trials for name in trial.constraints})


def read_history(
    trials: Sequence[FrozenTrial],
    parameters: Mapping[int, Mapping[str, Any]],
    directions: Sequence[StudyDirection],
    space: DesignSpace,
) -> History:
    """The history of trials, ordered by number.

    Failed trials and trials whose objectives are not finite teach only that their points are known; pruned trials also teach their
    constraints, where they have them.

    Args:
        trials: of any state.
        parameters: of each trial that has all the parameters of `space`, by its number.
        directions: of the objectives.
        space: of the points.

    Raises:
        ConfigError: if a finished trial lacks a constraint that another one has.
    """
    signs = np.array([1.0 if direction == StudyDirection.MINIMIZE else -1.0 for direction in directions])
    names = _constraint_names(trials)
    trials = [trial for trial in trials if trial.number in parameters]
    rows = dict(zip((trial.number for trial in trials), space.encode([parameters[trial.number] for trial in trials]), strict=True))

    def evaluations(chosen: list[FrozenTrial], values: list[Array], q: int) -> Evaluations:
        points = np.array([rows[trial.number] for trial in chosen]).reshape(-1, space.dimension)
        return _merged(points, np.array(values, dtype=float).reshape(len(values), q))

    complete = [trial for trial in trials if is_usable(trial)]
    for trial in complete:
        if missing := [name for name in names if name not in trial.constraints]:
            raise ConfigError(
                f"trial {trial.number} lacks constraint `{missing[0]}`, which other trials of the study have: every finished trial needs "
                f"all constraints ({', '.join(names)}); set them before the trial ends"
            )
    constrained = [
        trial
        for trial in trials
        if names and trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and all(name in trial.constraints for name in names)
    ]
    objectives = evaluations(complete, [signs * np.array(trial.values) for trial in complete], len(signs))
    constraints = evaluations(constrained, [_finite([trial.constraints[name] for name in names]) for trial in constrained], len(names))
    violated = evaluations(complete, [np.array([sum(c > 0 for c in trial.constraints.values())]) for trial in complete], 1)
    pending = [rows[trial.number] for trial in trials if trial.state == TrialState.RUNNING]
    return History(
        objectives=objectives,
        constraints=constraints,
        feasible=violated.values[:, 0] == 0,
        pending=np.array(pending).reshape(-1, space.dimension),
        known=np.array(list(rows.values())).reshape(-1, space.dimension),
    )


def _finite(values: Sequence[float]) -> Array:
    return np.clip(np.array(values, dtype=float), -1e100, 1e100)


def constraint_margins(violated: NDArray[np.bool_]) -> Array:
    """Margins (c,) by which predictions have to keep clear of the constraints, in units of each one's spread.

    A margin shrinks with every point that kept to its constraint and grows with every one that did not.

    Args:
        violated: by point proposed, in order, and constraint, (n, c).
    """
    roots = np.full(violated.shape[1], MARGIN)
    for row in violated:
        roots = np.where(row, np.minimum(roots * MARGIN_AFTER_VIOLATION, LARGEST_MARGIN), roots * MARGIN_AFTER_SUCCESS)
    return roots**2
