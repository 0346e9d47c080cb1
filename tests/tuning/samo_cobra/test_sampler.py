"""The sampler in studies."""

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from qallegro.errors import ConfigError
from qallegro.tuning.samo_cobra import SamoCobraSampler
from tuning.samo_cobra.study_runs import bnh, coordinates, hypervolume, points, run, run_bnh, run_zdt1, zdt1

optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_starts_with_a_halton_design():
    study = run_zdt1(SamoCobraSampler(seed=1, n_startup_trials=32), 32, dimension=2)
    cells = {(int(trial.params["x0"] * 4), int(trial.params["x1"] * 4)) for trial in study.trials}
    assert len(cells) >= 14  # of 16; independent numbers would meet 14
    for name, base in (("x0", 32), ("x1", 27)):  # van der Corput sequences of base 2 and 3 meet every interval once
        assert len({int(trial.params[name] * base) for trial in study.trials[:base]}) == base


def test_models_take_over_after_one_trial_more_than_parameters():
    assert points(run_zdt1(SamoCobraSampler(seed=1), 5))[:5] == points(run_zdt1(SamoCobraSampler(seed=1, n_startup_trials=9), 5))[:5]
    early, late = run_zdt1(SamoCobraSampler(seed=1), 6), run_zdt1(SamoCobraSampler(seed=1, n_startup_trials=9), 6)
    assert points(early)[5] != points(late)[5]


def test_same_seed_same_study():
    first = points(run_zdt1(SamoCobraSampler(seed=5), 10))
    assert points(run_zdt1(SamoCobraSampler(seed=5), 10)) == first
    assert points(run_zdt1(SamoCobraSampler(seed=6), 10)) != first


def test_a_resumed_study_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole = run_bnh(SamoCobraSampler(seed=2), 8)
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name="s", storage=storage, directions=["minimize", "minimize"])

    def objective(trial: optuna.Trial) -> list[float]:
        objectives, constraints = bnh(coordinates(trial, [5.0, 3.0]))
        for i, value in enumerate(constraints):
            trial.set_constraint(f"c{i}", value)
        return objectives

    for _ in range(2):
        optuna.load_study(study_name="s", storage=storage, sampler=SamoCobraSampler(seed=2)).optimize(objective, n_trials=4)
    assert points(optuna.load_study(study_name="s", storage=storage)) == points(whole)


def test_beats_random_search_on_zdt1():
    reference = [3.0, 3.0]
    ours = [hypervolume(run_zdt1(SamoCobraSampler(seed=seed), 18), reference) for seed in range(2)]
    random = [hypervolume(run_zdt1(RandomSampler(seed=seed), 18), reference) for seed in range(2)]
    assert min(ours) > max(random) + 0.5
    assert min(ours) > 8.0  # of 26/3


@pytest.mark.parametrize("infill", ["hypervolume", "s_metric"])
def test_keeps_to_the_constraints_of_bnh_and_finds_its_front(infill):
    study = run_bnh(SamoCobraSampler(seed=0, infill=infill), 20)
    proposed = study.trials[3:]
    feasible = [all(value <= 0 for value in trial.constraints.values()) for trial in proposed]
    assert sum(feasible) >= 15
    assert hypervolume(study, [140.0, 50.0]) > 5050  # of 5258


def test_a_reference_point_says_which_part_of_the_front_counts():
    corner = [0.5, 1.0]
    aimed = run_zdt1(SamoCobraSampler(seed=1, reference_point=corner), 14)
    free = run_zdt1(SamoCobraSampler(seed=1), 14)
    assert points(aimed)[:5] == points(free)[:5]
    within = [trial for trial in aimed.trials[5:] if trial.values[0] < corner[0] and trial.values[1] < corner[1]]
    assert len(within) >= 6 and hypervolume(aimed, corner) > hypervolume(free, corner)


def test_a_reference_point_is_in_the_directions_of_the_study():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=SamoCobraSampler(seed=1, reference_point=[0.5, -1.0]))

    def objective(trial: optuna.Trial) -> list[float]:
        first, second = zdt1(coordinates(trial, [1.0] * 4))
        return [first, -second]

    study.optimize(objective, n_trials=8)
    assert points(study) == points(run_zdt1(SamoCobraSampler(seed=1, reference_point=[0.5, 1.0]), 8))


def test_constraints_func_and_set_constraint_say_the_same():
    def by_func(trial: optuna.trial.FrozenTrial) -> list[float]:
        return bnh(coordinates(optuna.trial.FixedTrial(trial.params), [5.0, 3.0]))[1]

    with_func = run(SamoCobraSampler(seed=3, constraints_func=by_func), lambda trial: bnh(coordinates(trial, [5.0, 3.0]))[0], 8)
    assert points(with_func) == points(run_bnh(SamoCobraSampler(seed=3), 8))


