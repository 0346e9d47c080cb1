"""Committees: the same run several times from other initial weights and in another order of frames, on the same split."""

from pathlib import Path

from rich.console import Console

from qallegro.errors import ConfigError
from qallegro.training.config import RunConfig
from qallegro.training.run import Result, train
from qallegro.training.run_folder import RunFolder, member_folder, starting_point


def train_committee(
    config: RunConfig, folder: str | Path, members: int, resume: bool = False, console: Console | None = None
) -> list[Result]:
    """Train the members of a committee one after another; each is a whole run in `folder`/member_K with the seed `config.seed` + K.

    Args:
        config: of all members.
        folder: where their folders lie.
        members: how many, 2 or more.
        resume: go on with what is there; members that are done are only tested again.
        console: where to report; silent if not given.

    Raises:
        ConfigError: too few members, several devices, a folder that is taken, or see `train`.
        DataError, TrainingError: see `train`.
    """
    if members < 2:
        raise ConfigError(f"a committee must have 2 members or more, got {members}; leave `--members` out for a single model")
    if config.trainer.devices not in (1, [0]) or config.trainer.num_nodes != 1:
        raise ConfigError(
            f"members of a committee must be trained on one device, `trainer.devices` is {config.trainer.devices!r}; "
            "train them one by one with other values of `seed`"
        )
    folders = [member_folder(folder, k) for k in range(members)]
    for path in folders:  # the last one that is taken would otherwise be found after hours
        starting_point(RunFolder(path), resume, first=True)
    results = []
    for k, path in enumerate(folders):
        if console is not None:
            console.print(f"[bold]member {k}[/] of a committee of {members}, seed {config.seed + k}: {path}", highlight=False)
        results.append(train(config.model_copy(update={"seed": config.seed + k}), path, resume, console))
    return results
