"""`qallegro tune` from the outside, and one trial with a real model."""

import json
import math
from pathlib import Path

import pytest

from qallegro.export.record import read_record
from qallegro.model.checkpoint import load_model
from qallegro.tuning import trial_process
from qallegro.tuning.space import middle, training_content
from qallegro.tuning.study import reference_request
from reference_frames import write_config
from tuning.fake_trials import tuning_config, tuning_content


def test_a_study_from_its_start_to_a_chosen_model(child, qallegro, tmp_path: Path) -> None:
    config, folder = write_config(tmp_path / "tune.yaml", tuning_content(tmp_path)), tmp_path / "study"
    code, out, _ = qallegro("tune", config, "-o", folder, "--trials", 4)
    assert code == 0 and "study study of 4 trials; database sqlite:///" in out
    assert "trial 3 finished: force MAE (meV/Å)" in out and "hypervolume" in out and "4 finished" in out
    code, out, _ = qallegro("tune", "run", config, "-o", folder, "--trials", 6)
    assert code == 0 and "goes on: 4 of 6 trials are done" in out and "trial 0 " not in out
    code, out, _ = qallegro("tune", "front", folder)
    record = json.loads((folder / "front.json").read_text())
    assert code == 0 and record["command"] == f"qallegro tune front {folder}" and record["trials"]["ended"] == 6
    assert all(f"{model['objectives']['force_mae']:.4g}" in out for model in record["models"])
    limit = max(model["objectives"]["latency"] for model in record["models"])
    code, out, _ = qallegro("tune", "pick", folder, "--max-latency", f"{limit}us", "-o", tmp_path / "chosen")
    assert code == 0 and (tmp_path / "chosen" / "model.qallegro.pth").read_text() == "a model"
    code, _, err = qallegro("tune", "pick", folder, "--max-latency", "1ns")
    assert code == 1 and "no model of the front has latency at most 0.001" in err
    code, out, _ = qallegro("tune", "report", f"sqlite:///{folder}/study.db")
    assert code == 0 and (folder / "report" / "report.html").is_file()


def test_mistakes_are_answered_without_a_traceback(qallegro, tmp_path: Path) -> None:
    code, _, err = qallegro("tune", tmp_path / "no.yaml")
    assert code == 1 and "tuning configuration must be a readable file" in err
    code, _, err = qallegro("tune", write_config(tmp_path / "tune.yaml", tuning_content(tmp_path, preset="small")))
    assert code == 1 and "`preset` must be one of paper_allegro, paper_mlp, paper_qdi, tiny, got 'small'" in err
    code, _, err = qallegro("tune", "front", tmp_path)
    assert code == 1 and "study must be a folder of `qallegro tune` or a URL" in err
    code, out, _ = qallegro("tune", "--keys")
    assert code == 0 and "budget.dominated_by" in out


def test_a_trial_with_a_real_model_is_timed_trained_and_exported(tmp_path: Path) -> None:
    latency = {"program": "raw", "atoms": 8, "steps": 2, "turns": 2}
    config = tuning_config(tmp_path, latency=latency, budget={"epochs": 2}, objectives=["force_mae", "latency", "memory"])
    content = training_content(config.base, middle(config.space), config.budget)
    species = {"atom_types": ["Cu", "Au"], "avg_num_neighbors": 12.0, "per_type_energy_scales": 1.0, "per_type_energy_shifts": 0.0}
    structure = {"symbols": ["Cu", "Au"], "positions": [[0.0] * 3, [1.9] * 3], "cell": [[3.8, 0, 0], [0, 3.8, 0], [0, 0, 3.8]]}
    about = {"species": species, "structure": structure | {"pbc": [True] * 3}, "reference_model": content["model"]}
    stages: list[dict] = []
    request = reference_request(about, config, tmp_path) | {
        "content": content,
        "folder": str(tmp_path / "trial"),
        "measure": True,
        "constraints": {"latency": None, "parameters": None},
        "reference_latency": 10.0,
    }
    refused = trial_process.trial({**request, "measure": False, "constraints": {"latency": None, "parameters": 5}}, stages.append)
    assert refused["outcome"] == "infeasible" and "parameters, at most 5 allowed" in refused["reason"]
    assert not (tmp_path / "trial").exists()
    done = trial_process.trial(request, stages.append)
    assert [stage["stage"] for stage in stages] == ["training", "timing", "training", "exporting"]
    potential, _ = load_model(done["model"])
    assert (
        done["outcome"] == "finished"
        and sum(p.numel() for p in potential.parameters()) >= done["parameters"] == refused["parameters"] > 100
    )
    assert read_record(Path(done["exported"]))["atom_types"] == ["Cu", "Au"]
    spread = done["latency"]
    assert 0 < spread["low"] <= spread["median"] <= spread["high"] and spread["median"] == pytest.approx(10.0 * spread["ratio"])
    assert spread["memory_MB"] > 1 and math.isfinite(done["metrics"]["forces"]["mae_meV_per_angstrom"])
    assert not (tmp_path / "trial" / "last.ckpt").exists() and (tmp_path / "reference.qallegro.pth").is_file()