def test_a_maximized_objective_is_its_negative_minimized():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=SamoCobraSampler(seed=4))

    def objective(trial: optuna.Trial) -> list[float]:
        first, second = zdt1(coordinates(trial, [1.0] * 3))
        return [first, -second]

    study.optimize(objective, n_trials=9)
    assert points(study) == points(run_zdt1(SamoCobraSampler(seed=4), 9, dimension=3))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_open_trials_get_different_points(batch_size):
    study = run_zdt1(SamoCobraSampler(seed=7), 9, dimension=3)
    study.sampler = SamoCobraSampler(seed=7, batch_size=batch_size)
    asked = []
    for _ in range(4):
        trial = study.ask()
        asked.append(coordinates(trial, [1.0] * 3))
    for i, one in enumerate(asked):
        assert all(abs(one - other).max() > 1e-3 for other in asked[:i])


def test_a_point_counts_before_its_parameters_are_asked_for():
    study = run_zdt1(SamoCobraSampler(seed=7), 9, dimension=3)
    first, second = study.ask(), study.ask()
    _ = first.relative_params  # proposed, and nothing suggested yet
    assert second.relative_params != first.relative_params
    assert abs(coordinates(first, [1.0] * 3) - coordinates(second, [1.0] * 3)).max() > 1e-3


def test_a_batch_does_not_depend_on_which_of_its_trials_end_first():
    in_turn = run_zdt1(SamoCobraSampler(seed=8, batch_size=3), 9, dimension=3)
    at_once = optuna.create_study(directions=["minimize", "minimize"], sampler=SamoCobraSampler(seed=8, batch_size=3))
    for _ in range(3):
        batch = [at_once.ask() for _ in range(3)]
        x = [coordinates(trial, [1.0] * 3) for trial in batch]
        for trial, values in reversed(list(zip(batch, x, strict=True))):
            at_once.tell(trial, zdt1(values))
    assert points(at_once) == points(in_turn)


def test_failed_and_infinite_trials_are_ignored_but_not_repeated():
    def objective(trial: optuna.Trial) -> list[float]:
        values = zdt1(coordinates(trial, [1.0] * 3))
        if trial.number == 6:
            raise MemoryError("no memory")
        if trial.number == 7:
            return [float("nan"), 1.0]
        if trial.number == 8:
            return [float("inf"), 1.0]
        if trial.number == 9:
            raise optuna.TrialPruned
        return values

    study = run(SamoCobraSampler(seed=9), objective, 14, catch=(MemoryError,))
    assert [trial.state for trial in study.trials[6:10]] == [TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE, TrialState.PRUNED]
    assert len(set(points(study))) == 14
    best = max((3 - trial.values[0]) * (3 - trial.values[1]) for trial in study.trials[10:])
    assert best > 6.5  # of 6.88 that one point of the front can have; the failed trials have not led it astray


def test_constraints_of_pruned_trials_count():
    """Trials that are given up before their objectives are known still show where constraints are violated."""

    def objective(trial: optuna.Trial) -> list[float]:
        x = coordinates(trial, [1.0] * 3)
        trial.set_constraint("sum", float(x.sum()) - 0.8)
        if x.sum() > 0.8:
            raise optuna.TrialPruned
        return zdt1(x)

    study = run(SamoCobraSampler(seed=10), objective, 24)
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.PRUNED) > 0
    assert states[-8:].count(TrialState.COMPLETE) >= 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_startup_trials": 0}, "`n_startup_trials` must be 1 or more, received 0"),
        ({"batch_size": 0}, "`batch_size` must be 1 or more, received 0"),
        ({"infill": "expected"}, "`infill` must be `hypervolume` or `s_metric`, received 'expected'"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        SamoCobraSampler(**settings)


def test_a_single_objective_is_refused():
    study = optuna.create_study(sampler=SamoCobraSampler(seed=1))
    with pytest.raises(ConfigError, match="samo-cobra needs two objectives or more, received a study with 1"):
        study.ask()


@pytest.mark.parametrize(
    ("corner", "message"),
    [
        ([1.0], r"`reference_point` must have a number for each of 2 objectives, received \[1.0\]"),
        ([1.0, float("nan")], "`reference_point` must be finite numbers"),
    ],
)
def test_a_reference_point_that_does_not_suit_is_refused(corner, message):
    with pytest.raises(ConfigError, match=message):
        run_zdt1(SamoCobraSampler(seed=1, reference_point=corner), 1)


def test_a_missing_constraint_is_named():
    def objective(trial: optuna.Trial) -> list[float]:
        x = coordinates(trial, [1.0])
        if trial.number != 2:
            trial.set_constraint("latency", -1.0)
        return [float(x[0]), 1 - float(x[0])]

    with pytest.raises(ConfigError, match="trial 2 lacks constraint `latency`"):
        run(SamoCobraSampler(seed=1), objective, 6)
