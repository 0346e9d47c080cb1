"""A run that was killed and resumed gives the weights of one that was not, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from qallegro.errors import ConfigError, DataError
from qallegro.model.checkpoint import load_model
from qallegro.training.history import read_history
from qallegro.training.load_config import load_config
from qallegro.training.run import train
from reference_frames import emt_frames, tiny_run, write_config, write_frames

# Processes that train until a given step has ended, and die there without a chance to clean up. One start of torch serves all.
KILLED = """
import os, signal, sys
import lightning.pytorch as L
from qallegro.training import run
from qallegro.training.load_config import load_config

class KillingReport(run.EpochReport):
    def on_train_batch_start(self, trainer, module, batch, index):
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)

run.EpochReport = KillingReport
config = load_config(sys.argv[1])
for step in map(int, sys.argv[3:]):
    if not (child := os.fork()):
        run.train(config, f"{sys.argv[2]}/{step}")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""

# 4 steps an epoch, a checkpoint after steps 3, 4, 6, 8, 9, ...: before the first one, within an epoch, right after its end.
KILLED_AT = [2, 7, 8, 11]


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    data = write_frames(folder / "set.xyz", emt_frames(18))
    settings = {"training__checkpoint_every_steps": 3, "training__max_epochs": 4, "training__schedule__kind": "plateau"}
    return write_config(folder / "run.yaml", tiny_run(data, **settings, training__schedule__patience=1, training__gradient_clip=5.0))


@pytest.fixture(scope="module")
def uninterrupted(config_file: Path) -> Path:
    return train(load_config(config_file), config_file.parent / "whole").folder.path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Everything that training moves: weights, optimizer, average, as the last checkpoint has it."""
    content = torch.load(folder / "last.ckpt", weights_only=True)
    tensors = {f"weights {k}": v for k, v in content["state_dict"].items()}
    for index, state in content["optimizer_states"][0]["state"].items():
        tensors |= {f"optimizer {index} {k}": v for k, v in state.items()}
    tensors |= {f"average {i}": v for i, v in enumerate(content["qallegro"]["ema"]["average"])}
    return tensors | {f"best {k}": v for k, v in load_model(folder / "model.pth")[0].state_dict().items()}


@pytest.fixture(scope="module")
def killed(config_file: Path) -> Path:
    folder = config_file.parent / "killed"
    words = [sys.executable, "-c", KILLED, config_file, folder, *map(str, KILLED_AT)]
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_and_resumed_equals_uninterrupted(step: int, config_file: Path, uninterrupted: Path, killed: Path) -> None:
    run = killed / str(step)
    assert not (run / "test_metrics.json").exists()
    train(load_config(config_file), run, resume=True)
    expected, got = weights(uninterrupted), weights(run)
    assert expected.keys() == got.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, got[name]), name
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(run / "metrics.csv")]
    assert rows == [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(uninterrupted / "metrics.csv")]


def test_longer_run_goes_on_from_a_finished_one(config_file: Path, uninterrupted: Path, tmp_path: Path) -> None:
    short = load_config(config_file, ["training.max_epochs=2"])
    train(short, tmp_path / "run")
    train(load_config(config_file), tmp_path / "run", resume=True)
    for name, tensor in weights(uninterrupted).items():
        assert torch.equal(tensor, weights(tmp_path / "run")[name]), name


def test_same_seed_same_weights_other_seed_others(config_file: Path, uninterrupted: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    train(load_config(config_file), again)
    train(load_config(config_file, ["seed=4"]), other)
    assert all(torch.equal(t, weights(again)[name]) for name, t in weights(uninterrupted).items())
    assert any(not torch.equal(t, weights(other)[name]) for name, t in weights(uninterrupted).items())


@pytest.mark.parametrize("override", ["training.optimizer.learning_rate=1e-4", "model.l_max=2", "seed=9", "data.split.seed=1"])
def test_other_configuration_is_refused(override: str, config_file: Path, uninterrupted: Path) -> None:
    with pytest.raises(ConfigError, match=override.split("=")[0].replace(".", r"\.") + "` was .* and is now"):
        train(load_config(config_file, [override]), uninterrupted, resume=True)


def test_other_data_is_refused(config_file: Path, uninterrupted: Path, tmp_path: Path) -> None:
    splits = json.loads((uninterrupted / "splits.json").read_text())
    splits["files"][0]["sha256"] = "0" * 64
    (tmp_path / "splits.json").write_text(json.dumps(splits))
    for name in ("config.yaml", "last.ckpt"):
        (tmp_path / name).write_bytes((uninterrupted / name).read_bytes())
    with pytest.raises(DataError, match="train frames are not those"):
        train(load_config(config_file), tmp_path, resume=True)


def test_damaged_checkpoint_is_refused(config_file: Path, uninterrupted: Path, tmp_path: Path) -> None:
    for name in ("config.yaml", "splits.json", "last.ckpt"):
        (tmp_path / name).write_bytes((uninterrupted / name).read_bytes())
    (tmp_path / "last.ckpt").write_bytes((uninterrupted / "last.ckpt").read_bytes()[:5000])
    with pytest.raises(ConfigError, match="must have a whole checkpoint"):
        train(load_config(config_file), tmp_path, resume=True)


def test_taken_folder_is_refused(config_file: Path, uninterrupted: Path) -> None:
    with pytest.raises(ConfigError, match="must be empty.*--resume"):
        train(load_config(config_file), uninterrupted)
