"""Studies from first trial to front, with formulas in the place of models: what samplers see, what is kept, what is refused."""

import itertools
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from qallegro.errors import ConfigError, DataError
from qallegro.tuning import outcome as outcomes
from qallegro.tuning import study as studies
from qallegro.tuning.front import front_record, outcomes_of, pick, results
from qallegro.tuning.outcome import record_of
from qallegro.tuning.report import write_report
from qallegro.tuning.rungs import RungWatch, dominated_by, dominates
from qallegro.tuning.show import parse_latency
from qallegro.tuning.study import TuningStudy, join, open_study, start_or_resume
from qallegro.tuning.worker import count, work
from tuning.fake_trials import error_of, latency_of, tuning_config


def run(folder: Path, where: str = "study", **changes: Any) -> TuningStudy:
    """A study until it has its trials."""
    opened, _ = start_or_resume(tuning_config(folder, **changes), folder / where)
    work(opened)
    return opened


def trials_of(opened: TuningStudy) -> list[optuna.trial.FrozenTrial]:
    return opened.study.get_trials(deepcopy=False)


def words(opened: TuningStudy) -> list[str]:
    return [record_of(trial).get("outcome", trial.state.name) for trial in trials_of(opened)]


def test_front_holds_what_no_other_trial_beats_and_each_is_ready_to_run(child, tmp_path: Path) -> None:
    opened = run(tmp_path, trials=14, budget={"epochs": 8, "rungs": []})
    record = front_record(opened, "qallegro tune front study")
    points = [(record_of(t)["objectives"]["force_mae"], record_of(t)["objectives"]["latency"]) for t in trials_of(opened)]
    by_hand = {k for k, a in enumerate(points) if not any(dominates(b, a) for b in points)}
    assert {model["trial"] for model in record["models"]} == by_hand and 1 < len(by_hand) < 14
    # Area between the staircase and the corner, as a share of the box from zero.
    corner = [record["reference_point"][name] for name in ("force_mae", "latency")]
    assert corner == pytest.approx([1.1 * max(column) for column in zip(*points, strict=True)])
    stairs = sorted(points[k] for k in by_hand)
    areas = [(x2 - x1) * (corner[1] - y) for (x1, y), (x2, _) in zip(stairs, [*stairs[1:], (corner[0], 0.0)], strict=True)]
    assert record["hypervolume"] == pytest.approx(sum(areas) / (corner[0] * corner[1]))
    for model in record["models"]:
        assert Path(model["model"]).is_file() and Path(model["exported"]).is_file()
        assert model["latency"]["low"] < model["objectives"]["latency"] == model["latency"]["median"] < model["latency"]["high"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_dominated_trials_stop_at_a_rung_and_are_no_results(child, tmp_path: Path) -> None:
    opened = run(tmp_path, trials=30)
    trials = trials_of(opened)
    stopped = [t for t in trials if record_of(t)["outcome"] == "stopped"]
    found = results(opened.config, trials)
    assert 3 <= len(stopped) <= 27 and not {t.number for t in stopped} & {t.number for t in found.trials}
    names = opened.config.objectives
    for trial in stopped:
        record = record_of(trial)
        assert trial.state == TrialState.COMPLETE and "trials were better in every objective after" in record["reason"]
        at = outcomes.rung_values(trial, record["rung"], names)
        earlier = [outcomes.rung_values(t, record["rung"], names) for t in trials if t.number < trial.number]
        assert dominated_by(at, [values for values in earlier if values is not None]) >= 3
        assert not (opened.folder / "trials" / f"{trial.number:04d}").exists()
        # The formulas' learning curves are all of one shape, so that extrapolation must meet the error that training would have given.
        content = {"model": {"num_tensor_features": record["values"]["model.num_tensor_features"]}}
        content["training"] = {"optimizer": {"learning_rate": record["values"]["training.optimizer.learning_rate"]}}
        assert trial.values == pytest.approx([error_of(content), latency_of(content)])
    # None of those that were stopped would have been on the front.
    best = [tuple(t.values) for t in found.front()]
    assert all(any(dominates(point, t.values) for point in best) for t in stopped)


def test_models_that_break_a_constraint_are_not_trained_but_known_to_the_sampler(child, tmp_path: Path) -> None:
    opened = run(tmp_path, trials=16, constraints={"latency": 6.0}, budget={"epochs": 8, "rungs": []})
    trials = trials_of(opened)
    broken = [t for t in trials if record_of(t)["outcome"] == "infeasible"]
    assert broken and all(record_of(t)["reason"] == "too slow" for t in broken)
    for trial in trials:
        slow = record_of(trial)["latency"]["median"] > 6.0
        assert (trial in broken) == slow
        if trial.state == TrialState.COMPLETE:
            assert (trial.constraints["latency"] > 0) == slow
            assert trial.constraints["latency"] == pytest.approx(record_of(trial)["latency"]["median"] / 6.0 - 1.0)
    finished_before = [t for t in trials if record_of(t)["outcome"] == "finished"]
    late = next(t for t in broken if t.state == TrialState.COMPLETE)
    errors = [t.values[0] for t in finished_before if t.number < late.number]
    assert late.values == pytest.approx([float(np.median(errors)), record_of(late)["latency"]["median"]])
    assert all(model["objectives"]["latency"] <= 6.0 for model in front_record(opened, "")["models"])


def test_failures_are_kept_with_their_reason_and_the_study_goes_on(child, tmp_path: Path) -> None:
    turn = itertools.count()
    bad = {
        1: {"outcome": "failed", "reason": "`loss` must be finite, got nan at step 7"},
        3: {"metrics": {"forces": {"mae_meV_per_angstrom": math.nan}}},
        4: {"metrics": {"forces": {"mae_meV_per_angstrom": math.inf}}},
        5: {"metrics": {}},
    }
    child(change=lambda content, answer: answer | bad.get(next(turn), {}))
    opened = run(tmp_path, budget={"epochs": 8, "rungs": []})
    assert words(opened) == ["finished", "failed", "finished", "failed", "failed", "failed", "finished", "finished"]
    reasons = [record_of(t).get("reason", "") for t in trials_of(opened)]
    assert "must be finite, got nan at step 7" in reasons[1] and "`force_mae` must be finite, got nan" in reasons[3]
    assert "`force_mae` must be finite, got inf" in reasons[4] and "must have labels" in reasons[5]
    assert all(t.state == TrialState.FAIL for t in trials_of(opened) if t.number in bad)
    assert front_record(opened, "")["trials"] == {"ended": 8, "trained_to_the_end": 4, "running": 0}


def test_full_disk_stops_the_worker_and_loses_nothing(child, tmp_path: Path) -> None:
    turn = itertools.count()
    full = {"outcome": "disk_full", "reason": "No space left on device: model.pth"}
    child(change=lambda content, answer: full if next(turn) == 2 else answer)
    opened, _ = start_or_resume(tuning_config(tmp_path), tmp_path / "study")
    with pytest.raises(ConfigError, match="the disk must have room for trials, it has none left .*No space left on device.*; free some"):
        work(opened)
    assert count(trials_of(opened)) == (2, 0, 1)
    child()
    work(opened)
    assert count(trials_of(opened)) == (8, 0, 0)
    assert trials_of(opened)[3].params == trials_of(opened)[2].params and words(opened)[3] == "finished"


@pytest.mark.parametrize("sampler", ["random", "gp", "nsga2", "tpe", "samo-cobra"])
def test_an_interrupted_study_proposes_what_it_would_have_proposed(sampler: str, child, tmp_path: Path) -> None:
    options = {"sampler": {"name": sampler}, "trials": 9, "budget": {"epochs": 8, "rungs": []}}
    if sampler in ("gp", "tpe"):
        options["sampler"]["startup_trials"] = 4
    whole = run(tmp_path, "whole", **options)
    run(tmp_path, "parts", **{**options, "trials": 5}, name="whole")
    parts = run(tmp_path, "parts", **options, name="whole")
    assert [t.params for t in trials_of(parts)] == [t.params for t in trials_of(whole)]
    assert len({tuple(t.params.values()) for t in trials_of(whole)}) == 9
    other = run(tmp_path, "other", **{**options, "trials": 3}, seed=1)
    assert [t.params for t in trials_of(other)] != [t.params for t in trials_of(whole)[:3]]


def test_ctrl_c_puts_the_trial_up_again(child, tmp_path: Path) -> None:
    turn = itertools.count()

    def interrupt(content: dict, answer: dict) -> dict:
        if next(turn) == 1:
            raise KeyboardInterrupt
        return answer

    child(change=interrupt)
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=4), tmp_path / "study")
    with pytest.raises(KeyboardInterrupt):
        work(opened)
    work(opened)
    assert count(trials_of(opened)).done == 4 and trials_of(opened)[2].params == trials_of(opened)[1].params


