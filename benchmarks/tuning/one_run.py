"""One sampler on one problem with one seed, kept as a file that a run which was ended goes on from."""

import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from qallegro.tuning.samo_cobra import SamoCobraSampler
from qallegro.tuning.samo_cobra.infill import Infill

from problems import Problem

KEPT_EVERY = 5  # evaluations


def _gp(seed: int, n: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=n, warn_independent_sampling=False)


def _samo_cobra(infill: Infill, aimed: bool) -> "Maker":
    return lambda seed, n, corner: SamoCobraSampler(seed=seed, n_startup_trials=n, infill=infill, reference_point=corner if aimed else None)


Maker = Callable[[int, int, tuple[float, ...]], BaseSampler]
SAMPLERS: dict[str, Maker] = {
    "samo-cobra": _samo_cobra("hypervolume", False),
    "samo-cobra-s": _samo_cobra("s_metric", False),
    "gp": lambda seed, n, corner: _gp(seed, n),
    "tpe": lambda seed, n, corner: TPESampler(seed=seed, multivariate=True, warn_independent_sampling=False),
    "nsga2": lambda seed, n, corner: NSGAIISampler(seed=seed, population_size=20),
    "random": lambda seed, n, corner: RandomSampler(seed=seed),
    "samo-cobra-aimed": _samo_cobra("hypervolume", True),
    "samo-cobra-s-aimed": _samo_cobra("s_metric", True),
}
"""Maker of each sampler, from a seed, a number of trials before the first model (one more than there are parameters), and the problem's
reference point, which only the last two are told.

TPE keeps its own 10, and NSGA-II has generations of 20, as it would see one or two of its own 50.
"""
AIMED = ("samo-cobra-aimed", "samo-cobra-s-aimed")
FROM_SEED_ALONE = ("samo-cobra", "samo-cobra-s", *AIMED)  # the others have a state that is not kept
STARTED_ANEW = ("nsga2",)  # its generations are not kept either, and it is quick


def file_of(folder: Path, problem: str, sampler: str, seed: int) -> Path:
    """Where a run is kept."""
    return folder / problem / f"{sampler}-{seed}.json"


def _write(path: Path, run: dict[str, Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(run))
    os.replace(temporary, path)


def evaluations_of(path: Path) -> int:
    """Evaluations that a file holds, 0 without one."""
    return len(json.loads(path.read_text())["values"]) if path.is_file() else 0


def run(folder: Path, name: str, problem: Problem, sampler: str, seed: int, evaluations: int) -> None:
    """Evaluate until the run's file holds as many evaluations as asked for.

    A run that goes on gets its earlier evaluations as finished trials. samo-cobra then proposes what it would have proposed; the others get
    a new seed there.

    Args:
        folder: of all runs.
        name: of the problem.
        problem: what to evaluate.
        sampler: a key of `SAMPLERS`.
        seed: of the sampler.
        evaluations: in all.
    """
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = file_of(folder, name, sampler, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"points": [], "values": [], "constraints": [], "seconds": []}
    if path.is_file() and (sampler not in STARTED_ANEW or evaluations_of(path) >= evaluations):
        kept = json.loads(path.read_text())
    d, done = len(problem.lower), len(kept["values"])
    at_seed = seed if sampler in FROM_SEED_ALONE else seed + 1000 * done
    study = optuna.create_study(
        directions=["minimize"] * len(problem.reference),
        sampler=SAMPLERS[sampler](at_seed, d + 1, problem.reference),
    )
    names = [f"x{i}" for i in range(d)]
    distributions = {
        x: optuna.distributions.FloatDistribution(low, high) for x, low, high in zip(names, problem.lower, problem.upper, strict=True)
    }
    for i in range(done):
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(zip(names, kept["points"][i], strict=True)),
                distributions=distributions,
                values=kept["values"][i],
                constraints={f"c{j}": value for j, value in enumerate(kept["constraints"][i])},
            )
        )
    while len(kept["values"]) < evaluations:
        started, cpu = time.perf_counter(), time.process_time()
        trial = study.ask(distributions)
        elapsed = [time.perf_counter() - started, time.process_time() - cpu]
        point = [trial.params[x] for x in names]
        values, constraints = problem.evaluate(np.array(point))
        for j, value in enumerate(constraints):
            trial.set_constraint(f"c{j}", value)
        study.tell(trial, values)
        for key, item in (("points", point), ("values", values), ("constraints", constraints), ("seconds", elapsed)):
            kept[key].append(item)
        if len(kept["values"]) % KEPT_EVERY == 0 or len(kept["values"]) == evaluations:
            _write(path, kept)
