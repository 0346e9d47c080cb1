"""Hypervolume of our runs beside that of the published runs of SAMO-COBRA, at equal numbers of evaluations.

The authors keep their runs beside their program:

    git clone https://github.com/RoydeZomer/SAMO-COBRA
    python compare_published.py SAMO-COBRA --runs runs/samplers
"""

import argparse
from pathlib import Path

import numpy as np

from problems import PROBLEMS
from sampler_report import outcome

PUBLISHED = ("bnh", "srn", "tnk", "osy")
#: criterion of the published runs -> ours: told the reference point as they are, and not
INFILLS = {"PHV": ("samo-cobra-aimed", "samo-cobra"), "SMS": ("samo-cobra-s-aimed", "samo-cobra-s")}


def published(folder: Path, problem: str, infill: str, evaluations: int) -> list[float]:
    """Hypervolumes of the runs that the authors publish."""
    results = folder / "Experiments" / "results" / infill / problem.upper()
    found = []
    for path in sorted(results.glob("obj_run*_final.csv")):
        values = np.loadtxt(path, delimiter=",")[:evaluations]
        constraints = np.loadtxt(path.with_name(path.name.replace("obj", "con")), delimiter=",")[:evaluations]
        found.append(PROBLEMS[problem].hypervolume(values.tolist(), constraints.tolist()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("published", type=Path, help="the authors' repository")
    parser.add_argument("--runs", type=Path, default=Path("runs/samplers"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[30, 60])
    args = parser.parse_args()
    print("| problem | evaluations | infill | published | ours | ours, not told |\n|---|---|---|---|---|---|")
    for problem in PUBLISHED:
        for n in args.evaluations:
            for infill, samplers in INFILLS.items():
                theirs = published(args.published, problem, infill, n)
                cells = [f"{np.mean(theirs):.2f} ± {np.std(theirs):.2f} ({len(theirs)} runs)"]
                for sampler in samplers:
                    ours = outcome(args.runs, problem, PROBLEMS[problem], sampler, range(1, args.seeds + 1), n)
                    reached = None if ours is None else ours.hypervolumes[:, -1]
                    cells.append("not run" if reached is None else f"{reached.mean():.2f} ± {reached.std():.2f} ({len(reached)} seeds)")
                print(f"| {problem} | {n} | {infill} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
