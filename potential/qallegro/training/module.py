"""The Lightning module: one training step, one validation, and what must survive a restart."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from qallegro.data.batch import Batch
from qallegro.errors import TrainingError
from qallegro.model.potential import Potential
from qallegro.native.engine import Predict
from qallegro.training.clock import Clock
from qallegro.training.config import TrainingConfig
from qallegro.training.ema import OptimizerAverage, WeightAverage
from qallegro.training.loss import LossFunction, Residuals, residuals
from qallegro.training.metrics import ErrorSums
from qallegro.training.monitor import Monitor
from qallegro.training.optimizer import make_optimizer
from qallegro.training.schedule import LearningRate


class TrainingModule(L.LightningModule):
    """A potential under training.

    Nothing is logged within an epoch: sums stay on the device and are read once, at its end (`epoch_row`).

    Args:
        potential: what is trained.
        config: the `training` section.
        quantities: labels that the training set has and that are wanted.
        total_steps: steps at the end of the run if nothing stops it earlier.
        save_best: called with the epoch while the potential holds the averaged weights of the best validation so far.
        predict: the potential's predictions by another engine, with the weights it has at each call.
    """

    def __init__(
        self,
        potential: Potential,
        config: TrainingConfig,
        quantities: list[str],
        total_steps: int,
        save_best: Callable[[int], None],
        predict: Predict | None = None,
    ) -> None:
        super().__init__()
        self.potential = potential
        self._predict = predict or potential.predict
        self.config = config
        self.loss = LossFunction.from_config(config.loss, quantities)
        self.rate = LearningRate(config.schedule, total_steps)
        self.monitor = Monitor(config.early_stopping)
        self.clock = Clock(config.max_seconds)
        self.ema: WeightAverage | None = None
        self._weights = [p for p in potential.parameters() if p.requires_grad]
        self.save_best = save_best
        self.best_this_epoch = False
        self._validation: dict[str, float] = {}
        self._previous_loss: Tensor | None = None
        self._progress = 0.0
        self._epoch_ended = False
        self._sums = torch.zeros(3, 3, dtype=torch.float64)
        self._restored: dict[str, Any] = {}
        self._swapped = ExitStack()

    # optimizer and learning rate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """That of the configuration, for all trainable weights."""
        return make_optimizer(self.config.optimizer, self.potential)

    def on_fit_start(self) -> None:
        """Weights are on their device now."""
        if self.config.optimizer.kind == "schedule_free":
            self.ema = OptimizerAverage(self.potential, self.trainer.optimizers[0])
        elif self.config.ema_decay > 0:
            self.ema = WeightAverage(self.potential, self.config.ema_decay)
        self._sums = self._sums.to(self.device)

    def on_train_start(self) -> None:
        """Continue where a checkpoint stopped."""
        state = self._restored
        if state:
            if self.ema is not None:
                self.ema.load(state["ema"])
            self.monitor.load(state["monitor"])
            self.rate.plateau.load(state["plateau"])
            if self.global_rank == 0:
                self._sums.copy_(state["sums"])
            torch.set_rng_state(state["rng"])
        self._validate_last_epoch()  # Lightning does not start an epoch again that it goes on with
        self.clock.start()

    def on_train_epoch_start(self) -> None:
        """Forget the results of the epoch before."""
        self.best_this_epoch = False
        self._validation = {}
        self._validate_last_epoch()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate and the place in the run that weights of the loss depend on."""
        self._epoch_ended = False
        passed = self._elapsed() / self.clock.limit if self.clock.limit else 0.0
        self._progress = self.rate.progress(self.global_step, passed)
        rate = self.config.optimizer.learning_rate * self.rate.factor(self.global_step, passed)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    # steps

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, with means taken over the batch of all processes."""
        self._check_finite()
        prediction = self._predict(batch, True, self.loss.needs_forces)
        errors = residuals(prediction, batch)
        sums, counts = self.loss.sums(errors, self._progress), errors.counts
        self._sums += torch.stack([sums.detach(), _absolute(errors), counts])
        if self.trainer.world_size > 1:
            # Gradients are averaged over processes; with these counts the average is that of the whole batch.
            counts = counts.clone()
            torch.distributed.all_reduce(counts)
            counts /= self.trainer.world_size
        loss = (sums / torch.where(counts > 0, counts, 1.0)).sum()
        self._previous_loss = loss.detach()
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Average the weights at once: a checkpoint written at the end of this step must hold the average."""
        super().optimizer_step(*args, **kwargs)
        if self.ema is not None:
            self.ema.update()

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """As Lightning would, with all weights in one call."""
        if gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self._weights, gradient_clip_val, foreach=True)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Stop at a limit of steps or time."""
        steps, limit = self.config.max_steps, self.clock.limit
        if (steps is not None and self.global_step >= steps) or (limit is not None and self._elapsed() >= limit):
            self.trainer.should_stop = True
            self.trainer.check_val_every_n_epoch = 1

    def on_validation_epoch_start(self) -> None:
        """Validate the averaged weights."""
        self._check_finite()
        self._errors = ErrorSums(self.potential.config.atom_types, self.device)
        self._loss_sums = torch.zeros(2, 3, dtype=torch.float64, device=self.device)
        self._force_sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        if self.ema is not None:
            self._swapped.enter_context(self.ema.applied())

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add up the errors of one batch."""
        prediction = self._predict(batch, False, self.loss.needs_forces)
        errors = residuals(prediction, batch)
        self._loss_sums += torch.stack([self.loss.sums(errors), errors.counts])
        self._errors.add(prediction, batch)
        if self.loss.needs_forces:
            self._force_sums += torch.stack([prediction.forces.abs().sum(), batch.forces.nan_to_num(0.0).abs().sum()])

    def on_validation_epoch_end(self) -> None:
        """Judge the weights, keep them if they are the best, and put the training weights back."""
        for sums in (self._loss_sums, self._errors.table, self._force_sums):
            self._over_processes(sums)
        predicted, labelled = self._force_sums.tolist()
        if predicted == 0.0 and labelled > 0.0:
            self._swapped.close()
            raise TrainingError(
                f"predicted forces must not all be zero, those of the validation frames are at step {self.global_step}: a layer has "
                "saturated, and has no gradient to recover by; start a new run with a smaller `training.optimizer.learning_rate` or "
                "another `seed`"
            )
        weighted, counts = self._loss_sums
        errors = self._errors.errors()
        values = {
            "validation_loss": float((weighted / torch.where(counts > 0, counts, 1.0)).sum()),
            "validation_energy_mae": errors.energy.mae,
            "validation_energy_rmse": errors.energy.rmse,
            "validation_forces_mae": errors.forces.mae,
            "validation_forces_rmse": errors.forces.rmse,
            "validation_stress_mae": errors.stress.mae,
        }
        self._validation = {name: value for name, value in values.items() if value == value}
        monitored = values[f"validation_{self.config.monitor}"]
        if monitored != monitored:
            self._swapped.close()
            raise TrainingError(
                f"`training.monitor` must be a quantity that validation frames have labels for, got {self.config.monitor} without any; "
                "or predictions became NaN"
            )
        self.best_this_epoch = self.monitor.observe(monitored, self.current_epoch)
        if self.best_this_epoch:
            self.save_best(self.current_epoch)
        self._swapped.close()
        self.rate.plateau.observe(monitored)
        if self.monitor.exhausted:
            self.trainer.should_stop = True

    def epoch_row(self) -> dict[str, float]:
        """Results of the epoch that has just ended, in eV and Å; to be called once, on every process."""
        self._check_finite()
        self._previous_loss = None
        self._epoch_ended = True
        self._over_processes(self._sums)
        weighted, absolute, counts = self._sums.cpu()
        mean = torch.where(counts > 0, counts, 1.0)
        row = {
            "epoch": self.current_epoch,
            "step": self.global_step,
            "seconds": self._elapsed(),
            "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            "train_loss": float((weighted / mean).sum()),
        }
        for index, (quantity, count) in enumerate(zip(("energy", "forces"), counts, strict=False)):
            if count > 0 and (quantity == "energy" or self.loss.needs_forces):
                row[f"train_{quantity}_mae"] = float(absolute[index] / count)
        self._sums.zero_()
        return row | self._validation

    # restart

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Everything beyond weights, optimizer and Lightning's own counters, as tensors and plain values."""
        self._check_finite()
        sums = self._sums.clone()
        self._over_processes(sums)
        checkpoint["qallegro"] = {
            "ema": None if self.ema is None else self.ema.state(),
            "monitor": self.monitor.state(),
            "plateau": self.rate.plateau.state(),
            "sums": sums,
            "rng": torch.get_rng_state(),
            "elapsed": self.clock.elapsed,
            "epoch_ended": self._epoch_ended,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state until everything it belongs to exists."""
        self._restored = checkpoint["qallegro"]
        self.clock.restore(self._restored["elapsed"])

    # helpers

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Batches know how to move."""
        return batch if batch.energy.device == device else batch.to(device)

    def _check_finite(self) -> None:
        """Refuse to go on after a loss that is no number. Looked at one step late, so that a GPU need not be waited for."""
        previous = self._previous_loss
        if previous is not None and not bool(torch.isfinite(previous)):
            raise TrainingError(
                f"`loss` must be finite, got {float(previous)} at step {self.global_step} (epoch {self.current_epoch}); lower "
                "`training.optimizer.learning_rate`, set `training.gradient_clip`, or look for wrong labels with `qallegro evaluate`"
            )

    def _validate_last_epoch(self) -> None:
        """The last epoch ends with a validation, whatever their spacing."""
        if self.current_epoch == self.config.max_epochs - 1:
            self.trainer.check_val_every_n_epoch = 1

    def _elapsed(self) -> float:
        """Seconds of training, the same on every process where a decision depends on them."""
        elapsed = self.clock.elapsed
        if self.trainer.world_size > 1 and self.clock.limit is not None:
            elapsed = self.trainer.strategy.broadcast(elapsed)
        return elapsed

    def _over_processes(self, sums: Tensor) -> None:
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(sums)


def _absolute(errors: Residuals) -> Tensor:
    return torch.stack([e.detach().abs().sum() for e in errors[:3]]).to(torch.float64)
