"""What all tables together say of pairs of variants (README.md): ratios of errors over data sets, from what `table.py` wrote."""

import argparse
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1] / "variants"))

from accuracy_report import QUANTITIES  # noqa: E402
from accuracy_sets import SETS  # noqa: E402
from comparison import Paired, paired, quantile  # noqa: E402
from settings import COMPARISONS, VARIANTS  # noqa: E402

RESULTS = Path(__file__).with_name("results")


class Ratio(NamedTuple):
    """Errors of A over those of B: the geometric mean over data sets."""

    a: str
    b: str
    ratios: dict[str, float]  #: by data set
    found: Paired  #: of the logarithms, over data sets

    @property
    def mean(self) -> float:
        """A / B."""
        return math.exp(self.found.mean)

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, of this one comparison."""
        width = self.found.half_width
        return math.exp(self.found.mean - width), math.exp(self.found.mean + width)

    @property
    def claim(self) -> str:
        """What may be said."""
        if self.found.resolved:
            return "larger errors" if self.found.mean > 0 else "smaller errors"
        return "not as one of several" if self.found.suggested else "no difference resolved"


def log_errors(folder: Path) -> dict[str, dict[str, float]]:
    """Variant -> data set -> mean over seeds of the logarithm of the error that the set is judged by, settings `ours`."""
    logs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        field = QUANTITIES[SETS[content["data_set"]].judged][0]
        for row in content["rows"]:
            if row["program"] == "qallegro" and row["settings"] == "ours":
                logs[row["variant"]][content["data_set"]].append(math.log(row[field]))
    return {variant: {name: sum(values) / len(values) for name, values in sets.items()} for variant, sets in logs.items()}


def ratios(logs: dict[str, dict[str, float]]) -> list[Ratio]:
    """All pairs that have two data sets or more in common."""
    pairs = [(a, b) for a, b in COMPARISONS if len(logs.get(a, {}).keys() & logs.get(b, {}).keys()) > 1]
    return [
        Ratio(a, b, {s: math.exp(logs[a][s] - logs[b][s]) for s in logs[a] if s in logs[b]}, paired(logs[a], logs[b], len(pairs)))
        for a, b in pairs
    ]


def table(found: list[Ratio]) -> str:
    """Markdown."""
    lines = ["| A / B | sets | ratio of errors | 95 % interval | least, most | beyond chance? |", "|---|---|---|---|---|---|"]
    for r in found:
        low, high = r.interval
        least, most = min(r.ratios.values()), max(r.ratios.values())
        name = f"{VARIANTS[r.a].title} / {VARIANTS[r.b].title}"
        lines.append(f"| {name} | {len(r.ratios)} | {r.mean:.3f} | {low:.3f} to {high:.3f} | {least:.2f}, {most:.2f} | {r.claim} |")
    limits = ", ".join(
        f"{quantile(sets, len(found)):.2f} standard errors with {sets} sets" for sets in sorted({r.found.seeds for r in found})
    )
    rule = (
        f"Geometric means over data sets. A difference is claimed where the mean logarithm exceeds Student's t for a two-sided 5 % over "
        f"all {len(found)} comparisons together ({limits}); intervals are those of a single comparison."
    )
    return "\n".join([*lines, "", rule])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of tables as JSON")
    arguments = parser.parse_args()
    found = ratios(log_errors(arguments.results))
    if not found:
        sys.exit(f"error: tables of two data sets or more must lie in `{arguments.results}`, none do; write them with table.py")
    print(table(found))


if __name__ == "__main__":
    main()
