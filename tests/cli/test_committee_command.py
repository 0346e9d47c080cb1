"""`qallegro train --members`, `qallegro export FOLDER`, and the calculator over what they leave."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from qallegro.model.checkpoint import load_model
from qallegro_ase import QAllegroCalculator
from reference_frames import emt_frames, tiny_run, write_config, write_frames

QUIET = ("trainer.progress=none", "trainer.plots=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("committee")
    write_frames(folder / "train.xyz", emt_frames(12))
    write_config(folder / "run.yaml", tiny_run(Path("train.xyz"), training__max_epochs=2))
    return folder


def test_members_differ_in_their_seed_alone_and_go_on(folder, qallegro):
    words = ("train", folder / "run.yaml", "-o", folder / "c", "--members", "2", *QUIET)
    done = qallegro(*words)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (folder / "c").iterdir()) == ["member_0", "member_1"]
    configs = [yaml.safe_load((folder / "c" / f"member_{k}" / "config.yaml").read_text()) for k in range(2)]
    assert configs[1].pop("seed") == configs[0].pop("seed") + 1 and configs[0] == configs[1]
    splits = [json.loads((folder / "c" / f"member_{k}" / "splits.json").read_text()) for k in range(2)]
    assert splits[0] == splits[1]
    states = [load_model(folder / "c" / f"member_{k}" / "model.pth")[0].state_dict() for k in range(2)]
    assert not all(torch.equal(states[0][name], states[1][name]) for name in states[0])

    taken = qallegro(*words)
    assert taken.code == 1 and "member_0` is not; go on with that run with --resume" in taken.err
    for path in (folder / "c" / "member_1").iterdir():  # as if killed before the second member began
        path.unlink()
    done = qallegro(*words, "--resume", "training.max_epochs=3")
    assert done.code == 0, done.err
    epochs = [len((folder / "c" / f"member_{k}" / "metrics.csv").read_text().splitlines()) - 1 for k in range(2)]
    assert epochs == [3, 3]

    assert qallegro("export", folder / "c").code == 0
    calculator = QAllegroCalculator([folder / "c" / f"member_{k}" / "model.qallegro.pth" for k in range(2)])
    atoms = emt_frames(1)[0]
    atoms.calc = calculator
    atoms.get_forces()
    assert 0.0 < calculator.results["max_forces_committee_deviation"] < 100.0
    # Of one member alone: nothing of the training set is new to it, beyond what float32 rounds.
    for frame in emt_frames(12):
        frame.calc = QAllegroCalculator(folder / "c" / "member_0" / "model.qallegro.pth", guard="warn")
        frame.get_forces()
        assert frame.calc.results["novelty"].max() < 1.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "run.yaml", "--members", "1"), "2 members or more, got 1"),
        (("train", "run.yaml", "--members", "2", "trainer.devices=2"), "must be trained on one device"),
        (("export", "."), "no member_0/model.pth"),
    ],
)
def test_mistakes(folder, qallegro, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    done = qallegro(*words)
    assert done.code == 1 and message in done.err
