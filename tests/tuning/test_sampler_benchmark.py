"""What benchmarks/tuning makes of problems, trials and runs. Not which sampler is best."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qallegro.tuning.study import start_or_resume
from qallegro.tuning.worker import work
from tuning.fake_trials import tuning_config

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "tuning"
sys.path.append(str(BENCHMARK))

from problems import PROBLEMS  # noqa: E402
from surrogate import surrogate_problem  # noqa: E402

# 30,000 points of a front leave out the corners between them.
CORNERS = 2e-4
# A smoothed spline through 40 of the formula's values, in logarithms.
SPLINE_ERROR = 0.15
# Factor that it may go beyond the trials' range, at corners without any.
BEYOND = 1.5


def program(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A script of the benchmark, run as a user would."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(BENCHMARK / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(("name", "exact"), [("zdt1", 26 / 3), ("zdt2", 25 / 3), ("dtlz2", 6.25 - math.pi / 4)])
def test_ideal_hypervolume_is_that_of_the_formula(name: str, exact: float) -> None:
    assert PROBLEMS[name].ideal() == pytest.approx(exact, rel=CORNERS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_point_is_beyond_the_ideal_front(name: str) -> None:
    problem = PROBLEMS[name]
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (3000, len(problem.lower)))
    evaluations = [problem.evaluate(point) for point in points]
    ideal = problem.ideal()
    assert ideal is not None
    reached = problem.hypervolume([values for values, _ in evaluations], [constraints for _, constraints in evaluations])
    assert 0.0 < reached < ideal


@pytest.fixture
def surrogate(child, tmp_path: Path) -> Path:
    """A surrogate of forty trials whose errors and latencies are formulas."""
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=40, budget={"epochs": 8, "rungs": []}), tmp_path / "study")
    work(opened)
    done = program("make_surrogate.py", tmp_path / "study", "-o", tmp_path / "surrogate.json")
    assert done.returncode == 0, done.stderr
    assert "40 trials, 2 parameters" in done.stdout
    return tmp_path / "surrogate.json"


def test_surrogate_follows_the_trials_it_is_made_of(surrogate: Path) -> None:
    data, problem = json.loads(surrogate.read_text()), surrogate_problem(surrogate)
    measured = np.array(data["objectives"])
    predicted = np.array([problem.evaluate(np.array(point))[0] for point in data["points"]])
    assert np.median(np.abs(np.log(predicted / measured)), axis=0) == pytest.approx(0.0, abs=SPLINE_ERROR)
    # Between the trials it invents nothing: errors and latencies stay positive and near those that were there.
    anywhere = np.random.default_rng(1).uniform(problem.lower, problem.upper, (200, 2))
    values = np.array([problem.evaluate(point)[0] for point in anywhere])
    assert (values >= measured.min(axis=0) / BEYOND).all() and (values <= measured.max(axis=0) * BEYOND).all()
    assert problem.reference == tuple(measured.max(axis=0))


def test_too_few_trials_make_no_surrogate(child, tmp_path: Path) -> None:
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=5, budget={"epochs": 8, "rungs": []}), tmp_path / "study")
    work(opened)
    done = program("make_surrogate.py", tmp_path / "study", "-o", tmp_path / "surrogate.json")
    assert done.returncode == 1
    assert done.stderr.strip() == f"2 parameters need 6 finished trials, {tmp_path / 'study'} has 5"
    assert not (tmp_path / "surrogate.json").exists()


def test_comparison_goes_on_and_repeats_nothing(surrogate: Path, tmp_path: Path) -> None:
    words = ["--problems", "bnh", "surrogate", "--samplers", "samo-cobra", "random", "--surrogate", surrogate]
    words += ["--runs", tmp_path / "runs", "-o", tmp_path / "report", "--evaluations", "8"]
    assert program("compare_samplers.py", *words, "--seeds", "1").returncode == 0
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    assert len(kept) == 4
    done = program("compare_samplers.py", *words, "--seeds", "2")
    assert done.returncode == 0, done.stderr
    assert "4/4" in done.stdout and "5/" not in done.stdout  # of the second seed alone
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    report = json.loads((tmp_path / "report.json").read_text())
    for problem in ("bnh", "surrogate"):
        for sampler in ("samo-cobra", "random"):
            outcome = report[problem]["samplers"][sampler]
            assert outcome["seeds"] == [1, 2]
            # More evaluations never lose hypervolume.
            assert (np.diff(outcome["hypervolume"], axis=1) >= 0.0).all()
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "| surrogate |  | 8 |" in (tmp_path / "report.md").read_text()
