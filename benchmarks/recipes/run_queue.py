"""Trainings in processes of their own, some at a time; finished ones are not repeated, cut ones go on from their checkpoints."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

ONE_RUN = Path(__file__).parents[1] / "variants" / "one_run.py"


class Run(NamedTuple):
    """One training."""

    name: str
    configuration: dict[str, Any]  #: as `qallegro train` takes it
    folder: Path
    size: float  #: of its budget
    unit: str = "seconds"  #: column of `metrics.csv` that the budget counts in: "seconds" or "epoch"
    clock: str = "wall"  #: what time is: "wall", or "processor" for that which a run's processor spends on it

    @property
    def request(self) -> Path:
        """The clock and the configuration that the folder's run was started with."""
        return self.folder.with_name(self.folder.name + ".request.json")

    @property
    def requested(self) -> dict[str, Any]:
        """What stands there."""
        return {"clock": self.clock, "configuration": self.configuration}

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder.with_name(self.folder.name + ".log")

    @property
    def finished(self) -> bool:
        """Whether it was tested, which is its last act."""
        return (self.folder / "test_metrics.json").is_file()

    @property
    def spent(self) -> float:
        """Part of the budget that is used up at the end of the last epoch."""
        if self.finished:
            return self.size
        with contextlib.suppress(OSError, ValueError, IndexError, KeyError), open(self.folder / "metrics.csv", newline="") as file:
            return min(self.size, float(list(csv.DictReader(file))[-1][self.unit]))
        return 0.0


def end_on_sigterm() -> None:
    """Let a SIGTERM end the program as an interrupt does, so that the processes it has started are ended too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def missing_files(root: Path, names: Iterable[str]) -> str | None:
    """A message that names the data files which are not in a folder; None if all are there."""
    missing = sorted({name for name in names if not (root / name).is_file()})
    return f"--root must be a folder that holds the data files, `{root}` lacks {', '.join(missing)}" if missing else None


def check_requests(runs: list[Run]) -> None:
    """Runs that are there must have been started with the same settings. Ends the program otherwise."""
    for run in runs:
        if run.request.is_file() and json.loads(run.request.read_text()) != run.requested:
            sys.exit(
                f"error: settings must be those that `{run.folder}` was started with, `{run.request}` holds others; "
                "name another folder with -o, or remove that run"
            )


def execute(runs: list[Run], workers: int, threads: int, console: Console, done: Callable[[Run], str]) -> list[str]:
    """Run what is not finished.

    Args:
        runs: in the order they are to be started.
        workers: processes at a time.
        threads: of each.
        console: for the progress.
        done: called after each run that finished; returns what to say of it.

    Returns:
        names of runs that failed, each with what it said at the end.
    """
    waiting = [run for run in runs if not run.finished]
    active: dict[subprocess.Popen, Run] = {}
    failed: list[str] = []
    columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn()]
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("all runs", total=sum(run.size for run in runs), completed=sum(run.spent for run in runs))
        try:
            while waiting or active:
                while waiting and len(active) < workers:
                    run = waiting.pop(0)
                    active[_start(run, threads)] = run
                time.sleep(0.5)
                for process in [p for p in active if p.poll() is not None]:
                    run = active.pop(process)
                    if process.returncode or not run.finished:
                        failed.append(f"{run.name} ({_last_line(run)})")
                        console.print(f"{run.name} [red]failed[/]: {_last_line(run)}", highlight=False)
                    else:
                        console.print(f"{run.name}: {done(run)}", highlight=False)
                names = ", ".join(run.name for run in active.values())
                progress.update(bar, completed=sum(run.spent for run in runs), description=names or "all runs")
        finally:
            for process in active:  # interrupted: they go on from their checkpoints next time
                process.terminate()
                process.wait()
    return failed


def _start(run: Run, threads: int) -> subprocess.Popen:
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    run.request.write_text(json.dumps(run.requested, indent=2) + "\n")
    environment = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with open(run.log, "w") as log:
        command = [sys.executable, str(ONE_RUN), str(run.request), str(run.folder)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _last_line(run: Run) -> str:
    lines = run.log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
