"""A problem made from trials of real trainings: objectives interpolated between them."""

import json
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator

from problems import Evaluation, Problem


def spline(unit: np.ndarray, logarithms: np.ndarray, smoothing: float) -> RBFInterpolator:
    """The fit of both: a thin plate spline, with a plane below it.

    Args:
        unit: (trials, parameters) points in the unit box.
        logarithms: (trials, objectives).
        smoothing: 0 goes through every trial.
    """
    return RBFInterpolator(unit, logarithms, kernel="thin_plate_spline", smoothing=smoothing, degree=1)


def explained(unit: np.ndarray, logarithms: np.ndarray, smoothing: float) -> np.ndarray:
    """Share of the variance of each objective that splines through all other trials predict (squared correlation), (objectives,)."""
    without = [spline(np.delete(unit, k, 0), np.delete(logarithms, k, 0), smoothing)(unit[k : k + 1])[0] for k in range(len(unit))]
    return np.array([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(np.array(without).T, logarithms.T, strict=True)])


def surrogate_problem(path: Path) -> Problem:
    """The problem that `make_surrogate.py` has written.

    A thin plate spline with smoothing through the logarithms of positive objectives, with distances in the unit box. It is not held to
    the range of the trials: cut off there, a whole corner of the box would be the optimum.
    """
    data = json.loads(path.read_text())
    points, objectives = np.array(data["points"]), np.array(data["objectives"])
    lower, upper = np.array(data["lower"]), np.array(data["upper"])
    fit = spline((points - lower) / (upper - lower), np.log(objectives), data["smoothing"])

    def evaluate(x: np.ndarray) -> Evaluation:
        return np.exp(fit(((x - lower) / (upper - lower))[None, :])[0]).tolist(), []

    return Problem(tuple(lower), tuple(upper), evaluate, tuple(objectives.max(axis=0)), None, f"{len(points)} trials of {data['study']}")
