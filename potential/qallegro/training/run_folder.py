"""The folder of a run: its files, whether it is free, and whether a run can go on in it."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from qallegro.data.reference_data import ReferenceData
from qallegro.errors import ConfigError, DataError
from qallegro.training.config import TrainingConfig
from qallegro.whole_file import write_text

#: keys that may differ between a run and its continuation
MAY_CHANGE = ("training.max_epochs", "training.max_steps", "training.max_time", "training.early_stopping", "trainer", "data.cache")


class RunFolder(NamedTuple):
    """Files of a run."""

    path: Path

    config = property(lambda self: self.path / "config.yaml")
    versions = property(lambda self: self.path / "versions.json")
    splits = property(lambda self: self.path / "splits.json")
    statistics = property(lambda self: self.path / "statistics.json")
    history = property(lambda self: self.path / "metrics.csv")
    checkpoint = property(lambda self: self.path / "last.ckpt")
    model = property(lambda self: self.path / "model.pth")
    metrics = property(lambda self: self.path / "test_metrics.json")
    plots = property(lambda self: self.path / "plots")
    tensorboard = property(lambda self: self.path / "tensorboard")


def starting_point(run: RunFolder, resume: bool, first: bool) -> Path | None:
    """The checkpoint to go on from; None: the beginning.

    Args:
        run: the folder.
        resume: go on with the run in it.
        first: whether this is the first process, which alone judges whether the folder is free.

    Raises:
        ConfigError: the folder is taken, or no folder.
    """
    if run.path.exists() and not run.path.is_dir():
        raise ConfigError(f"run folder must be a folder, got the file `{run.path}`; name another with -o")
    if resume:
        return run.checkpoint if run.checkpoint.is_file() else None
    # What a run leaves that failed before its first epoch had ended is no loss.
    start = {run.config, run.versions, run.splits, run.statistics, run.history}
    if first and run.path.is_dir() and any(path not in start for path in run.path.iterdir()):
        raise ConfigError(f"run folder must be empty, `{run.path}` is not; go on with that run with --resume, or name another with -o")
    return None


def check_same_run(run: RunFolder, resolved: dict[str, Any], data: ReferenceData) -> None:
    """A run goes on with the configuration and the frames it was started with.

    Raises:
        ConfigError: a key other than those of `MAY_CHANGE` differs.
        DataError: the frames differ.
    """
    before, frames = _started_with(run)
    for key, old, new in _differences(before, json.loads(json.dumps(resolved))):
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_CHANGE):
            raise ConfigError(
                f"a run must go on with its own configuration, `{key}` was {old!r} and is now {new!r}; "
                f"only {', '.join(MAY_CHANGE)} may change; start a new run with -o"
            )
    for subset in ("train", "validation", "test"):
        if _frames(frames, subset) != _frames(data.splits, subset):
            raise DataError(f"a run must go on with its own data, the {subset} frames are not those in `{run.splits}`; restore the files")


def recorded_model(run: RunFolder) -> dict[str, Any]:
    """The `model` section that a run was started with, nothing left open.

    Raises:
        ConfigError: the folder does not tell.
    """
    return _started_with(run)[0]["model"]


def _started_with(run: RunFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        return yaml.safe_load(run.config.read_text()), json.loads(run.splits.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"a run to resume must hold its config.yaml and splits.json, `{run.path}` does not: {error}") from error


def _frames(splits: dict[str, Any], subset: str) -> list[Any]:
    return [(splits["files"][entry["file"]]["sha256"], entry["frames"]) for entry in splits[subset]]


def _differences(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(k for k in new if k not in old)]
        return [d for k in keys for d in _differences(old.get(k), new.get(k), f"{key}.{k}" if key else str(k))]
    return [] if old == new else [(key, old, new)]


def write_start(run: RunFolder, resolved: dict[str, Any], data: ReferenceData, provenance: dict[str, Any]) -> None:
    """Leave what is known before the first step.

    Raises:
        ConfigError: the folder cannot be made.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"run folder must be one that can be made, got `{run.path}`: {error.strerror}; name another with -o") from error
    write_text(run.config, yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True) + "\n")
    write_text(run.versions, json.dumps(provenance["trained_with"] | {"git_commit": provenance["git_commit"]}, indent=2) + "\n")
    write_text(run.splits, json.dumps(data.splits) + "\n")
    write_text(run.statistics, json.dumps(data.statistics.record(), indent=2) + "\n")


class Progress(NamedTuple):
    """How far a run had come when its checkpoint was written."""

    steps: int = 0
    seconds: float = 0.0
    waited: int = 0  #: validations without a better result
    epoch_ended: bool = False  #: written after an epoch and its validation, not within it

    def finished(self, config: TrainingConfig) -> bool:
        """Whether a limit on steps, time or patience had ended the run."""
        reached = (
            config.max_steps is not None and self.steps >= config.max_steps,
            config.max_seconds is not None and self.seconds >= config.max_seconds,
            config.early_stopping is not None and self.waited >= config.early_stopping.patience,
        )
        return self.epoch_ended and any(reached)


def progress_of(checkpoint: Path | None) -> Progress:
    """How far the run of a checkpoint had come; without one, nowhere.

    Raises:
        ConfigError: it is damaged, or no checkpoint of a run.
    """
    if checkpoint is None:
        return Progress()
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        own = content["qallegro"]
        # Checkpoints of earlier versions do not tell where they were written; they go on.
        return Progress(int(content["global_step"]), own["elapsed"], own["monitor"]["waited"], own.get("epoch_ended", False))
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        raise ConfigError(
            f"a run to resume must have a whole checkpoint, `{checkpoint}` is none: {str(error).splitlines()[0]}; start a new run with -o"
        ) from error


def member_folder(folder: str | Path, member: int) -> Path:
    """Where a member of a committee is trained."""
    return Path(folder) / f"member_{member}"


def member_models(folder: str | Path) -> list[Path]:
    """The checkpoints `model.pth` of the members in a folder, in order; empty if it holds none."""
    found = [
        (int(match[1]), path)
        for path in Path(folder).glob("member_*/model.pth")
        if (match := re.fullmatch(r"member_(\d+)", path.parent.name))
    ]
    return [path for _, path in sorted(found)]
