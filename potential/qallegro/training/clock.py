"""Time spent on training, over all parts of a run that was resumed."""

import time


class Clock:
    """Args: limit: seconds; None: no limit."""

    now = staticmethod(time.monotonic)

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._before = 0.0
        self._started: float | None = None

    def start(self, before: float = 0.0) -> None:
        """Run on from `before` seconds."""
        self._before, self._started = before, self.now()

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return self._before + (0.0 if self._started is None else self.now() - self._started)
