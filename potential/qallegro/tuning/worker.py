"""A worker: takes trials of a study until there are enough, each in a process of its own."""

import json
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, Trial, TrialState

from qallegro.errors import ConfigError, QAllegroError
from qallegro.training.config import parse_duration
from qallegro.training.history import read_history
from qallegro.tuning import outcome as outcomes
from qallegro.tuning.child import run_child
from qallegro.tuning.objectives import errors, from_metrics, from_row
from qallegro.tuning.rungs import RungWatch, dominated_by
from qallegro.tuning.space import suggest, training_content
from qallegro.tuning.storage import LOST, patiently, put_up_lost_trials
from qallegro.tuning.study import TuningStudy, reference_request
from qallegro.whole_file import write_text

#: s between looks at the other workers, when all trials are taken
_WAIT = 1.0
OUTCOME_FILE = "outcome.json"

Tell = Callable[[int, str], None]


class _TrialFailedError(Exception):
    """The trial gave nothing; the study goes on."""


class _DiskFullError(Exception):
    """No trial can work here; the trial is put up again."""


class Counts(NamedTuple):
    """Trials of a study."""

    done: int  #: that came to an end, lost ones aside
    running: int
    waiting: int


def lost(trials: list[FrozenTrial]) -> set[int]:
    """Numbers of trials whose worker was killed or stopped, and which were put up again under another number."""
    return {number for trial in trials for number in RetryHeartbeatStaleTrialCallback.retry_history(trial)}


def count(trials: list[FrozenTrial]) -> Counts:
    """Ended, running and waiting trials."""
    again = lost(trials)
    states = [trial.state for trial in trials if trial.number not in again]
    return Counts(sum(s.is_finished() for s in states), states.count(TrialState.RUNNING), states.count(TrialState.WAITING))


def work(opened: TuningStudy, tell: Tell = lambda number, stage: None, pause: Callable[[], None] = lambda: None) -> None:
    """Take trials until the study has as many as it wants. Several workers at once may start one more each than that.

    Args:
        opened: the study.
        tell: called with a trial's number and what it does now.
        pause: called now and then while there is nothing to do.

    Raises:
        ConfigError: the disk is full, or the database was lost for too long.
        KeyboardInterrupt: its trial is put up again.
    """
    study, again = opened.study, RetryHeartbeatStaleTrialCallback()
    while True:
        # Trials of workers that were killed come back first.
        patiently(lambda: put_up_lost_trials(study))
        counts = count(patiently(lambda: study.get_trials(deepcopy=False)))
        if counts.done >= opened.config.trials:
            return
        if counts.done + counts.running >= opened.config.trials:
            pause()
            time.sleep(_WAIT)
            continue
        taken: list[int] = []
        objective = _Objective(opened, tell, taken)
        try:
            study.optimize(objective, n_trials=1, catch=(_TrialFailedError,))
        except (KeyboardInterrupt, _DiskFullError) as error:
            for number in taken:
                trial = study.get_trials(deepcopy=False)[number]
                if trial.state == TrialState.FAIL:
                    again(study, trial)
            if isinstance(error, _DiskFullError):
                raise ConfigError(f"the disk must have room for trials, it has none left ({error}); free some and resume") from error
            raise
        except QAllegroError:
            raise
        except Exception as error:
            if not _is_out_of_hand(error):
                raise
            # The trial is put up again as that of a worker that was killed, and its outcome, if it had one, is found in its folder.
            time.sleep(_WAIT)


