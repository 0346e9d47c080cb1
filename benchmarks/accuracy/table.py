"""Train what one accuracy table needs and write it (README.md). The same command goes on with the work; finished runs are not repeated."""

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

sys.path += [str(Path(__file__).parents[1] / name) for name in ("training_speed", "recipes", "variants")]

from accuracy_clock import add_clock, settle_threads  # noqa: E402
from accuracy_report import draw, markdown  # noqa: E402
from accuracy_results import RESULT, STATE, Row, kept_row, plain, read_row, terms  # noqa: E402
from accuracy_sets import SETS  # noqa: E402
from accuracy_settings import SETTINGS, VARIANTS, available, configuration  # noqa: E402
from qallegro.errors import QAllegroError  # noqa: E402
from qallegro.training.presets import names  # noqa: E402
from report import machine  # noqa: E402
from run_queue import Run, check_requests, end_on_sigterm, execute, missing_files  # noqa: E402

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


class Planned(NamedTuple):
    """A run and what it is of."""

    run: Run
    settings: str
    variant: str
    seed: int


def main() -> None:
    arguments = parse()
    chosen = SETS[arguments.data_set]
    output = arguments.output / arguments.data_set
    complaint = other_terms(output / "peers", arguments)
    if complaint:
        sys.exit(f"error: {complaint}")
    plan = planned(arguments, output)
    runs = [p.run for p in plan]
    check_requests(runs)
    end_on_sigterm()
    by_name = {p.run.name: p for p in plan}
    console = Console(stderr=True)

    def say(run: Run) -> str:
        metrics = json.loads((run.folder / "test_metrics.json").read_text())["test"]
        forces = f"force MAE {metrics['forces']['mae_meV_per_angstrom']:.2f} meV/Å, " if "forces" in metrics else ""
        return f"{forces}energy MAE {metrics['energy']['mae_meV_per_atom']:.2f} meV/atom"

    failed = execute(runs, arguments.workers, arguments.threads, console, say)
    rows: list[Row] = []
    # Steps are timed when no training runs any more.
    for run in (run for run in runs if run.finished):
        mine = by_name[run.name]
        with console.status(f"exporting and timing {run.name} ..."):
            try:
                rows.append(read_row(run.folder, chosen, arguments.root, mine.settings, mine.variant, mine.seed))
            except QAllegroError as error:
                failed.append(f"{run.name} ({error})")
    peers = output / "peers"
    rows += [kept_row(path) for path in sorted(peers.glob(f"*/{RESULT}"))]
    if rows:
        record = {
            "data_set": arguments.data_set,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "threads": arguments.threads,
            "clock": arguments.clock,
            "workers": arguments.workers,
            "versions": {name: version(name) for name in ("qallegro", "torch")},
            "missing": [text for path in sorted(peers.glob("*.missing.txt")) if (text := path.read_text().strip())],
        }
        write(arguments.data_set, rows, runs, record, output)
    if failed:
        sys.exit(f"error: {len(failed)} of {len(runs)} runs failed: " + "; ".join(failed))


def parse() -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("data_set", choices=list(SETS), help="which table")
    parser.add_argument("--settings", nargs="+", default=["ours"], choices=SETTINGS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--hours", type=float, help="of training, for each run, by the clock; each set has a default")
    budget.add_argument("--epochs", type=int, help="in place of hours: equal steps, whatever time they take")
    parser.add_argument("--preset", default="accurate", choices=names(), help="that `ours` is made from")
    parser.add_argument("--root", type=Path, default=SHARED_DATA, help="folder of the data files")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, help="of each run; all cores if not given, 1 with --clock processor")
    add_clock(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/accuracy"), help="folder of runs and tables")
    arguments = parser.parse_args()
    for option in ("hours", "epochs"):
        value = getattr(arguments, option)
        if value is not None and value <= 0:
            parser.error(f"--{option} must be larger than 0, got {value:g}")
    settle_threads(parser, arguments)
    for settings in arguments.settings:
        missing = [v for v in arguments.variants if v not in available(arguments.data_set, settings)]
        if missing and set(arguments.variants) == set(missing):
            parser.error(f"--settings {settings} must be known for the set, the paper has none for {arguments.data_set}")
    complaint = missing_files(arguments.root, SETS[arguments.data_set].files)
    if complaint:
        parser.error(complaint)
    return arguments


def other_terms(peers: Path, arguments: argparse.Namespace) -> str | None:
    """What to say of peers that were trained for another time, by another clock or with other threads; None if there are none."""
    wanted = terms(budget_seconds(arguments), arguments.clock, arguments.threads)
    for path in sorted(peers.glob(f"*/{RESULT}")):
        state = json.loads(path.with_name(STATE).read_text())
        theirs = {key: state[key] for key in wanted}
        if theirs != wanted:
            return f"peers must have the terms of the table, `{path.parent}` has {theirs}, not {wanted}; name another -o"
    return None


def budget_seconds(arguments: argparse.Namespace) -> float | None:
    """Of each run; None where epochs are counted."""
    return None if arguments.epochs is not None else 3600.0 * (arguments.hours or SETS[arguments.data_set].hours)


def planned(arguments: argparse.Namespace, output: Path) -> list[Planned]:
    """All runs; one seed of everything after the other, so that a part can already be compared."""
    seconds = budget_seconds(arguments)
    plan = []
    for seed in arguments.seeds:
        for settings in arguments.settings:
            for variant in (v for v in arguments.variants if v in available(arguments.data_set, settings)):
                root = str(arguments.root.resolve())
                content = configuration(
                    arguments.data_set, variant, settings, seed, root, arguments.preset, seconds, arguments.epochs
                )  # fmt: skip
                folder = output / settings / f"{variant}_{seed}"
                size, unit = (seconds, "seconds") if seconds is not None else (float(arguments.epochs), "epoch")
                name = f"{arguments.data_set} {settings} {variant} seed {seed}"
                plan.append(Planned(Run(name, content, folder, size, unit, arguments.clock), settings, variant, seed))
    return plan


def write(data_set: str, rows: list[Row], runs: list[Run], record: dict, output: Path) -> None:
    """Table, numbers and plot."""
    text = markdown(data_set, rows, record)
    configurations = {run.name: run.configuration | {"data": run.configuration["data"] | {"root": "."}} for run in runs if run.finished}
    literature = [quoted._asdict() for quoted in SETS[data_set].literature]
    content = record | {"rows": [plain(row) for row in rows], "literature": literature, "configurations": configurations}
    (output / "table.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    (output / "table.md").write_text(text)
    draw(data_set, rows, output / "table.png")
    print(text)


if __name__ == "__main__":
    main()
