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
INFILLS = {"PHV": "samo-cobra", "SMS": "samo-cobra-s"}


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
    print("| problem | evaluations | infill | published | ours |\n|---|---|---|---|---|")
    for problem in PUBLISHED:
        for n in args.evaluations:
            for infill, sampler in INFILLS.items():
                theirs = published(args.published, problem, infill, n)
                ours = outcome(args.runs, problem, PROBLEMS[problem], sampler, range(1, args.seeds + 1), n)
                shown = "not run"
                if ours is not None:
                    shown = f"{ours.hypervolumes[:, -1].mean():.2f} ± {ours.hypervolumes[:, -1].std():.2f} ({len(ours.seeds)} seeds)"
                print(f"| {problem} | {n} | {infill} | {np.mean(theirs):.2f} ± {np.std(theirs):.2f} ({len(theirs)} runs) | {shown} |")


if __name__ == "__main__":
    main()
