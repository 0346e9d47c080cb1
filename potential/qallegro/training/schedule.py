"""Learning rate as a function of the step, and of what validation says."""

import math
from typing import Any

from qallegro.training.config import Schedule


def warmup_factor(step: int, warmup_steps: int) -> float:
    """Linear rise to 1 over `warmup_steps` steps; the first step already moves."""
    return min(1.0, (step + 1) / (warmup_steps + 1))


def cosine_factor(progress: float, final: float) -> float:
    """final + (1 - final) (1 + cos(pi progress)) / 2 for progress in [0, 1]."""
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, progress))))


def cycle_progress(progress: float, cycles: int, growth: float) -> float:
    """Share of the current cycle that has passed; cycle k takes growth^k times as long as the first, and all fill [0, 1]."""
    lengths = [growth**k for k in range(cycles)]
    place = min(1.0, max(0.0, progress)) * sum(lengths)
    for length in lengths[:-1]:
        if place < length:
            return place / length
        place -= length
    return min(1.0, place / lengths[-1])


class Plateau:
    """Lowers a factor when a quantity has not improved for some validations.

    Args:
        factor: what the rate is multiplied by.
        patience: validations without improvement before that.
        final: smallest factor.
    """

    def __init__(self, factor: float, patience: int, final: float) -> None:
        self.factor, self.patience, self.final = factor, patience, final
        self.current, self.best, self.waited = 1.0, math.inf, 0

    def observe(self, value: float) -> None:
        """Take note of one validation."""
        if value < self.best:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.current, self.waited = max(self.final, self.current * self.factor), 0

    def state(self) -> dict[str, Any]:
        """Plain values that `load` takes back."""
        return {"current": self.current, "best": self.best, "waited": self.waited}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.current, self.best, self.waited = state["current"], state["best"], state["waited"]


class LearningRate:
    """The factor on the learning rate at each step.

    Args:
        config: the schedule.
        total_steps: steps at the end of the run, if nothing stops it earlier.
    """

    def __init__(self, config: Schedule, total_steps: int) -> None:
        self.config = config
        self.total_steps = total_steps
        self.plateau = Plateau(config.factor, config.patience, config.final)

    def factor(self, step: int, time_progress: float) -> float:
        """Args: step: from 0; time_progress: share of `max_time` that has passed, 0 where there is none."""
        warmup = warmup_factor(step, self.config.warmup_steps)
        if self.config.kind == "plateau":
            return warmup * self.plateau.current
        if self.config.kind == "constant":
            return warmup
        place = cycle_progress(self.progress(step, time_progress), self.config.cycles, self.config.cycle_growth)
        return warmup * cosine_factor(place, self.config.final)

    def progress(self, step: int, time_progress: float) -> float:
        """Share of the run that has passed, from 0 to 1. Args as of `factor`."""
        progress = step / max(1, self.total_steps - 1)
        return min(1.0, max(progress, time_progress) if self.config.over == "time" else progress)
