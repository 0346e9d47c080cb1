"""Train all variants on equal terms and compare them (README.md). Finished runs are not repeated."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

sys.path += [str(Path(__file__).parents[1] / name) for name in ("training_speed", "recipes")]

from budget import matching_width, trainable_parameters  # noqa: E402
from figure import draw  # noqa: E402
from outcome import Outcome, differences_record, markdown, read_outcome  # noqa: E402
from report import machine  # noqa: E402
from run_queue import Run, check_requests, end_on_sigterm, execute  # noqa: E402
from settings import DATA_SETS, REFERENCE_READOUT, VARIANTS, configuration, model_section  # noqa: E402

FOLDER = Path(__file__).parent
SHARED_DATA = FOLDER.parents[2] / "shared" / "data"
#: species of each data set; the number of weights depends on how many there are
SPECIES = {"cu_li": ["Cu", "Li"], "aspirin": ["C", "H", "O"]}


class Planned(NamedTuple):
    """A run and what it is of."""

    run: Run
    data_set: str
    variant: str
    seed: int
    parameters: int

    def outcome(self) -> Outcome:
        """Of a finished run."""
        return read_outcome(self.run.folder, self.data_set, self.variant, self.seed, self.parameters)


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
    planned = plan(arguments)
    runs = [entry.run for entry in planned]
    by_name = {entry.run.name: entry for entry in planned}
    check_requests(runs)
    end_on_sigterm()
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "workers": arguments.workers,
        "versions": versions(),
    }

    def say(run: Run) -> str:
        done = by_name[run.name].outcome()
        return f"force MAE {done.forces_mae:.1f} meV/Å, {done.seconds_per_epoch * done.epochs:.0f} s"

    failed = execute(runs, arguments.workers, 1, Console(stderr=True), say)
    outcomes = [entry.outcome() for entry in planned if entry.run.finished]
    if outcomes:
        write_report(outcomes, runs, record, arguments.output)
    if failed:
        sys.exit(f"error: {len(failed)} of {len(runs)} runs failed: {'; '.join(failed)}")


def plan(arguments: argparse.Namespace) -> list[Planned]:
    """All runs; one seed of all variants after the other, so that a part of the runs can already be compared."""
    widths = {(d, v): readout_width(d, v, arguments.tolerance) for d in arguments.data_sets for v in arguments.variants}
    planned = []
    for seed in arguments.seeds:
        for data_set in arguments.data_sets:
            for variant in arguments.variants:
                width = widths[data_set, variant]
                parameters = trainable_parameters(model_section(data_set, variant, width), SPECIES[data_set])
                content = configuration(data_set, variant, seed, width, str(arguments.root.resolve()), arguments.epochs)
                folder = arguments.runs / data_set / f"{variant}_{seed}"
                run = Run(f"{data_set} {variant} seed {seed}", content, folder, content["training"]["max_epochs"], "epoch")
                planned.append(Planned(run, data_set, variant, seed, parameters))
    return planned


def readout_width(data_set: str, variant: str, tolerance: float) -> int:
    """Width of the final perceptron that gives a variant as many trainable parameters as plain Allegro has."""

    def count(name: str, width: int) -> int:
        return trainable_parameters(model_section(data_set, name, width), SPECIES[data_set])

    return matching_width(lambda width: count(variant, width), count("allegro", REFERENCE_READOUT), tolerance)


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
