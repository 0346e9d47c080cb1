"""Parameters that are not all real numbers."""

import optuna
import pytest

from qallegro.tuning.samo_cobra import SamoCobraSampler
from tuning.samo_cobra.study_runs import points, run

optuna.logging.set_verbosity(optuna.logging.WARNING)


def mixed(trial: optuna.Trial) -> list[float]:
    """Best for `kind` b and the smallest rate; layers and width trade one objective for the other."""
    layers = trial.suggest_int("layers", 1, 4)
    width = trial.suggest_int("width", 4, 128, log=True)
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    step = trial.suggest_float("step", 0.0, 1.0, step=0.25)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    error = 1 / layers + 4 / width + rate + step**2 + {"a": 0.5, "b": 0.0, "c": 1.0}[kind]
    return [error, layers * width / 100]


def test_mixed_parameters_are_optimized():
    study = run(SamoCobraSampler(seed=0), mixed, 26)
    front = study.best_trials
    assert len(front) >= 8
    assert sum(trial.params["kind"] == "b" and trial.params["step"] == 0.0 for trial in front) >= 0.7 * len(front)
    assert min(trial.values[0] for trial in front) < 0.4  # 0.28 is the smallest there is
    assert min(trial.values[1] for trial in front) == pytest.approx(0.04)


def test_no_point_of_a_finite_space_is_proposed_twice_until_all_are_known():
    def objective(trial: optuna.Trial) -> list[float]:
        a, b = trial.suggest_int("a", 0, 3), trial.suggest_categorical("b", ["x", "y", "z"])
        return [float(a), -a + {"x": 0.0, "y": 1.0, "z": 2.0}[b]]

    study = run(SamoCobraSampler(seed=1), objective, 13)
    in_design = len(set(points(study)[:3]))  # the Halton design does not look back
    assert len(set(points(study)[:12])) >= 12 - (3 - in_design)
    proposed = points(study)[3 : 3 + 12 - in_design]
    assert len(set(proposed)) == 12 - in_design and not set(proposed) & set(points(study)[:3])


def test_conditional_parameters_are_sampled_on_their_own():
    def objective(trial: optuna.Trial) -> list[float]:
        x = trial.suggest_float("x", 0.0, 1.0)
        kind = trial.suggest_categorical("kind", ["plain", "quantum"])
        extra = 0.0 if kind == "plain" else 0.1 * trial.suggest_int("depth", 1, 4) - 0.2
        return [x + extra, (1 - x) ** 2]

    study = run(SamoCobraSampler(seed=2), objective, 12)
    depths = {trial.params["depth"] for trial in study.trials if "depth" in trial.params}
    assert len(depths) > 1
    assert all(("depth" in trial.params) == (trial.params["kind"] == "quantum") for trial in study.trials)


def test_parameters_of_one_value_are_left_alone():
    def objective(trial: optuna.Trial) -> list[float]:
        x, fixed = trial.suggest_float("x", 0.0, 1.0), trial.suggest_int("fixed", 3, 3)
        return [x * fixed, (1 - x) ** 2]

    study = run(SamoCobraSampler(seed=3), objective, 8)
    assert len({trial.params["x"] for trial in study.trials}) == 8


def test_three_objectives():
    def objective(trial: optuna.Trial) -> list[float]:
        x, y, z = (trial.suggest_float(name, 0.0, 1.0) for name in "xyz")
        return [x**2 + z, y**2 + z, (1 - x) ** 2 + (1 - y) ** 2 + z]

    study = optuna.create_study(directions=["minimize"] * 3, sampler=SamoCobraSampler(seed=4))
    study.optimize(objective, n_trials=20)
    assert sum(trial.params["z"] < 0.02 for trial in study.trials[4:]) >= 10


def test_enqueued_points_are_evaluated_and_learnt_from():
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=SamoCobraSampler(seed=5))
    for x in (0.5, 0.5, 0.25):
        study.enqueue_trial({"x": x, "y": 0.0})
    study.optimize(
        lambda t: [t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 1), (1 - t.params["x"]) ** 2 + t.params["y"]], n_trials=9
    )
    assert [trial.params["x"] for trial in study.trials[:3]] == [0.5, 0.5, 0.25]
    assert len(set(points(study))) == 8
