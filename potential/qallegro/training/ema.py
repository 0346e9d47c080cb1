"""Exponential moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """a <- d a + (1 - d) w after every step, with d = min(decay, (1 + n) / (10 + n)) at step n so that early weights fade quickly.

    Lightning's own callback copies the whole module and visits weights one by one; this keeps a list of tensors and updates it in
    one fused call, and its state is a plain list.

    Args:
        module: averages its trainable weights.
        decay: d; 0 makes the average equal to the weights.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._weights = [p for p in module.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self._weights]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the current weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(self.average, [p.detach() for p in self._weights], 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module has the averaged weights inside, its own again after, bit for bit."""
        own = [p.detach().clone() for p in self._weights]
        self._set(self.average)
        try:
            yield
        finally:
            self._set(own)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values that `load` takes back."""
        return {"updates": self.updates, "average": [a.clone() for a in self.average]}

    @torch.no_grad()
    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.updates = state["updates"]
        for mine, saved in zip(self.average, state["average"], strict=True):
            mine.copy_(saved)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        for weight, value in zip(self._weights, values, strict=True):
            weight.copy_(value)


class OptimizerAverage(WeightAverage):
    """The average that a schedule-free optimizer keeps by itself: its `eval` puts it into the weights.

    Args:
        module: its trainable weights are those of the optimizer.
        optimizer: has `train` and `eval`.
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(module, decay=0.0)
        self.optimizer = optimizer
        self.average = []

    def update(self) -> None:
        """The optimizer does it in its step."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """As for `WeightAverage`: the way back of the optimizer is exact to rounding only, so the weights are kept."""
        own = [p.detach().clone() for p in self._weights]
        self.optimizer.eval()
        try:
            yield
        finally:
            self.optimizer.train()
            self._set(own)
