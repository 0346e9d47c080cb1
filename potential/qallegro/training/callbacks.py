"""What happens beside training: checkpoints to resume from, and reports at the end of an epoch."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback, Checkpoint

Reporter = Callable[[dict[str, float]], None]


class LastCheckpoint(Checkpoint):
    """Keeps one file to resume from, replaced as a whole so that a kill leaves the old or the new one.

    Lightning runs checkpoint callbacks after all others.

    Args:
        path: the file.
        every_steps: also write it within an epoch, after this many steps.
    """

    def __init__(self, path: Path, every_steps: int | None) -> None:
        self.path = path
        self.every_steps = every_steps

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Write within an epoch; its end has a checkpoint of its own."""
        at_end = batch_idx + 1 >= trainer.num_training_batches
        if self.every_steps and trainer.global_step % self.every_steps == 0 and not at_end:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write after validation."""
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            os.replace(temporary, self.path)


class EpochReport(Callback):
    """Hands the results of every epoch to reporters, on the first process alone.

    Args:
        reporters: functions of a row, see `TrainingModule.epoch_row`.
    """

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self.reporters = reporters

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The row is a sum over processes: every one must ask for it."""
        row = pl_module.epoch_row()
        if trainer.is_global_zero:
            for report in self.reporters:
                report(row)
