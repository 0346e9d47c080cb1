"""A run that was killed and resumed gives the weights of one that was not, bit for bit."""

import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from qallegro.errors import ConfigError, DataError
from qallegro.model.checkpoint import load_model
from qallegro.training.clock import Clock
from qallegro.training.history import read_history
from qallegro.training.load_config import load_config
from qallegro.training.run import train
from reference_frames import emt_frames, tiny_run, write_config, write_frames

# Processes that train until a given step has ended, and die there without a chance to clean up. One start of torch serves all.
KILLED = """
import json, os, signal, sys
import lightning.pytorch as L
from qallegro.training import run
from qallegro.training.load_config import load_config

class KillingReport(run.EpochReport):
    def on_train_batch_start(self, trainer, module, batch, index):
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)

run.EpochReport = KillingReport
for file, folder, *steps in json.loads(sys.argv[1]):
  config = load_config(file)
  for step in steps:
    if not (child := os.fork()):
        run.train(config, f"{folder}/{step}")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""

# 4 steps an epoch, a checkpoint after steps 3, 4, 6, 8, 9, ...: before the first one, within an epoch, right after its end.
KILLED_AT = [2, 7, 8, 11]

COMMON = {"training__checkpoint_every_steps": 3, "training__max_epochs": 4, "training__gradient_clip": 5.0}
#: other recipes whose state must survive -> what they change
RECIPES: dict[str, dict[str, object]] = {
    "muon": {
        "training__optimizer__kind": "muon",
        "training__schedule__cycles": 2,
        "training__loss": {"final": {"energy": 10.0, "forces": 0.1}, "course": "geometric", "between": [0.1, 0.9]},
    },
    "schedule_free": {
        "training__optimizer__kind": "schedule_free",
        "training__schedule__kind": "plateau",
        "training__schedule__patience": 1,
        "training__loss__final": {"energy": 0.0},
    },
}
# The last validation of the three is that of the last epoch, which does not begin anew when the run goes on within it.
SPARSE = {"training__validate_every": 3}
SPARSE_KILLED_AT = 15
#: within an epoch, a step after the last checkpoint
RECIPES_KILLED_AT = 7


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    data = write_frames(folder / "set.xyz", emt_frames(18))
    write_config(folder / "sparse.yaml", tiny_run(data, **COMMON, **SPARSE))
    for name, changes in RECIPES.items():
        write_config(folder / f"{name}.yaml", tiny_run(data, **COMMON, **changes))
    plateau = {"training__schedule__kind": "plateau", "training__schedule__patience": 1}
    return write_config(folder / "run.yaml", tiny_run(data, **COMMON, **plateau))


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
    folder = config_file.parent
    jobs = [(str(config_file), str(folder / "killed"), *KILLED_AT)]
    jobs += [(str(folder / f"{name}.yaml"), str(folder / f"killed_{name}"), RECIPES_KILLED_AT) for name in RECIPES if installed(name)]
    jobs.append((str(folder / "sparse.yaml"), str(folder / "killed_sparse"), SPARSE_KILLED_AT))
    subprocess.run([sys.executable, "-c", KILLED, json.dumps(jobs)], check=True, capture_output=True, timeout=300)
    return folder / "killed"


@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_and_resumed_equals_uninterrupted(step: int, config_file: Path, uninterrupted: Path, killed: Path) -> None:
    assert_goes_on(config_file, killed / str(step), uninterrupted)


@pytest.mark.parametrize("name", RECIPES)
def test_every_optimizer_and_moving_weights_go_on(name: str, config_file: Path, killed: Path) -> None:
    if not installed(name):
        pytest.skip(f"the optimizer {name} is not installed")
    file = config_file.with_name(f"{name}.yaml")
    whole = train(load_config(file), config_file.parent / f"whole_{name}").folder.path
    assert_goes_on(file, killed.with_name(f"killed_{name}") / str(RECIPES_KILLED_AT), whole)


def test_last_epoch_is_validated_when_the_run_goes_on_within_it(config_file: Path, killed: Path) -> None:
    file = config_file.with_name("sparse.yaml")
    whole = train(load_config(file), config_file.parent / "whole_sparse").folder.path
    assert_goes_on(file, killed.with_name("killed_sparse") / str(SPARSE_KILLED_AT), whole)


#: limit -> what it is set to; time by the fast clock
LIMITS = {
    "steps": ["training.max_steps=6"],
    "time": ["training.max_time=50s", "training.max_epochs=100000"],
    "patience": ["training.early_stopping={patience: 1, min_delta: 0.9}", "training.max_epochs=100"],
}


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Milliseconds count as seconds: times of tiny runs would be rounded to nothing."""
    monkeypatch.setattr(Clock, "now", staticmethod(lambda: 1e3 * time.monotonic()))


@pytest.mark.usefixtures("fast_clock")
@pytest.mark.parametrize("limit", LIMITS)
def test_run_that_a_limit_has_ended_is_only_tested_again(limit: str, config_file: Path, tmp_path: Path) -> None:
    config = load_config(config_file, LIMITS[limit])
    before = train(config, tmp_path / "run")
    history, saved = before.folder.history.read_bytes(), weights(before.folder.path)
    before.folder.metrics.unlink()
    after = train(config, tmp_path / "run", resume=True)
    assert_same_result(after.metrics, before.metrics)
    assert after.folder.history.read_bytes() == history
    assert all(torch.equal(tensor, saved[name]) for name, tensor in weights(after.folder.path).items())


@pytest.mark.usefixtures("fast_clock")
def test_finished_run_keeps_its_result_when_it_is_tested_again(config_file: Path, tmp_path: Path) -> None:
    before = train(load_config(config_file), tmp_path / "run")
    assert_same_result(train(load_config(config_file), tmp_path / "run", resume=True).metrics, before.metrics)


def assert_same_result(got: dict[str, object], expected: dict[str, object]) -> None:
    """All of `test_metrics.json`; a checkpoint does not know the time that its own writing took."""
    assert got | {"seconds": 0} == expected | {"seconds": 0}
    assert 0 < got["seconds"] <= expected["seconds"]


def installed(name: str) -> bool:
    """Whether the optimizer of a recipe is there; that of schedule_free is an optional package."""
    return name != "schedule_free" or find_spec("schedulefree") is not None


def assert_goes_on(config_file: Path, run: Path, uninterrupted: Path) -> None:
    """The killed run in a folder ends as the one that was not."""
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
