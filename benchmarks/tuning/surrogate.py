"""A problem made from trials of real trainings: objectives interpolated between them."""

import json
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator

from problems import Evaluation, Problem


def surrogate_problem(path: Path) -> Problem:
    """The problem that `make_surrogate.py` has written.

    A thin plate spline with smoothing through the logarithms of positive objectives, with distances in the unit box, limited to the
    range of the trials so that it does not invent better models than there are.
    """
    data = json.loads(path.read_text())
    points, objectives = np.array(data["points"]), np.array(data["objectives"])
    lower, upper = np.array(data["lower"]), np.array(data["upper"])
    unit = (points - lower) / (upper - lower)
    fit = RBFInterpolator(unit, np.log(objectives), kernel="thin_plate_spline", smoothing=data["smoothing"], degree=1)
    least, most = np.log(objectives.min(axis=0)), np.log(objectives.max(axis=0))

    def evaluate(x: np.ndarray) -> Evaluation:
        logarithms = fit(((x - lower) / (upper - lower))[None, :])[0]
        return np.exp(np.clip(logarithms, least, most)).tolist(), []

    return Problem(tuple(lower), tuple(upper), evaluate, tuple(objectives.max(axis=0)), None, f"{len(points)} trials of {data['study']}")
