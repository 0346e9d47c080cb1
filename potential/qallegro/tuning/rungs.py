"""Early stopping that is safe with several objectives: a trial stops at a rung if enough others were better there in everything.

Values at a rung are the errors after that share of the training (the best so far) beside what does not depend on training (latency, size,
memory). One trial dominates another if it is nowhere worse and somewhere better. A trial that is the fastest, or the smallest, so far can
therefore never be stopped for its error.
"""

from collections.abc import Mapping, Sequence

Values = Sequence[float]


def dominates(a: Values, b: Values) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better; smaller is better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def dominated_by(values: Values, others: Sequence[Values]) -> int:
    """How many others dominate."""
    return sum(dominates(other, values) for other in others)


class RungWatch:
    """Follows the validation errors of one trial.

    Args:
        rungs: shares of the training.
        epochs: of the whole training; None if time is the limit.
        seconds: of the whole training; None if epochs are the limit.
        names: errors among the objectives.
    """

    def __init__(self, rungs: Sequence[float], epochs: int | None, seconds: float | None, names: Sequence[str]) -> None:
        self._rungs, self._epochs, self._seconds, self._names = list(rungs), epochs, seconds, list(names)
        self._best: dict[str, float] = {}
        self._seen = 0

    def reached(self, rows: Sequence[tuple[float, float, Mapping[str, float]]]) -> list[tuple[float, dict[str, float]]]:
        """Rungs that the rows reach for the first time.

        Args:
            rows: epochs done, seconds, and errors where validated (empty otherwise), from the beginning.

        Returns:
            share and best errors so far of every rung.
        """
        new = []
        for epochs, seconds, errors in rows[self._seen :]:
            self._seen += 1
            if not all(name in errors for name in self._names):
                continue
            for name in self._names:
                self._best[name] = min(errors[name], self._best.get(name, errors[name]))
            done = epochs / self._epochs if self._epochs else seconds / self._seconds
            while self._rungs and done >= self._rungs[0]:
                new.append((self._rungs.pop(0), dict(self._best)))
        return new
