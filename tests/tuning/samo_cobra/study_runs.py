"""Small studies for the tests of the sampler."""

from collections.abc import Callable, Sequence

import moocore
import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study


def zdt1(x: np.ndarray) -> list[float]:
    g = 1 + 9 * float(np.mean(x[1:]))
    return [float(x[0]), g * (1 - float(np.sqrt(x[0] / g)))]


def bnh(x: np.ndarray) -> tuple[list[float], list[float]]:
    objectives = [4 * float(x @ x), float((x[0] - 5) ** 2 + (x[1] - 5) ** 2)]
    return objectives, [float((x[0] - 5) ** 2 + x[1] ** 2 - 25), float(7.7 - (x[0] - 8) ** 2 - (x[1] + 3) ** 2)]


def coordinates(trial: optuna.Trial, high: Sequence[float]) -> np.ndarray:
    return np.array([trial.suggest_float(f"x{i}", 0.0, top) for i, top in enumerate(high)])


def run_zdt1(sampler: BaseSampler, n_trials: int, dimension: int = 4) -> Study:
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(lambda trial: zdt1(coordinates(trial, [1.0] * dimension)), n_trials=n_trials)
    return study


def run_bnh(sampler: BaseSampler, n_trials: int) -> Study:
    def objective(trial: optuna.Trial) -> list[float]:
        objectives, constraints = bnh(coordinates(trial, [5.0, 3.0]))
        for i, value in enumerate(constraints):
            trial.set_constraint(f"c{i}", value)
        return objectives

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=n_trials)
    return study


def run(sampler: BaseSampler, objective: Callable[[optuna.Trial], Sequence[float]], n_trials: int, **options) -> Study:
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=n_trials, **options)
    return study


def points(study: Study) -> list[tuple]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def hypervolume(study: Study, reference: Sequence[float]) -> float:
    feasible = [trial.values for trial in study.trials if all(value <= 0 for value in trial.constraints.values())]
    return float(moocore.hypervolume(np.array(feasible), ref=np.array(reference)))
