"""Make a problem for compare_samplers.py from the finished trials of a study.

    python make_surrogate.py STUDY -o surrogate.json

STUDY is the folder of a study of `qallegro tune`, best one with `sampler.name=random` and `budget.rungs=[]`: trials all over the space,
each trained to the end. Parameters that are no numbers, or are the same in all trials, are left out; those whose values span a factor of 20
are taken as logarithms.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from qallegro.errors import QAllegroError
from qallegro.tuning.front import results
from qallegro.tuning.study import open_study

from surrogate import explained

FEWEST_PER_PARAMETER = 3  # trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="folder, or URL of the storage")
    parser.add_argument("-o", "--output", type=Path, default=Path("surrogate.json"))
    parser.add_argument("--smoothing", type=float, default=1.0, help="of the spline; 0 goes through every trial")
    args = parser.parse_args()
    try:
        opened = open_study(args.study)
    except QAllegroError as error:
        raise SystemExit(f"error: {error}") from error
    done = results(opened.config, opened.study.get_trials(deepcopy=False))
    trials = done.trials
    if not trials:
        raise SystemExit(f"{args.study} has no trial that was trained to the end")
    names = [n for n, v in trials[0].params.items() if isinstance(v, int | float) and not isinstance(v, bool)]
    columns = {n: np.array([t.params.get(n, np.nan) for t in trials], dtype=float) for n in names}
    columns = {n: c for n, c in columns.items() if np.all(np.isfinite(c)) and np.ptp(c) > 0}
    if len(trials) < FEWEST_PER_PARAMETER * len(columns):
        raise SystemExit(
            f"{len(columns)} parameters need {FEWEST_PER_PARAMETER * len(columns)} finished trials, {args.study} has {len(trials)}"
        )
    columns = {n: np.log(c) if c.min() > 0 and c.max() > 20 * c.min() else c for n, c in columns.items()}
    points = np.column_stack(list(columns.values()))
    unit = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    shares = explained(unit, np.log(done.values), args.smoothing)
    args.output.write_text(
        json.dumps(
            {
                "study": opened.name,
                "parameters": list(columns),
                "points": points.tolist(),
                "lower": points.min(axis=0).tolist(),
                "upper": points.max(axis=0).tolist(),
                "objectives": done.values.tolist(),
                "smoothing": args.smoothing,
            },
            indent=1,
        )
        + "\n"
    )
    print(f"{args.output}: {len(trials)} trials, {len(columns)} parameters ({', '.join(columns)})")
    told = (f"{name} {share:.2f}" for name, share in zip(done.names, shares, strict=True))
    print(f"share of the variance that the others predict of each trial: {', '.join(told)}")


if __name__ == "__main__":
    main()
