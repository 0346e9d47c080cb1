"""Make a problem for compare_samplers.py from the finished trials of a study.

    python make_surrogate.py TRIALS.json -o surrogate.json

TRIALS.json is a list of trials, or has it under "trials": {"params": {name: number}, "values": [number, ...], "state": "COMPLETE"}.
Parameters that are no numbers, or are the same in all trials, are left out; those whose values span a factor of 20 are taken as
logarithms.
"""

import argparse
import json
from pathlib import Path

import numpy as np

FEWEST_PER_PARAMETER = 3  # trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("surrogate.json"))
    parser.add_argument("--smoothing", type=float, default=1e-3, help="of the spline; 0 goes through every trial")
    args = parser.parse_args()
    data = json.loads(args.trials.read_text())
    trials = [t for t in (data["trials"] if isinstance(data, dict) else data) if t.get("state", "COMPLETE") == "COMPLETE"]
    trials = [t for t in trials if t.get("values") and np.all(np.isfinite(t["values"])) and min(t["values"]) > 0]
    if not trials:
        raise SystemExit(f"{args.trials} has no finished trial with positive objectives")
    names = [n for n, v in trials[0]["params"].items() if isinstance(v, int | float) and not isinstance(v, bool)]
    columns = {n: np.array([t["params"].get(n, np.nan) for t in trials], dtype=float) for n in names}
    columns = {n: c for n, c in columns.items() if np.all(np.isfinite(c)) and np.ptp(c) > 0}
    if len(trials) < FEWEST_PER_PARAMETER * len(columns):
        raise SystemExit(
            f"{len(columns)} parameters need {FEWEST_PER_PARAMETER * len(columns)} finished trials, {args.trials} has {len(trials)}"
        )
    columns = {n: np.log(c) if c.min() > 0 and c.max() > 20 * c.min() else c for n, c in columns.items()}
    points = np.column_stack(list(columns.values()))
    args.output.write_text(
        json.dumps(
            {
                "study": args.trials.name,
                "parameters": list(columns),
                "points": points.tolist(),
                "lower": points.min(axis=0).tolist(),
                "upper": points.max(axis=0).tolist(),
                "objectives": [t["values"] for t in trials],
                "smoothing": args.smoothing,
            }
        )
    )
    print(f"{args.output}: {len(trials)} trials, {len(columns)} parameters ({', '.join(columns)})")


if __name__ == "__main__":
    main()
