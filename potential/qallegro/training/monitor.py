"""What validation results decide: which weights are the best, and when to give up."""

import math
from typing import Any

from qallegro.training.config import EarlyStopping


class Monitor:
    """Remembers the best value of the monitored quantity.

    Args:
        early_stopping: when to give up; None: never.
    """

    def __init__(self, early_stopping: EarlyStopping | None) -> None:
        self.early_stopping = early_stopping
        self.best = math.inf
        self.best_epoch = -1
        self._target, self._waited = math.inf, 0

    def observe(self, value: float, epoch: int) -> bool:
        """Take note of one validation; whether it is the best so far."""
        min_delta = self.early_stopping.min_delta if self.early_stopping else 0.0
        if value < self._target * (1.0 - min_delta) or not math.isfinite(self._target):
            self._target, self._waited = value, 0
        else:
            self._waited += 1
        if value < self.best:
            self.best, self.best_epoch = value, epoch
            return True
        return False

    @property
    def exhausted(self) -> bool:
        """Whether the patience has run out."""
        return self.early_stopping is not None and self._waited >= self.early_stopping.patience

    def state(self) -> dict[str, Any]:
        """Plain values that `load` takes back."""
        return {"best": self.best, "best_epoch": self.best_epoch, "target": self._target, "waited": self._waited}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._target, self._waited = state["target"], state["waited"]
