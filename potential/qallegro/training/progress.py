"""What a user sees while training: a bar for the epoch and one line of results an epoch, in meV and Å."""

import math
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from qallegro.training.module import TrainingModule

#: heading -> (key of a row, factor, format); columns without numbers in the first row are left out
_COLUMNS = {
    "epoch": ("epoch", 1.0, "5.0f"),
    "time": ("seconds", 1.0, "time"),
    "loss": ("train_loss", 1.0, "8.2e"),
    "val loss": ("validation_loss", 1.0, "8.2e"),
    "train E": ("train_energy_mae", 1e3, "7.1f"),
    "val E": ("validation_energy_mae", 1e3, "7.1f"),
    "train F": ("train_forces_mae", 1e3, "7.1f"),
    "val F": ("validation_forces_mae", 1e3, "7.1f"),
    "val S": ("validation_stress_mae", 1e3, "7.2f"),
    "lr": ("learning_rate", 1.0, "8.2e"),
}


class ProgressDisplay(Callback):
    """A live bar on a terminal, and a table that grows by a row an epoch (a reporter of `EpochReport`).

    Args:
        console: where to print.
        bar: show the live bar.
        module: what is trained.
    """

    REFRESH_PER_SECOND = 4

    def __init__(self, console: Console, bar: bool, module: TrainingModule) -> None:
        self.console = console
        self.module = module
        self._columns: list[str] = []
        self._bar = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                refresh_per_second=self.REFRESH_PER_SECOND,
            )
            if bar
            else None
        )
        self._task: Any = None

    def __call__(self, row: dict[str, float]) -> None:
        """Print the results of an epoch."""
        if not self._columns:
            # A run with spaced validations has no validation numbers in its first rows, but will have.
            later = {"val loss", "val E", *(["val F"] if "train_forces_mae" in row else [])}
            self._columns = [heading for heading, (key, _, _) in _COLUMNS.items() if key in row or heading in later]
            self.console.print("mean absolute errors, E in meV/atom, F in meV/Å, S in meV/Å³; * best so far", style="dim")
            self.console.print("  ".join(f"{h:>{_width(h)}}" for h in self._columns), style="bold", highlight=False, soft_wrap=True)
        best = self.module.best_this_epoch
        cells = "  ".join(_cell(heading, row) for heading in self._columns)
        self.console.print(cells + (" *" if best else ""), style="green" if best else None, highlight=False, soft_wrap=True)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=trainer.num_training_batches)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the bar of an epoch."""
        if self._bar is not None:
            self._bar.reset(self._task, description=self._description())

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """One step further."""
        if self._bar is not None:
            self._bar.update(self._task, completed=batch_idx + 1)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say that it is validation that takes the time now."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=f"{self._description()}, validation")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Leave the terminal in order."""
        self._stop()

    def _description(self) -> str:
        config, clock = self.module.config, self.module.clock
        end = f" of {config.max_epochs}" if clock.limit is None else f", {_clock(clock.elapsed)} of {_clock(clock.limit)}"
        return f"epoch {self.module.current_epoch}{end}"

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _width(heading: str) -> int:
    form = _COLUMNS[heading][2]
    return max(len(heading), 7 if form == "time" else int(form.split(".")[0]))


def _cell(heading: str, row: dict[str, float]) -> str:
    key, factor, form = _COLUMNS[heading]
    value = row.get(key, math.nan)
    if math.isnan(value):
        text = "-"
    elif form == "time":
        text = _clock(value)
    else:
        text = f"{factor * value:{form}}"
    return f"{text:>{_width(heading)}}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