def _is_out_of_hand(error: BaseException | None) -> bool:
    """Whether the database was lost in the midst of a trial, or the trial was taken for lost since signs of life did not get through.

    Optuna says the latter in words alone, and buries the former under an error of its own: causes are looked through.
    """
    while error is not None:
        if isinstance(error, (*LOST, UpdateFinishedTrialError)) or (isinstance(error, ValueError) and str(error).startswith("Cannot tell")):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Objective:
    """One trial, from proposal to objectives."""

    def __init__(self, opened: TuningStudy, tell: Tell, taken: list[int]) -> None:
        self._opened, self._config, self._tell, self._taken = opened, opened.config, tell, taken
        self._errors = errors(self._config.objectives)

    def __call__(self, trial: Trial) -> tuple[float, ...]:
        self._taken.append(trial.number)
        self._tell(trial.number, "starting")
        values = suggest(trial, self._config.space)
        folder = self._opened.folder / "trials" / f"{trial.number:04d}"
        record = self._earlier(trial, values)
        if record is None:
            started = time.monotonic()
            record = self._run(trial, values, folder) | {"values": values, "host": socket.gethostname(), "folder": str(folder.resolve())}
            record["total_seconds"] = round(time.monotonic() - started, 2)
            if record["outcome"] == "disk_full":
                shutil.rmtree(folder, ignore_errors=True)
                raise _DiskFullError(record["reason"])
            if record["outcome"] != "finished":
                # What did not finish is no model to run; its numbers are in the study.
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self._write(folder, record)
        return self._told(trial, record)

    def _earlier(self, trial: Trial, values: dict[str, Any]) -> dict[str, Any] | None:
        """The outcome of the same trial, if its worker was lost after it had been written."""
        this = patiently(lambda: trial.study.get_trials(deepcopy=False)[trial.number])
        for number in reversed(RetryHeartbeatStaleTrialCallback.retry_history(this)):
            try:
                record = json.loads((self._opened.folder / "trials" / f"{number:04d}" / OUTCOME_FILE).read_text())
            except (OSError, ValueError):
                continue
            if record["values"] == values and Path(record["exported"]).is_file():
                return record
        return None

    def _write(self, folder: Path, record: dict[str, Any]) -> None:
        try:
            write_text(folder / OUTCOME_FILE, json.dumps(record, indent=2) + "\n")
        except OSError as error:
            raise _DiskFullError(f"{error.strerror}: {folder / OUTCOME_FILE}") from error

    def _run(self, trial: Trial, values: dict[str, Any], folder: Path) -> dict[str, Any]:
        config, about = self._config, self._opened.about
        content = training_content(config.base, values, config.budget)
        # Left behind by a worker whose database was lost and came back without the trial.
        shutil.rmtree(folder, ignore_errors=True)
        request = reference_request(about, config, self._opened.folder) | {
            "do": "trial",
            "content": content,
            "folder": str(folder.resolve()),
            "measure": config.measures_latency,
            "constraints": config.constraints.model_dump(),
            "reference_latency": about["reference_latency"],
        }
        seen: dict[str, Any] = {}
        watch = _Watch(self._opened, trial, folder, self._tell)

        def on_stage(stage: dict[str, Any]) -> None:
            seen.update({key: value for key, value in stage.items() if key != "stage"})
            self._tell(trial.number, stage["stage"])
            if stage["stage"] == "training":
                watch.start(outcomes.costs(config.objectives, seen["parameters"], seen.get("latency")))

        limit = None if config.budget.limit is None else parse_duration(config.budget.limit)
        answer = run_child(request, on_stage, watch, config.budget.memory, limit)
        if answer["outcome"] == "stopped":
            answer |= {"reason": watch.reason, "rung": watch.rung, "at_rung": watch.at_rung}
        return seen | answer

    def _told(self, trial: Trial, record: dict[str, Any]) -> tuple[float, ...]:
        """Leave the record in the study; the values that samplers see."""
        config, names = self._config, self._config.objectives
        if record["outcome"] == "finished":
            record["objectives"] = {name: from_metrics(name, record["metrics"]) for name in self._errors} | outcomes.costs(
                names, record["parameters"], record["latency"]
            )
            reason = outcomes.unusable(record["objectives"])
            if reason is not None:
                record |= {"outcome": "failed", "reason": reason, "objectives": None}
        patiently(lambda: trial.set_user_attr(outcomes.RECORD, record))
        self._tell(trial.number, record["outcome"])
        if record["outcome"] == "failed":
            raise _TrialFailedError(record["reason"])
        for name, value in outcomes.constraint_values(config, record["parameters"], record["latency"]).items():
            patiently(lambda name=name, value=value: trial.set_constraint(name, value))
        if record["outcome"] == "finished":
            return tuple(record["objectives"][name] for name in names)
        trials = patiently(lambda: trial.study.get_trials(deepcopy=False))
        estimated = outcomes.estimate(config, trials, record.get("rung"), record.get("at_rung", {}))
        if estimated is None:
            raise optuna.TrialPruned(record["reason"])
        estimated |= outcomes.costs(names, record["parameters"], record["latency"])
        return tuple(estimated[name] for name in names)


class _Watch:
    """Looks at `metrics.csv` of a trial that trains, and says when it is to stop."""

    def __init__(self, opened: TuningStudy, trial: Trial, folder: Path, tell: Tell) -> None:
        budget = opened.config.budget
        seconds = None if budget.time is None else parse_duration(budget.time)
        self._names, self._budget, self._objectives = errors(opened.config.objectives), budget, opened.config.objectives
        self._rungs = RungWatch(budget.rungs, budget.epochs, seconds, self._names)
        self._total = seconds or budget.epochs
        self._trial, self._path, self._tell = trial, folder / "metrics.csv", tell
        self._size, self._costs, self._training = -1, {}, False
        self._kept: dict[str, dict[str, float]] = {}
        self.reason, self.rung, self.at_rung = "", None, {}

    def start(self, costs: dict[str, float]) -> None:
        """Training begins."""
        self._costs, self._training = costs, True
        patiently(lambda: self._trial.set_user_attr("costs", costs))
        patiently(lambda: self._trial.set_user_attr(outcomes.RUNGS, {}))

    def __call__(self) -> str | None:
        if not self._training or not self._path.is_file() or self._path.stat().st_size == self._size:
            return None
        self._size = self._path.stat().st_size
        rows = []
        for row in read_history(self._path):
            found = {name: from_row(name, row) for name in self._names}
            rows.append((row["epoch"] + 1, row["seconds"], {name: value for name, value in found.items() if value is not None}))
        if rows:
            done = rows[-1][0] if self._budget.time is None else rows[-1][1]
            self._tell(self._trial.number, f"training {min(done / self._total, 1.0):.0%}")
        for share, at in self._rungs.reached(rows):
            self._kept[f"{share:g}"] = at
            patiently(lambda: self._trial.set_user_attr(outcomes.RUNGS, self._kept))
            values = [{**at, **self._costs}[name] for name in self._objectives]
            trials = patiently(lambda: self._trial.study.get_trials(deepcopy=False))
            others = [outcomes.rung_values(other, share, self._objectives) for other in trials if other.number != self._trial.number]
            better = dominated_by(values, [other for other in others if other is not None])
            if better >= self._budget.dominated_by:
                self.reason = f"{better} trials were better in every objective after {share:.0%} of the training"
                self.rung, self.at_rung = share, at
                return "stopped"
        return None
