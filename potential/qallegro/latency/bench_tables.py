"""Tables of benchmarks for the terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table


def bench_tables(bench: dict[str, Any]) -> Iterator[Table | str]:
    """Speed of all candidates, and forces of engines beside the reference; names of files where there are several."""
    several = len({row["file"] for row in bench["candidates"]}) > 1
    speed = _table(*_heads(several), "in", numbers=("ranks x threads", "atoms", "µs/atom/step", "range", "ns/day", "MiB"))
    for row in sorted(bench["candidates"], key=lambda row: (row["file"], row["atoms"], row["median"])):
        # of steps of 1 fs
        ns_per_day = 86400.0 / (row["median"] * row["atoms"])
        times = (_micros(row["median"], 4), f"{_micros(row['min'], 3)}..{_micros(row['max'], 3)}", f"{ns_per_day:.3g}")
        layout, memory = f"{row['ranks']} x {row['threads']}", f"{row['peak_memory_bytes'] / 2**20:.0f}"
        speed.add_row(*_names(row, several), row["in"], layout, str(row["atoms"]), *times, memory)
    yield speed
    settings = bench["settings"]
    yield f"median and range of {settings['turns']} turns of {settings['steps']} steps of 1 fs on {settings['device']}\n"
    forces = _table(*_heads(several), "network", "reference", numbers=("atoms", "largest difference", "largest force (eV/Å)"))
    for row in bench["accuracy"]:
        difference = "reference" if row["reference"] == row["engine"] else "–"
        if row["largest_difference"] is not None:
            difference = f"{row['largest_difference']:.1e}"
        reference = row["reference"] or "none runs"
        forces.add_row(*_names(row, several), row["dtype"], reference, str(row["atoms"]), difference, f"{row['largest_force']:.3g}")
    yield forces
    for row in bench["left_out"]:
        yield f"left out: {row['engine']} of {row['file']}: {row['reason']}"


def comparison_table(rows: list[dict[str, Any]], first: Path, second: Path) -> Table:
    """Rows of `bench_compare.compare`."""
    several = len({name for row in rows for name in (row["file"], row["other_file"])}) > 1
    numbers = ("ranks x threads", "atoms", f"{first.name} (µs)", f"{second.name} (µs)", "ratio", "interval", "turns")
    table = _table(*_heads(several), "in", numbers=numbers)
    for row in rows:
        pair = row["file"] if row["file"] == row["other_file"] else f"{row['file']} : {row['other_file']}"
        layout, turns = f"{row['ranks']} x {row['threads']}", "{}, {}".format(*row["turns"])
        values = (f"{row['first']:.4g}", f"{row['second']:.4g}", f"{row['ratio']:.3f}", f"{row['low']:.2f}..{row['high']:.2f}", turns)
        table.add_row(*_names({**row, "file": pair}, several), row["in"], layout, str(row["atoms"]), *values)
    return table


def _heads(several: bool) -> tuple[str, ...]:
    return ("file", "engine") if several else ("engine",)


def _names(row: dict[str, Any], several: bool) -> tuple[str, ...]:
    return (row["file"], row["engine"]) if several else (row["engine"],)


def _micros(value: float, digits: int) -> str:
    return f"{value:.{digits}g}" if value < 1000.0 else f"{value:.0f}"


def _table(*texts: str, numbers: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in texts:
        table.add_column(name, overflow="fold", no_wrap=name == "engine")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold", no_wrap=" " not in name)
    return table
