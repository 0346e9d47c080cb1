"""Train every recipe for the same time and compare them (README.md). The same command goes on with the work."""

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

sys.path.append(str(Path(__file__).parents[1] / "training_speed"))

from recipe_report import Result, draw, markdown, read_result  # noqa: E402
from recipe_settings import BASE, DATA_SETS, RECIPES, configuration  # noqa: E402
from report import machine  # noqa: E402
from run_queue import Run, check_requests, end_on_sigterm, execute, missing_files  # noqa: E402

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="of training, for each run")
    parser.add_argument("--root", type=Path, default=SHARED_DATA, help="folder of the data files")
    parser.add_argument("--data-sets", nargs="+", default=list(DATA_SETS), choices=list(DATA_SETS))
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--workers", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument(
        "--clock", default="processor", choices=["processor", "wall"], help="of the minutes; the processor's counts one thread"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/recipes"), help="folder of runs, results, table and plot")
    arguments = parser.parse_args()
    if arguments.minutes <= 0:
        parser.error(f"--minutes must be larger than 0, got {arguments.minutes:g}")
    if arguments.clock == "processor" and arguments.threads > 1:
        parser.error(f"--threads must be 1 with --clock processor, which adds up all threads, got {arguments.threads}; use --clock wall")
    complaint = missing_files(arguments.root, [name for d in arguments.data_sets for name in DATA_SETS[d].files])
    if complaint:
        parser.error(complaint)
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "minutes": arguments.minutes,
        "threads": arguments.threads,
        "clock": arguments.clock,
        "workers": arguments.workers,
        "versions": {name: version(name) for name in ("qallegro", "torch")},
    }
    console = Console(stderr=True)
    plan = planned(arguments, console)
    runs = [run for run, *_ in plan]
    check_requests(runs)
    end_on_sigterm()
    keys = {run.name: key for run, *key in plan}

    def keep(run: Run) -> str:
        result = read_result(run.folder, *keys[run.name])
        path = arguments.output / "results" / f"{run.folder.parent.name}_{run.folder.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result._asdict() | {"configuration": run.configuration, "machine": record["machine"]}, indent=2) + "\n")
        return f"force MAE {result.forces_mae:.1f} meV/Å, {result.steps:,} steps"

    failed = execute(runs, arguments.workers, arguments.threads, console, keep)
    results = [read_result(run.folder, *keys[run.name]) for run in runs if run.finished]
    if results:
        write(results, record, arguments.output)
    if failed:
        sys.exit(f"error: {len(failed)} of {len(runs)} runs failed: " + "; ".join(failed))


def planned(arguments: argparse.Namespace, console: Console) -> list[tuple[Run, str, str, int]]:
    """All runs with data set, recipe and seed; one seed of everything after the other, so that a part can already be compared."""
    recipes = list(arguments.recipes)
    if find_spec("schedulefree") is None:
        without = [name for name in recipes if RECIPES[name].changes.get("optimizer.kind") == "schedule_free"]
        if without:
            console.print(f"left out: {', '.join(without)}, which needs `pip install qallegro[schedule-free]`", highlight=False)
        recipes = [name for name in recipes if name not in without]
    plan = []
    root, seconds = str(arguments.root.resolve()), 60.0 * arguments.minutes
    for seed in arguments.seeds:
        for data_set in arguments.data_sets:
            base = configuration(data_set, BASE, seed, root, seconds)
            for recipe in recipes:
                content = configuration(data_set, recipe, seed, root, seconds)
                if recipe != BASE and content == base:
                    continue  # the base bears this value already
                folder = arguments.output / "runs" / data_set / f"{recipe}_{seed}"
                plan.append(
                    (Run(f"{data_set} {recipe} seed {seed}", content, folder, seconds, clock=arguments.clock), data_set, recipe, seed)
                )
    return plan


def write(results: list[Result], record: dict, output: Path) -> None:
    """Table, numbers and plot."""
    text = markdown(results, record)
    (output / "recipes.json").write_text(json.dumps(record | {"results": [r._asdict() for r in results]}, indent=2) + "\n")
    (output / "recipes.md").write_text(text)
    draw(results, output / "recipes.png")
    print(text)


if __name__ == "__main__":
    main()
