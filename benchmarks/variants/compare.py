"""Train all variants on equal terms and compare them (README.md). Finished runs are not repeated."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

sys.path.append(str(Path(__file__).parents[1] / "training_speed"))

from budget import matching_width, trainable_parameters  # noqa: E402
from figure import draw  # noqa: E402
from outcome import Outcome, differences_record, markdown, read_outcome  # noqa: E402
from report import machine  # noqa: E402
from settings import DATA_SETS, REFERENCE_READOUT, VARIANTS, configuration, model_section  # noqa: E402

FOLDER = Path(__file__).parent
SHARED_DATA = FOLDER.parents[2] / "shared" / "data"
#: species of each data set; the number of weights depends on how many there are
SPECIES = {"cu_li": ["Cu", "Li"], "aspirin": ["C", "H", "O"]}


class Run(NamedTuple):
    """One training."""

    data_set: str
    variant: str
    seed: int
    parameters: int
    configuration: dict[str, Any]
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.data_set} {self.variant} seed {self.seed}"

    @property
    def request(self) -> Path:
        return self.folder.with_name(self.folder.name + ".json")

    @property
    def finished(self) -> bool:
        return (self.folder / "test_metrics.json").is_file()

    @property
    def epochs(self) -> int:
        return self.configuration["training"]["max_epochs"]

    @property
    def epochs_done(self) -> int:
        with contextlib.suppress(OSError), open(self.folder / "metrics.csv") as file:
            return max(0, sum(1 for _ in file) - 1)
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--root", type=Path, default=SHARED_DATA, help="folder of the files that configs/cu_li.yaml and configs/rmd17_aspirin.yaml name"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/variants"), help="folder that keeps the runs")
    parser.add_argument("--data-sets", nargs="+", default=list(DATA_SETS), choices=list(DATA_SETS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="in place of each set's own, for trials")
    parser.add_argument("--tolerance", type=float, default=0.01, help="largest relative difference between numbers of parameters")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("-o", "--output", type=Path, default=Path("variants"), help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    arguments = parser.parse_args()
    if not arguments.root.is_dir():
        parser.error(f"--root must be the folder of the data files, got `{arguments.root}`, which does not exist")
    console = Console(stderr=True)
    runs = plan(arguments)
    check_requests(runs)
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "workers": arguments.workers,
        "versions": versions(),
    }
    failed = execute(runs, arguments.workers, console)
    outcomes = [read_outcome(run.folder, run.data_set, run.variant, run.seed, run.parameters) for run in runs if run.finished]
    if outcomes:
        write_report(outcomes, runs, record, arguments.output)
    if failed:
        sys.exit(f"error: {len(failed)} of {len(runs)} runs failed: {', '.join(failed)}; their output lies beside their folders")


def plan(arguments: argparse.Namespace) -> list[Run]:
    """All runs; one seed of all variants after the other, so that a part of the runs can already be compared."""
    widths = {(d, v): readout_width(d, v, arguments.tolerance) for d in arguments.data_sets for v in arguments.variants}
    runs = []
    for seed in arguments.seeds:
        for data_set in arguments.data_sets:
            for variant in arguments.variants:
                width = widths[data_set, variant]
                parameters = trainable_parameters(model_section(data_set, variant, width), SPECIES[data_set])
                content = configuration(data_set, variant, seed, width, str(arguments.root.resolve()), arguments.epochs)
                folder = arguments.runs / data_set / f"{variant}_{seed}"
                runs.append(Run(data_set, variant, seed, parameters, content, folder))
    return runs


def readout_width(data_set: str, variant: str, tolerance: float) -> int:
    """Width of the final perceptron that gives a variant as many trainable parameters as plain Allegro has."""

    def count(name: str, width: int) -> int:
        return trainable_parameters(model_section(data_set, name, width), SPECIES[data_set])

    return matching_width(lambda width: count(variant, width), count("allegro", REFERENCE_READOUT), tolerance)


def check_requests(runs: list[Run]) -> None:
    """Runs that are there must have been made with the same settings."""
    for run in runs:
        if run.request.is_file() and json.loads(run.request.read_text()) != run.configuration:
            sys.exit(
                f"error: settings must be those that `{run.folder}` was started with, `{run.request}` holds others; "
                "name another folder with --runs, or remove that one"
            )


def execute(runs: list[Run], workers: int, console: Console) -> list[str]:
    """Run what is not finished, `workers` at a time; returns the names of runs that failed."""
    waiting = [run for run in runs if not run.finished]
    active: dict[subprocess.Popen, Run] = {}
    failed: list[str] = []
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("epochs of all runs", total=sum(run.epochs for run in runs))
        try:
            while waiting or active:
                while waiting and len(active) < workers:
                    run = waiting.pop(0)
                    active[start(run)] = run
                time.sleep(0.5)
                for process in [p for p in active if p.poll() is not None]:
                    run = active.pop(process)
                    if process.returncode or not run.finished:
                        failed.append(run.name)
                        console.print(f"{run.name} [red]failed[/]: {last_line(run)}", highlight=False)
                    else:
                        done = read_outcome(run.folder, run.data_set, run.variant, run.seed, run.parameters)
                        console.print(
                            f"{run.name}: force MAE {done.forces_mae:.1f} meV/Å, {done.seconds_per_epoch * done.epochs:.0f} s",
                            highlight=False,
                        )
                names = ", ".join(run.name for run in active.values())
                progress.update(bar, completed=sum(run.epochs_done for run in runs), description=names or "epochs of all runs")
        finally:
            for process in active:  # interrupted: they go on from their checkpoints next time
                process.terminate()
                process.wait()
    return failed


def start(run: Run) -> subprocess.Popen:
    """Start one run; what it prints goes beside its folder."""
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    run.request.write_text(json.dumps(run.configuration, indent=2) + "\n")
    environment = os.environ | {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, str(FOLDER / "one_run.py"), str(run.request), str(run.folder)]
    with open(run.request.with_suffix(".log"), "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def last_line(run: Run) -> str:
    """What a failed run said at the end."""
    lines = run.request.with_suffix(".log").read_text().strip().splitlines()
    return lines[-1] if lines else "no output"


def write_report(outcomes: list[Outcome], runs: list[Run], record: dict[str, Any], output: Path) -> None:
    """Table, numbers and plot."""
    text = markdown(outcomes, record)
    content = record | {
        "configurations": {
            run.name: run.configuration | {"data": run.configuration["data"] | {"root": "."}} for run in runs if run.finished
        },
        "outcomes": [outcome._asdict() for outcome in outcomes],
        "differences": differences_record(outcomes),
    }
    output.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    output.with_suffix(".md").write_text(text)
    draw(outcomes, output.with_suffix(".png"))
    print(text)


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    import torch

    import qallegro

    return {"qallegro": qallegro.__version__, "torch": torch.__version__}


if __name__ == "__main__":
    main()