def test_a_study_goes_on_with_its_own_configuration_code_and_data_alone(child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = run(tmp_path, trials=2)
    with pytest.raises(ConfigError, match="a study must go on with its own configuration, `seed` is not what"):
        start_or_resume(tuning_config(tmp_path, seed=5), tmp_path / "study")
    again, there = start_or_resume(tuning_config(tmp_path, trials=3), tmp_path / "study")
    assert there and again.config.trials == 3
    with monkeypatch.context() as other:
        other.setattr(studies, "code_hash", lambda: "f" * 64)
        with pytest.raises(
            ConfigError, match="all workers of a study must run the same code, `study` was started with .*this is ffffffffffff"
        ):
            join(opened.url, None, None, None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "train.xyz", elsewhere)
    with open(tmp_path / "train.xyz", "a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="all workers of a study must read the same data, .*train.xyz` had SHA-256"):
        join(opened.url, None, None, None)
    (tmp_path / "train.xyz").unlink()
    with pytest.raises(DataError, match="must name files that can be read"):
        join(str(opened.folder), None, None, None)


def test_a_worker_finds_moved_data_by_its_root(child, tmp_path: Path) -> None:
    config = tuning_config(tmp_path, trials=2)
    base = config.base | {"data": config.base["data"] | {"train": ["train.xyz"], "root": str(tmp_path)}}
    opened, _ = start_or_resume(config.model_copy(update={"base": base}), tmp_path / "study")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "train.xyz", elsewhere)
    joined = join(opened.url, None, tmp_path / "mine", elsewhere)
    work(joined)
    assert words(opened) == ["finished", "finished"] and (tmp_path / "mine" / "trials" / "0001" / "model.pth").is_file()


def test_studies_that_are_none_are_told_from_those_that_are(child, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="study must be a folder of `qallegro tune` or a URL"):
        open_study(str(tmp_path))
    with pytest.raises(ConfigError, match="storage must be a URL"):
        open_study("://host")
    with pytest.raises(ConfigError, match="must be a sqlite, postgresql or mysql database"):
        open_study("oracle://host/name")
    with pytest.raises(ConfigError, match="without a database"):
        open_study(f"sqlite:///{tmp_path}/no.db")
    assert not (tmp_path / "no.db").exists()
    with pytest.raises(ConfigError, match="storage must be a database that can be reached, got postgresql.*user:\\*\\*\\*@127.0.0.1"):
        open_study("postgresql://user:secret@127.0.0.1:1/name")
    opened, _ = start_or_resume(tuning_config(tmp_path), tmp_path / "study")
    with pytest.raises(ConfigError, match="`--study` must name a study of .*, got 'other'; it has study"):
        open_study(opened.url, "other")
    with pytest.raises(ConfigError, match="a front must have trials that were trained to the end, study `study` has none: no trial at all"):
        front_record(open_study(str(tmp_path / "study")), "")


def test_pick_keeps_to_its_limits(child, tmp_path: Path) -> None:
    record = front_record(run(tmp_path, trials=14, budget={"epochs": 8, "rungs": []}), "")
    latencies = sorted(model["objectives"]["latency"] for model in record["models"])
    for limit in latencies:
        chosen = pick(record, {"latency": limit})
        within = [m["objectives"]["force_mae"] for m in record["models"] if m["objectives"]["latency"] <= limit]
        assert chosen["objectives"]["force_mae"] == min(within) and chosen["objectives"]["latency"] <= limit
    with pytest.raises(ConfigError, match=f"no model of the front has latency at most 1: the least latency is {latencies[0]:.4g}"):
        pick(record, {"latency": 1.0})
    with pytest.raises(ConfigError, match="a limit must be on something that the study measured, memory was not"):
        pick(record, {"memory": 1.0})
    assert [parse_latency(text) for text in ("50us", "0.1 ms", "800ns", "2µs")] == [50.0, 100.0, 0.8, 2.0]
    for text in ("50", "fast", "-1us", "0us", "1h"):
        with pytest.raises(ConfigError, match="`--max-latency` must be a duration such as 50us"):
            parse_latency(text)


def test_points_of_an_earlier_front_are_tried_first(child, tmp_path: Path) -> None:
    opened = run(tmp_path, trials=8, budget={"epochs": 8, "rungs": []})
    record = front_record(opened, "")
    (tmp_path / "front.json").write_text(json.dumps(record))
    point = {"model.num_tensor_features": 9, "training.optimizer.learning_rate": 0.02}
    later = run(tmp_path, "later", trials=len(record["models"]) + 1, seed=7, warm_start=[point, "front.json"])
    assert [t.params for t in trials_of(later)] == [point, *(model["parameters"] for model in record["models"])]
    with pytest.raises(
        ConfigError, match=r"points of `warm_start` must lie in `space`, got .*'model.num_tensor_features' = 99|lies outside"
    ):
        start_or_resume(tuning_config(tmp_path, warm_start=[point | {"model.num_tensor_features": 99}]), tmp_path / "bad")


def test_report_of_several_seeds_stands_alone(child, tmp_path: Path) -> None:
    opened = [run(tmp_path, f"seed{seed}", seed=seed, trials=10) for seed in (0, 1)]
    written = {path.name: path for path in write_report(opened, tmp_path / "report", "qallegro tune report")}
    assert set(written) == {
        "front_0.json", "front_1.json", "trade_off.png", "hypervolume.png", "importance.png", "attainment.png", "report.html"
    }  # fmt: skip
    assert all(written[name].read_bytes()[:4] == b"\x89PNG" for name in written if name.endswith(".png"))
    page = written["report.html"].read_text()
    assert "<script src=" not in page and "Plotly.newPlot" in page and "seed0" in page and "learning_rate" in page
    two = opened[0]._replace(config=opened[0].config.model_copy(update={"objectives": ["force_mae", "memory"]}))
    with pytest.raises(ConfigError, match="studies of one report must have the same objectives"):
        write_report([two, opened[1]], tmp_path / "no", "")


def test_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="folder of the study must be one that can be written to"):
        start_or_resume(tuning_config(tmp_path), tmp_path / "file")


def test_domination_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    points = rng.integers(0, 3, (40, 3)).tolist()
    for a, b in itertools.product(points, points):
        assert dominates(a, b) == (np.all(np.array(a) <= b) and a != b)
    fastest = min(points, key=lambda p: p[1])
    others = [p for p in points if p[1] > fastest[1]]
    assert dominated_by([99, fastest[1], 99], others) == 0


def test_rungs_take_the_best_error_so_far_once() -> None:
    watch = RungWatch([0.25, 0.5], 8, None, ["force_mae"])
    rows = [(1, 1.0, {"force_mae": 5.0}), (2, 2.0, {"force_mae": 7.0}), (3, 3.0, {}), (4, 4.0, {"force_mae": 3.0})]
    assert watch.reached(rows[:1]) == []
    assert watch.reached(rows[:2]) == [(0.25, {"force_mae": 5.0})]
    assert watch.reached(rows[:2]) == []
    assert watch.reached(rows) == [(0.5, {"force_mae": 3.0})]
    by_time = RungWatch([0.25, 0.5], None, 4.0, ["force_mae"])
    assert [share for share, _ in by_time.reached(rows)] == [0.25, 0.5]


def test_outcomes_in_words(child, tmp_path: Path) -> None:
    child(change=lambda content, answer: {"outcome": "failed", "reason": "it diverged"})
    opened = run(tmp_path, trials=2)
    assert outcomes_of(trials_of(opened)) == "2 failed; the last failure: it diverged"
    assert os.listdir(opened.folder / "trials") == []
