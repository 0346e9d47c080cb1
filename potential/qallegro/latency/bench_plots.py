"""Pictures of a benchmark: time against size, phases, scaling against ranks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from qallegro.latency.phase_plots import phase_bars
from qallegro.latency.plot_style import INK, MARKERS, SERIES, save, styled


def plot_bench(bench: dict[str, Any], output: Path) -> list[Path]:
    """Write the pictures beside `output`, BENCH.size.png, BENCH.phases.png and, where there are ranks to compare, BENCH.ranks.png.

    Returns:
        the files.

    Raises:
        OSError: one cannot be written.
    """
    pictures = {"size": time_against_size(bench), "phases": phases(bench)}
    if any(len(rows) > 1 for rows in _by_ranks(bench).values()):
        pictures["ranks"] = scaling(bench)
    paths = []
    for name, figure in pictures.items():
        paths.append(output.with_name(f"{output.stem}.{name}.png"))
        save(figure, paths[-1])
    return paths


def time_against_size(bench: dict[str, Any]) -> Figure:
    """µs per atom and step against atoms: medians, with all turns between the ends of the bars."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in bench["candidates"]:
        lines.setdefault(_name(bench, row), []).append(row)
    with styled():
        figure = Figure(figsize=(8.0, 4.8))
        axis = figure.subplots()
        for (name, rows), color, marker in zip(lines.items(), _cycle(SERIES), _cycle(MARKERS), strict=False):
            rows = sorted(rows, key=lambda row: row["atoms"])
            _medians(axis, [row["atoms"] for row in rows], rows, color, marker, name)
        sizes = sorted({row["atoms"] for row in bench["candidates"]})
        axis.set(title="Time of an atom and step (µs)", xlabel="atoms", xscale="log", yscale="log")
        _number_ticks(axis, sizes)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def phases(bench: dict[str, Any]) -> Figure:
    """Phases of the middle turn of every candidate, of the largest structure of each file."""
    largest = {
        row["file"]: max(other["atoms"] for other in bench["candidates"] if other["file"] == row["file"]) for row in bench["candidates"]
    }
    rows = [row for row in bench["candidates"] if row["atoms"] == largest[row["file"]]]
    return phase_bars([middle_turn(row)["report"] for row in rows], [f"{_name(bench, row)}\n{row['atoms']} atoms" for row in rows])


def scaling(bench: dict[str, Any]) -> Figure:
    """Steps/s against ranks, each in units of its own fewest ranks, beside the ideal line."""
    with styled():
        figure = Figure(figsize=(8.0, 4.8))
        axis = figure.subplots()
        groups = [rows for rows in _by_ranks(bench).values() if len(rows) > 1]
        for rows, color, marker in zip(groups, _cycle(SERIES), _cycle(MARKERS), strict=False):
            first, ranks = rows[0], [row["ranks"] for row in rows]
            speed = first["ranks"] * np.array([first["median"] / row["median"] for row in rows])
            axis.plot(ranks, speed, color=color, marker=marker, label=f"{_name(bench, first, ranks=False)}, {first['atoms']} atoms")
        ranks = sorted({row["ranks"] for rows in groups for row in rows})
        axis.plot(ranks, ranks, color=INK, linestyle="--", linewidth=1.0, label="ideal")
        axis.set(title="Speed in units of one rank's", xlabel="ranks", xscale="log", yscale="log")
        _number_ticks(axis, ranks)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def middle_turn(row: dict[str, Any]) -> dict[str, Any]:
    """The turn of a candidate whose time is the (lower) median."""
    return sorted(row["turns"], key=lambda turn: turn["us_per_atom_step"])[(len(row["turns"]) - 1) // 2]


def _medians(axis, at: list[int], rows: list[dict[str, Any]], color: str, marker: str, name: str) -> None:
    medians = np.array([row["median"] for row in rows])
    spread = np.array([[row["median"] - row["min"] for row in rows], [row["max"] - row["median"] for row in rows]])
    axis.errorbar(at, medians, yerr=spread, color=color, marker=marker, markersize=5, capsize=3, linewidth=1.4, label=name)


def _by_ranks(bench: dict[str, Any]) -> dict[tuple, list[dict[str, Any]]]:
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in sorted(bench["candidates"], key=lambda row: row["ranks"]):
        if row["in"] == "lammps":
            groups.setdefault((row["file"], row["engine"], row["threads"], row["atoms"]), []).append(row)
    return groups


def _name(bench: dict[str, Any], row: dict[str, Any], ranks: bool = True) -> str:
    several = len({other["file"] for other in bench["candidates"]}) > 1
    name = f"{row['file']}, " if several else ""
    layout = f", {row['ranks']} x {row['threads']}" if ranks else ""
    return f"{name}{row['engine']} in {row['in']}{layout}"


def _number_ticks(axis, values: list[int]) -> None:
    axis.xaxis.set_major_locator(FixedLocator(values))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_minor_locator(NullLocator())
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _cycle(values) -> Iterator[str]:
    while True:
        yield from values
