"""A study from configuration to its last trial, with one worker or several on this machine."""

import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from qallegro.errors import TrainingError
from qallegro.tuning import storage as kept
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.front import outcomes_of, results
from qallegro.tuning.live import LiveTable
from qallegro.tuning.study import TuningStudy, start_or_resume
from qallegro.tuning.worker import count, work


def run_study(config: TuningConfig, folder: Path, workers: int, console: Console) -> TuningStudy:
    """Start a study or go on with it, until it has its trials.

    Args:
        config: of the study.
        folder: for its files.
        workers: processes on this machine; 0: start the study and stop.
        console: where to show it.

    Raises:
        ConfigError: see `start_or_resume` and `work`.
        TrainingError: a signal stopped it.
    """
    with console.status("reading reference data, timing the reference model ..."):
        opened, there = start_or_resume(config, folder)
    counts = count(opened.study.get_trials(deepcopy=False))
    what = f"goes on: {counts.done} of {config.trials} trials are done" if there else f"of {config.trials} trials"
    console.print(f"study [bold]{opened.name}[/] {what}; database {kept.shown(opened.url)}", highlight=False, soft_wrap=True)
    if workers == 0:
        return opened
    command = [sys.executable, "-m", "qallegro.cli.main", "tune", "worker", opened.url, "--study", opened.name, "-o", str(folder)]
    others = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(workers - 1)]
    try:
        run_worker(opened, workers, console)
    except BaseException:
        for other in others:
            # They put up their trials again before they end.
            other.send_signal(signal.SIGTERM)
        raise
    finally:
        for other in others:
            other.wait()
    return opened


def run_worker(opened: TuningStudy, workers: int, console: Console) -> None:
    """Take trials until there are enough, and show them.

    Args:
        opened: the study.
        workers: how many share the trials, for the time left.
        console: where to show it.

    Raises:
        ConfigError: see `work`.
        TrainingError: a signal stopped it.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with LiveTable(opened, console, workers) as live:
            work(opened, live.tell, live.refresh)
    except KeyboardInterrupt as stop:
        raise TrainingError("tuning was stopped by a signal, its trial is put up again; the same command goes on with the study") from stop
    finally:
        signal.signal(signal.SIGTERM, before)
    trials = opened.study.get_trials(deepcopy=False)
    found = results(opened.config, trials)
    console.print(
        f"{outcomes_of(trials)}; {int(found.on_front.sum())} models on the front; see `qallegro tune front {opened.folder}`",
        highlight=False,
        soft_wrap=True,
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
