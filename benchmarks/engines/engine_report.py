"""The record of `engine_speed.py` for people."""

import itertools
from collections.abc import Iterator
from typing import Any

from engine_candidates import CANDIDATES, ONE
from engine_goals import find, goals
from quantum_layer_benchmark import ratio, shown_ratio


def markdown(record: dict[str, Any]) -> str:
    """The report."""
    return (
        "\n".join([*_head(record), *_goals(record), *itertools.chain.from_iterable(map(_group, record["groups"])), *_memory(record)]) + "\n"
    )


def _head(record: dict[str, Any]) -> Iterator[str]:
    here, settings = record["machine"], record["settings"]
    yield from ("# Speed of the engines", "")
    yield (
        f"{here['processor']} ({', '.join(here['instruction_sets']) or 'instruction sets not known'}), {here['cores']} cores, load average "
        f"{here['load_average'][0]:.2f} at the start, {record['date']}. {_versions(record['versions'])}. "
        + (f"Peer: {_versions(record['peer_versions'])}." if record["peer_versions"] else "Without the peer.")
    )
    yield ""
    yield (
        f"fcc copper, {record['edges_per_atom']:.1f} edges an atom, r_max 5 Å. The candidates take turns, {settings['turns']} of them, "
        f"every measurement a process of its own that aims at {settings['seconds']:g} s after a warmup of {settings['warmup']} "
        f"steps; neighbor lists are made anew every {settings['rebuild_every']} steps. Medians, quartiles in brackets. "
        "Layout: ranks x threads."
    )
    yield ""
    yield (
        "LAMMPS: its own loop timer. ASE: wall time of `VelocityVerlet`. Peer: the call of its model alone, without neighbor list, "
        "integrator and conversions, which favors the peer. SNAP: twojmax 8, 5 Å, arbitrary coefficients, double precision."
    )
    for name, made in record["peer_files"].items():
        if "weights" not in name:
            yield from ("", f"{name} was compiled with {made['threads']} thread{'s' if made['threads'] > 1 else ''}.")
    yield from ("", "    " + " ".join(record["command"]))


def _goals(record: dict[str, Any]) -> Iterator[str]:
    found = list(goals(record))
    if found:
        yield from ("", "## Goals", "", "| | goal | measured | reached |", "|---|---|---|---|")
        for goal in found:
            yield f"| {goal.name} | {goal.limit} | {goal.measured} | {'yes' if goal.reached else '**no**'} |"


def _group(group: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## {group['size']}, {group['dtype']}, {group['atoms']:,} atoms", "")
    reference = find(group, "native") or (group["arms"][0] if group["arms"] else None)
    if reference:
        against = f"{CANDIDATES[reference['candidate']].title} {reference['layout']}"
        yield (
            f"Load average {group['load_average']:.2f} at the start. Times in µs an atom and step; of a neighbor list, µs an atom and "
            f"list. Cores: processor time over wall time. Memory: peak of all ranks. Ratio: time over that of {against}."
        )
        yield from ("", "| | layout | time | pair | list | cores | memory (MB) | ratio | steps |", "|" + "---|" * 9)
        for arm in group["arms"]:
            yield _row(arm, reference)
        yield ""
        for arm in group["arms"]:
            if arm["layout"] == str(ONE) and arm["description"]:
                yield f"* {CANDIDATES[arm['candidate']].title}: {arm['description']}"
    if group["skipped"]:
        yield ""
        reasons: dict[tuple[str, str], list[str]] = {}
        for skipped in group["skipped"]:
            reasons.setdefault((skipped["candidate"], skipped["why"]), []).append(skipped["layout"])
        for (name, why), layouts in reasons.items():
            yield f"* Not measured: {' '.join([CANDIDATES[name].title, ', '.join(layouts)]).rstrip()}: {why}"
    if group["agreement"]:
        yield from ("", "Largest difference of forces on the same structure (eV/Å):", "")
        for name, found in group["agreement"].items():
            yield f"* {CANDIDATES[name].title} and {CANDIDATES[found['with']].title}: {found['forces']:.1e}"


def _row(arm: dict[str, Any], reference: dict[str, Any]) -> str:
    against = shown_ratio(ratio(arm["loop"]["seconds"], reference["loop"]["seconds"])) if arm is not reference else "1"
    cells = [
        CANDIDATES[arm["candidate"]].title,
        arm["layout"],
        shown_us(arm["loop"]),
        short(1e6 * arm["pair"]["median"]),
        "-" if arm["build"] is None else short(1e6 * arm["build"]),
        f"{arm['cpu_use']:.2f}",
        "-" if arm["peak_memory"] is None else f"{arm['peak_memory'] / 1e6:.0f}",
        against,
        str(arm["steps"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _memory(record: dict[str, Any]) -> Iterator[str]:
    """How memory grows with atoms, between the smallest and the largest system, and with steps."""
    slopes, growth = list(_slopes(record)), list(_growth(record))
    if slopes:
        yield from ("", "## Memory and atoms", "", "Peaks at 1x1; the line through the first and the last.", "")
        yield from ("| size | precision | | atoms | bytes an atom | without atoms (MB) |", "|" + "---|" * 6, *slopes)
    if growth:
        yield from ("", "## Memory and steps", "", "Resident memory in MB after the warmup and after each tenth of the steps.", "")
        yield from ("| size | precision | | atoms | steps | resident |", "|" + "---|" * 6, *growth)


def _slopes(record: dict[str, Any]) -> Iterator[str]:
    for size, dtype in dict.fromkeys((group["size"], group["dtype"]) for group in record["groups"]):
        groups = [group for group in record["groups"] if (group["size"], group["dtype"]) == (size, dtype)]
        for name, candidate in CANDIDATES.items():
            points = [(group["atoms"], arm["peak_memory"]) for group in groups if (arm := find(group, name, ONE)) and arm["peak_memory"]]
            if len(points) > 1:
                (few, low), (many, high) = points[0], points[-1]
                slope = (high - low) / (many - few)
                cells = [size, dtype, candidate.title, f"{few:,} to {many:,}", f"{slope:,.0f}", f"{(low - slope * few) / 1e6:.0f}"]
                yield "| " + " | ".join(cells) + " |"


def _growth(record: dict[str, Any]) -> Iterator[str]:
    for group in record["groups"]:
        for watched in group["growth"]:
            resident = " ".join(f"{size / 1e6:.1f}" for size in watched["resident"])
            title = CANDIDATES[watched["candidate"]].title
            yield f"| {group['size']} | {group['dtype']} | {title} | {group['atoms']:,} | {watched['steps']:,} | {resident} |"


def shown_us(record: dict[str, Any]) -> str:
    """Microseconds for a table."""
    median, low, high = (short(1e6 * seconds) for seconds in (record["median"], *record["quartiles"]))
    return f"{median} ({low} to {high})"


def short(value: float) -> str:
    """Three digits at least, without powers of ten."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
