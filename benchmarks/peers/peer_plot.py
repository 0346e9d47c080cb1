"""Plot of `compare.py`: time, memory and start-up as bars on logarithmic axes."""

from pathlib import Path
from typing import Any, NamedTuple

from engines_benchmark import short

COLORS = {"qallegro": "C0", "nequip-allegro": "C3", "mace": "C1", "snap": "C7", "eam": "C8"}


class Quantity(NamedTuple):
    """A column. Args: unit: what values are multiplied by."""

    key: str
    label: str
    unit: float


QUANTITIES = (
    Quantity("time", "time per atom and step (µs)", 1e6),
    Quantity("peak_memory", "peak memory (MB)", 1e-6),
    Quantity("start", "start until the first step (s)", 1.0),
)


def draw(record: dict[str, Any], path: Path) -> None:
    """Write a PNG: a row for each number of atoms, a column for each quantity; medians, lines for quartiles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sizes = list(dict.fromkeys(row["atoms"] for row in record["rows"]))
    if not sizes:
        return
    most = max(sum(row["atoms"] == n for row in record["rows"]) for n in sizes)
    figure, axes = plt.subplots(
        len(sizes), len(QUANTITIES), figsize=(12.0, (0.32 * most + 1.0) * len(sizes)), squeeze=False, sharex="col", layout="constrained"
    )
    for line, n_atoms in zip(axes, sizes, strict=True):
        rows = [row for row in record["rows"] if row["atoms"] == n_atoms]
        for axis, quantity in zip(line, QUANTITIES, strict=True):
            _bars(axis, rows, quantity, record["candidates"])
        for axis in line[1:]:
            axis.tick_params(labelleft=False)
        line[1].set_title(f"{n_atoms:,} atoms, one thread", fontsize=10)
    for axis, quantity in zip(axes[-1], QUANTITIES, strict=True):
        axis.set_xlabel(quantity.label)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _bars(axis: Any, rows: list[dict[str, Any]], quantity: Quantity, candidates: dict[str, Any]) -> None:
    for place, row in enumerate(rows):
        found = row[quantity.key]
        if found is None:
            continue
        median, (low, high) = (quantity.unit * found["median"], (quantity.unit * q for q in found["quartiles"]))
        axis.barh(place, median, color=COLORS[candidates[row["candidate"]]["peer"]])
        axis.plot([low, high], [place, place], color="black", linewidth=1.2)
        axis.text(high, place, f"  {short(median)}", va="center", fontsize=8)
    axis.set_yticks(range(len(rows)), [candidates[row["candidate"]]["title"] for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xscale("log")
    axis.margins(x=0.25)
    axis.grid(axis="x", alpha=0.3, linewidth=0.5)
