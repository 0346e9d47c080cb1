"""Learning curves of compressed training sets against random ones, at equal steps. The same command goes on with the work.

python benchmarks/uncertainty/learning_curves.py --train li_mlearn_train.xyz.gz --test li_mlearn_test.xyz.gz -o curves

Of the training file a tenth is put aside for validation; from the rest `qallegro data compress` takes shares by minimum set cover
and, once for each seed, by chance. Needs the package quests: `pip install qallegro[compress]`.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

sys.path.append(str(Path(__file__).parents[1] / "recipes"))

from qallegro.data.readers import atoms_of  # noqa: E402
from qallegro.latency.plot_style import SERIES, save, styled  # noqa: E402
from qallegro.training.presets import load_preset  # noqa: E402
from qallegro.uncertainty.compression import compress_structures  # noqa: E402
from run_queue import Run, check_requests, end_on_sigterm, execute  # noqa: E402

TITLES = {"msc": "minimum set cover", "random": "by chance"}
#: Small enough that many runs fit into an hour; what is compared are sets.
MODEL = {"num_tensor_features": 16}
BATCH = 2


class Point(NamedTuple):
    """A run and what it is of."""

    run: Run
    method: str
    share: float
    frames: int
    seed: int


def subsets(train: Path, shares: list[float], seeds: list[int], folder: Path) -> list[tuple[str, float, int, int, Path]]:
    """Method, share, number of frames, seed and file of each training set; the files are written once."""
    frames = list(atoms_of(train))
    order = np.random.default_rng(0).permutation(len(frames))
    aside, rest = order[: len(frames) // 10], [frames[k] for k in sorted(order[len(frames) // 10 :])]
    ase.io.write(folder / "validation.xyz", [frames[k] for k in sorted(aside)])
    found = []
    for share in shares:
        size = math.ceil(share * len(rest))
        methods = ["random"] if size == len(rest) else ["msc", "random"]
        for method in methods:
            chosen = None
            for seed in seeds:
                path = folder / f"{method}_{share:g}_{seed}.xyz"
                if not path.is_file():
                    if chosen is None or method == "random":
                        chosen = compress_structures(rest, size, method, seed).indices
                    ase.io.write(path, [rest[k] for k in sorted(chosen)])
                found.append((method, share, size, seed, path))
    return found


def points(arguments: argparse.Namespace) -> list[Point]:
    """All runs; one seed after the other."""
    base = load_preset("quick")
    made = []
    for method, share, size, seed, path in subsets(arguments.train, arguments.shares, arguments.seeds, arguments.output):
        epochs = math.ceil(arguments.steps / math.ceil(size / BATCH))
        every = max(1, epochs // 10)
        epochs = every * math.ceil(epochs / every)  # the last one is validated too
        training = base.training | {"batch_size": BATCH, "max_time": None, "max_epochs": epochs, "validate_every": every}
        training["schedule"] = training["schedule"] | {"over": "epochs"}
        content = {
            "seed": seed,
            "data": base.data
            | {
                "train": str(path.resolve()),
                "validation": str((arguments.output / "validation.xyz").resolve()),
                "test": str(arguments.test.resolve()),
            },
            "model": base.model | MODEL,
            "training": training,
            "trainer": {"accelerator": "cpu", "progress": "none", "plots": False},
        }
        run = Run(f"{method} {share:.0%} seed {seed}", content, arguments.output / "runs" / f"{method}_{share:g}_{seed}", epochs, "epoch")
        made.append(Point(run, method, share, size, seed))
    return sorted(made, key=lambda point: point.seed)


def errors(run: Run) -> tuple[float, float]:
    """Force MAE (meV/Å) and energy MAE (meV/atom) of the test file."""
    test = json.loads((run.folder / "test_metrics.json").read_text())["test"]
    return test["forces"]["mae_meV_per_angstrom"], test["energy"]["mae_meV_per_atom"]


def table(finished: list[Point]) -> str:
    """Means and standard deviations over seeds, as Markdown."""
    rows = ["| share | frames | chosen | seeds | force MAE (meV/Å) | energy MAE (meV/atom) |", "|---|---|---|---|---|---|"]
    for share, method in sorted({(p.share, p.method) for p in finished}):
        own = [p for p in finished if (p.share, p.method) == (share, method)]
        values = np.array([errors(p.run) for p in own])
        spreads = [f" ± {width:.2f}" for width in values.std(axis=0, ddof=1)] if len(own) > 1 else ["", ""]
        cells = [f"{mean:.2f}{spread}" for mean, spread in zip(values.mean(axis=0), spreads, strict=True)]
        rows.append(f"| {share:.0%} | {own[0].frames} | {TITLES[method] if share < 1 else 'all'} | {len(own)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def draw(finished: list[Point]) -> Figure:
    """Errors against the number of frames."""
    with styled():
        figure = Figure(figsize=(9.0, 3.8))
        for axes, column, label in zip(figure.subplots(1, 2), (0, 1), ("force MAE (meV/Å)", "energy MAE (meV/atom)"), strict=True):
            for colour, (method, title) in zip(SERIES, TITLES.items(), strict=False):
                # The whole set is the end of both curves.
                own = [p for p in finished if p.method == method or p.share == 1.0]
                sizes = sorted({p.frames for p in own})
                values = [[errors(p.run)[column] for p in own if p.frames == size] for size in sizes]
                axes.plot(sizes, [np.mean(v) for v in values], "o-", color=colour, ms=4, label=title)
                for size, several in zip(sizes, values, strict=True):
                    axes.plot([size] * len(several), several, ".", color=colour, ms=3, alpha=0.6)
            axes.set(xlabel="training frames", ylabel=label, xscale="log")
            every = sorted({p.frames for p in finished})
            axes.set_xticks(every, [str(size) for size in every])
            axes.set_xticks([], minor=True)
        axes.legend(loc="upper right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=2000, help="of each run")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("-o", "--output", type=Path, default=Path("learning_curves"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    planned = points(arguments)
    runs = [point.run for point in planned]
    check_requests(runs)
    end_on_sigterm()
    failed = execute(runs, arguments.workers, 1, Console(stderr=True), lambda run: f"force MAE {errors(run)[0]:.1f} meV/Å")
    finished = [point for point in planned if point.run.finished]
    if finished:
        text = table(finished)
        (arguments.output / "learning_curves.md").write_text(text + "\n")
        print(text)
        save(draw(finished), arguments.output / "learning_curves.png")
    if failed:
        sys.exit(f"error: {len(failed)} of {len(runs)} runs failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
