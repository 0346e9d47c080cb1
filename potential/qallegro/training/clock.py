"""Time spent on training, over all parts of a run that was resumed."""

import time


class Clock:
    """Args: limit: seconds; None: no limit."""

    now = staticmethod(time.monotonic)

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._before = 0.0
        self._started: float | None = None

    def restore(self, before: float) -> None:
        """Count from `before` seconds, those of earlier parts of the run."""
        self._before = before

    def start(self) -> None:
        """Run on."""
        self._started = self.now()

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return self._before + (0.0 if self._started is None else self.now() - self._started)
