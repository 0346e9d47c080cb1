"""Errors of qallegro and its peers after equal times of training, over data sets (README.md): a table, and a plot if asked for."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "variants"))

from accuracy_report import QUANTITIES  # noqa: E402
from accuracy_sets import SETS  # noqa: E402

RESULTS = Path(__file__).with_name("results") / "peers"
#: our name first; the others as they were installed
PROGRAMS = {"qallegro": "qallegro, preset quick", "mace": "mace-torch 0.3.13", "nequip-allegro": "nequip-allegro 0.8.3"}


class Result(NamedTuple):
    """One training."""

    data_set: str
    program: str
    minutes: float  #: that it took, by the clock of the table
    forces_mae: float | None  #: meV/Å; None where the set has no forces
    energy_mae: float  #: meV/atom

    @property
    def judged(self) -> float:
        """The error that the set is judged by."""
        return self.energy_mae if self.forces_mae is None or SETS[self.data_set].judged == "energy" else self.forces_mae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of SET.json as `table.py` writes them")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="PNG to write")
    arguments = parser.parse_args()
    results = read(arguments.results)
    if not results:
        parser.error(f"--results must hold tables with peers, `{arguments.results}` has none; make one with peers.py and table.py")
    print(markdown(results))
    if arguments.plot:
        draw(results, arguments.plot)


def read(folder: Path) -> list[Result]:
    """Results of all tables that hold a peer, by set, ours first; one seed each."""
    found = []
    for name in SETS:
        path = folder / f"{name}.json"
        rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.is_file() else []
        by_program = {row["program"]: row for row in rows}
        if len(by_program) > 1 and "qallegro" in by_program:
            found += [
                Result(name, program, row["seconds"] / 60.0, row["forces_mae"], row["energy_mae"])
                for program in PROGRAMS
                if (row := by_program.get(program)) is not None
            ]
    return found


def markdown(results: list[Result]) -> str:
    """A row for each training, with its error over that of qallegro on the same set."""
    lines = [
        "| set | program | time (min) | force MAE (meV/Å) | energy MAE (meV/atom) | times the error of qallegro |",
        "|---|---|---|---|---|---|",
    ]
    for result, ratio in zip(results, ratios(results), strict=True):
        ours = result.program == "qallegro"
        forces = "" if result.forces_mae is None else f"{result.forces_mae:.3g}"
        name = f"**{PROGRAMS[result.program]}**" if ours else PROGRAMS[result.program]
        cells = (SETS[result.data_set].title.split(" (")[0], name, f"{result.minutes:.1f}", forces, f"{result.energy_mae:.2f}")
        lines.append(f"| {' | '.join(cells)} | {'' if ours else f'{ratio:.2g}'} |")
    return "\n".join(lines)


def ratios(results: list[Result]) -> list[float]:
    """Of each result: its error over that of qallegro on the same set."""
    ours = {result.data_set: result.judged for result in results if result.program == "qallegro"}
    return [result.judged / ours[result.data_set] for result in results]


def draw(results: list[Result], path: Path) -> None:
    """Write a PNG: a line for each set, a point for each program, with its error beside it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sets = list(dict.fromkeys(result.data_set for result in results))
    figure, axis = plt.subplots(figsize=(8.0, 1.4 + 0.6 * len(sets)), layout="constrained")
    labelled = set()
    for result, ratio in zip(results, ratios(results), strict=True):
        height = sets.index(result.data_set)
        number = list(PROGRAMS).index(result.program)
        label = None if result.program in labelled else PROGRAMS[result.program]
        labelled.add(result.program)
        axis.plot(ratio, height, "os^"[number], color=f"C{number}", markersize=9, label=label)
        # Peers that come near each other would write over each other on one side.
        beside = (0, -16) if number == 2 else (0, 8)
        axis.annotate(f"{result.judged:.3g}", (ratio, height), textcoords="offset points", xytext=beside, ha="center", fontsize=8)
    units = [f"{SETS[name].title.split(' (')[0]}, {QUANTITIES[SETS[name].judged][2]}" for name in sets]
    axis.set(xscale="log", xlabel="test MAE over that of qallegro; times of training in the table", ylim=(len(sets) - 0.5, -0.7))
    axis.set_yticks(range(len(sets)), units)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.grid(which="both", axis="x", alpha=0.25)
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    figure.savefig(path, dpi=140)
    plt.close(figure)


if __name__ == "__main__":
    main()
