"""What a user sees of a study: a table that follows the trials, or a line for each where there is no terminal."""

import time
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from qallegro.tuning.front import results
from qallegro.tuning.objectives import heading
from qallegro.tuning.outcome import record_of
from qallegro.tuning.storage import LOST
from qallegro.tuning.study import TuningStudy
from qallegro.tuning.worker import count, lost

#: rows of the live table
_ROWS = 12
#: s between looks at the storage for what other workers do
_REFRESH = 2.0


class LiveTable:
    """Follows a study on a console.

    Args:
        opened: the study.
        console: where to show.
        workers: that take trials, for the time left.
    """

    def __init__(self, opened: TuningStudy, console: Console, workers: int) -> None:
        self._opened, self._console, self._workers = opened, console, workers
        self._stage: dict[int, str] = {}
        self._printed = {t.number for t in opened.study.get_trials(deepcopy=False) if t.state.is_finished()}
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._looked = 0.0

    def __enter__(self) -> "LiveTable":
        if self._live is not None:
            self._live.start()
        self.refresh(force=True)
        return self

    def __exit__(self, *_: Any) -> None:
        self.refresh(force=True)
        if self._live is not None:
            self._live.stop()

    def tell(self, number: int, stage: str) -> None:
        """A trial of this worker has a new stage."""
        self._stage[number] = stage
        self.refresh(force=stage == "starting")

    def refresh(self, force: bool = False) -> None:
        """Show what the storage has."""
        now = time.monotonic()
        if not force and now - self._looked < _REFRESH:
            return
        self._looked = now
        try:
            trials = self._opened.study.get_trials(deepcopy=False)
        except LOST:
            # Trials wait for the database; a table need not.
            return
        if self._live is not None:
            self._live.update(self._table(trials))
            return
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._printed and trial.number not in lost(trials):
                self._printed.add(trial.number)
                upto = [t for t in trials if t.number in self._printed]
                self._console.print(f"{self._row(trial)}; {self._summary(upto, trials)}", highlight=False, soft_wrap=True)

    def _row(self, trial: FrozenTrial) -> str:
        record = record_of(trial)
        shown = ", ".join(f"{heading(n)} {v:.4g}" for n, v in (record.get("objectives") or {}).items())
        return f"trial {trial.number} {record.get('outcome', 'lost')}: {shown or record.get('reason', '')}"

    def _summary(self, done: Sequence[FrozenTrial], trials: Sequence[FrozenTrial]) -> str:
        found = results(self._opened.config, done)
        text = f"front {int(found.on_front.sum())}, hypervolume {found.hypervolume():.3f}"
        left = self._time_left(trials)
        return text + (f", {left} left" if left else "")

    def _time_left(self, trials: Sequence[FrozenTrial]) -> str:
        times = [(t.datetime_complete - t.datetime_start).total_seconds() for t in trials if t.state.is_finished() and record_of(t)]
        counts = count(list(trials))
        missing = max(self._opened.config.trials - counts.done, 0)
        if not times or not missing:
            return ""
        seconds = missing * sum(times) / len(times) / max(self._workers, counts.running, 1)
        minutes = int(seconds // 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{int(seconds % 60):02d}"

    def _table(self, trials: list[FrozenTrial]) -> Group:
        config = self._opened.config
        again = lost(trials)
        trials = [t for t in trials if t.number not in again and t.state != TrialState.WAITING]
        found = results(config, trials)
        front = {t.number for t in found.front()}
        table = Table(title=f"study {self._opened.name}", title_justify="left")
        table.add_column("trial", justify="right")
        for name in config.objectives:
            table.add_column(heading(name), justify="right")
        table.add_column("")
        table.add_column("state")
        for trial in trials[-_ROWS:]:
            record = record_of(trial)
            values = record.get("objectives") or trial.user_attrs.get("costs", {})
            cells = [f"{values[name]:.4g}" if values.get(name) is not None else "" for name in config.objectives]
            running = trial.state == TrialState.RUNNING
            state = self._stage.get(trial.number, "running") if running else record.get("outcome", "lost")
            reason = "" if running or record.get("outcome") == "finished" else f": {record.get('reason', '')}".splitlines()[0][:80]
            style = "green" if trial.number in front else "dim" if not running and record.get("outcome") != "finished" else None
            table.add_row(str(trial.number), *cells, "front" if trial.number in front else "", f"{state}{reason}", style=style)
        counts = count(trials)
        return Group(table, Text(f"{counts.done} of {config.trials} trials; {self._summary(trials, trials)}"))
