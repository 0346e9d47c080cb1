"""Compare two benchmarks: ratios of medians with bootstrap intervals over turns (Efron, Ann. Statist. 7, 1 (1979))."""

from pathlib import Path
from typing import Any

import numpy as np

from qallegro.errors import DataError
from qallegro.latency.bench_run import FORMAT, VERSION
from qallegro.latency.reports import check_report, read_format

_KEYS = ("file", "engine", "in", "ranks", "threads", "atoms")
#: Samples of the bootstrap and its seed
_SAMPLES, _SEED = 10000, 4711
#: Of the samples, between the ends of an interval
CONFIDENCE = 0.95


def read_bench(path: Path) -> dict[str, Any]:
    """A benchmark's file, checked.

    Raises:
        DataError: a missing or malformed file, another format or version.
    """
    bench = read_format(path, FORMAT, VERSION, "benchmark")
    rows = bench.get("candidates")
    if not isinstance(rows, list) or not rows:
        raise DataError(f"`candidates` of benchmark `{path}` must be a list that is not empty, got {rows!r}; run the benchmark anew")
    for number, row in enumerate(rows):
        turns = row.get("turns") if isinstance(row, dict) else None
        if not isinstance(turns, list) or not turns or any(key not in row for key in _KEYS):
            raise DataError(f"`candidates[{number}]` of benchmark `{path}` must have {', '.join(_KEYS)} and turns; run the benchmark anew")
        for turn in turns:
            value = turn.get("us_per_atom_step") if isinstance(turn, dict) else None
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 < value < float("inf"):
                raise DataError(
                    f"`us_per_atom_step` of `candidates[{number}]` of benchmark `{path}` must be above 0, got {value!r}; "
                    "run the benchmark anew"
                )
            check_report(turn.get("report"), f"`candidates[{number}]` of benchmark `{path}`")
    return bench


def compare(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Candidates that both have: medians in µs per atom and step, ratio second / first and its interval, turns of each.

    Where each benchmark is of one file, the files need not be called the same.

    Raises:
        DataError: they share no candidate.
    """
    single = all(len({row["file"] for row in bench["candidates"]}) == 1 for bench in (first, second))
    keys = _KEYS[1:] if single else _KEYS
    others = {tuple(row[key] for key in keys): row for row in second["candidates"]}
    rng = np.random.default_rng(_SEED)
    rows = []
    for row in first["candidates"]:
        other = others.get(tuple(row[key] for key in keys))
        if other is None:
            continue
        a, b = (np.array([turn["us_per_atom_step"] for turn in candidate["turns"]]) for candidate in (row, other))
        low, high = ratio_interval(a, b, rng)
        rows.append(
            {
                **{key: row[key] for key in _KEYS},
                "other_file": other["file"],
                "first": float(np.median(a)),
                "second": float(np.median(b)),
                "ratio": float(np.median(b) / np.median(a)),
                "low": low,
                "high": high,
                "turns": (len(a), len(b)),
            }
        )
    if not rows:
        raise DataError(
            f"benchmarks must share a candidate ({', '.join(keys)}), they share none; the first has {_listed(first, keys)}; "
            f"the second has {_listed(second, keys)}"
        )
    return rows


def ratio_interval(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Ends of the interval of median(second) / median(first), from turns drawn again with replacement, of each on its own."""
    medians = [np.median(rng.choice(values, (_SAMPLES, len(values))), axis=1) for values in (first, second)]
    low, high = np.quantile(medians[1] / medians[0], [0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE)])
    return float(low), float(high)


def _listed(bench: dict[str, Any], keys: tuple[str, ...]) -> str:
    names = [" ".join(str(row[key]) for key in keys) for row in bench["candidates"]]
    return "; ".join(names[:4]) + (" ..." if len(names) > 4 else "")
