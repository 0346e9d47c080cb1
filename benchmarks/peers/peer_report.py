"""The report of `compare.py` for people."""

from typing import Any

from engines_benchmark import ratio, short, shown_ratio

#: size -> what candidates of that size are divided by; all others are divided by the first
REFERENCES = {"S": "qallegro-S", "M": "qallegro-M"}


def markdown(record: dict[str, Any]) -> str:
    """A table for each number of atoms, who is missing and why, settings, versions."""
    here, settings = record["machine"], record["settings"]
    lines = [
        "# qallegro and its peers",
        "",
        f"{here['processor']}, one core, one thread; {record['date']}. Molecular dynamics of copper; {settings['turns']} "
        f"turn{'s' * (settings['turns'] > 1)}, each measurement a process of its own; medians, quartiles in brackets. Weights are random "
        "and coefficients arbitrary: these are costs, not accuracies. How it is measured and what is not comparable: "
        "benchmarks/peers/README.md.",
    ]
    for n_atoms in dict.fromkeys(row["atoms"] for row in record["rows"]):
        rows = [row for row in record["rows"] if row["atoms"] == n_atoms]
        edges, load = record["edges_per_atom"][str(n_atoms)], record["load_average"][str(n_atoms)]
        lines += ["", f"## {n_atoms:,} atoms", "", f"{edges:.1f} neighbors an atom below 5 Å; load average {load:.2f} at the start.", ""]
        lines += _table(rows, record["candidates"])
    if record["missing"]:
        lines += ["", "## Missing", ""]
        lines += [f"* {_who(entry, record['candidates'])}: {entry['why']}" for entry in record["missing"]]
    lines += ["", "## Settings", ""]
    lines += [f"* {candidate['title']}: {candidate['settings']}" for candidate in record["candidates"].values()]
    lines += ["", "## Versions", ""]
    lines += [f"* {peer}: " + ", ".join(f"{n} {v}" for n, v in versions.items()) for peer, versions in record["versions"].items()]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]], candidates: dict[str, Any]) -> list[str]:
    times = {row["candidate"]: row["time"]["seconds"] for row in rows}
    lines = [
        "| | time (µs per atom and step) | of this the model | times qallegro in LAMMPS, size | peak memory (MB) | "
        "start until the first step (s) | steps |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        size = candidates[row["candidate"]]["model"]
        size = size if size in REFERENCES else next(iter(REFERENCES))
        reference = REFERENCES[size]
        against = "-"
        if reference in times:
            against = f"{shown_ratio(ratio(times[row['candidate']], times[reference]))}, {size}"
        cells = [
            candidates[row["candidate"]]["title"],
            spread(row["time"], 1e6),
            short(1e6 * row["model_time"]["median"]),
            "1" if row["candidate"] == reference else against,
            "-" if row["peak_memory"] is None else short(1e-6 * row["peak_memory"]["median"]),
            spread(row["start"], 1.0),
            str(row["steps"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def spread(found: dict[str, Any], unit: float) -> str:
    """Median with quartiles in multiples of 1 / `unit`."""
    low, high = found["quartiles"]
    return f"{short(unit * found['median'])} ({short(unit * low)} to {short(unit * high)})"


def _who(entry: dict[str, Any], candidates: dict[str, Any]) -> str:
    name = candidates[entry["candidate"]]["title"] if entry["candidate"] else entry["peer"]
    return f"{name}, {entry['atoms']:,} atoms" if entry["atoms"] else name
