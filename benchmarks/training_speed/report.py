"""From seconds to a table."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np


def summarise(seconds: dict[str, list[float]], edges: int) -> dict[str, Any]:
    """Medians over turns, edges a second, and the ratio of the other sides to the first with the quartiles of its values turn by turn."""
    result: dict[str, Any] = {}
    for name, values in seconds.items():
        median = float(np.median(values))
        result[name] = {
            "median_seconds": median,
            "quartiles_seconds": [float(q) for q in np.quantile(values, [0.25, 0.75])],
            "edges_per_second": edges / median,
            "seconds": values,
        }
    first, *others = seconds
    for other in others:
        by_turn = np.array(seconds[other]) / np.array(seconds[first])
        result.setdefault("ratios", {})[other] = {
            "of_medians": result[other]["median_seconds"] / result[first]["median_seconds"],
            "quartiles_by_turn": [float(q) for q in np.quantile(by_turn, [0.25, 0.75])],
            "range_by_turn": [float(by_turn.min()), float(by_turn.max())],
        }
    return result


def machine() -> dict[str, Any]:
    """The processor, and how busy it was at the start."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "system": platform.platform(), "load_average": list(os.getloadavg())}


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings = record["machine"], record["settings"]
    lines = [
        f"# Training step: qallegro and nequip-allegro in {settings['peer_mode']} mode",
        "",
        f"{here['processor']}, {here['cores']} cores, load average {here['load_average'][0]:.2f} at the start, {record['date']}. "
        f"{settings['dtype']} networks. {settings['turns']} turns, the sides one after the other, {settings['steps']} steps a turn of "
        "which the fastest counts; medians over turns, quartiles in brackets. Ratio: time of a side over that of the first.",
        "",
        "; ".join(f"{side}: " + ", ".join(f"{k} {v}" for k, v in versions.items()) for side, versions in record["versions"].items()),
        "",
    ]
    if record["peer_missing"]:
        lines += [f"The peer was not measured: {record['peer_missing']}", ""]
    sides = [*settings["engines"], "peer"]
    names = {"native": "qallegro native", "torch": "qallegro torch", "peer": "peer"}
    lines += [
        "| threads | case | size | weights | edges | "
        + " | ".join(f"{names[side]} (ms)" for side in sides)
        + " | "
        + " | ".join(f"{names[side]} / {names[sides[0]]}" for side in sides[1:])
        + " | µs an edge | deviation of forces (eV/Å) | peak memory (MB) |",
        "|" + "---|" * (8 + 2 * len(sides) - 1),
    ]
    for run in record["runs"]:
        built, ratios = run["built"], run.get("ratios", {})
        cells = [str(run["threads"]), run["case"], run["size"], f"{built['weights']:,}", f"{built['edges']:,}"]
        cells += [_ms(run[side]) if side in run else "-" for side in sides]
        cells += [_ratio(ratios[side]) if side in ratios else "-" for side in sides[1:]]
        cells += [f"{1e6 * run[sides[0]]['median_seconds'] / built['edges']:.2f}"]
        cells += [", ".join(f"{found['forces']:.1e}" for found in run["deviation"].values()) if "deviation" in run else "-"]
        cells += [", ".join(f"{run['peak_memory_bytes'][side] / 1e6:.0f}" for side in sides if side in run["peak_memory_bytes"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + _threads(record["runs"], sides[0])


def _threads(runs: list[dict[str, Any]], side: str) -> str:
    """What more threads gave the first side."""
    alone = {(run["case"], run["size"]): run[side]["median_seconds"] for run in runs if run["threads"] == 1}
    found = [
        f"{run['case']} {run['size']} {alone[run['case'], run['size']] / run[side]['median_seconds']:.2f}"
        for run in runs
        if run["threads"] == 2 and (run["case"], run["size"]) in alone
    ]
    return f"Two threads against one, {side}: {', '.join(found)}\n" if found else ""


def _ratio(ratio: dict[str, Any]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(ratio["of_medians"], *ratio["quartiles_by_turn"])


def _ms(side: dict[str, Any]) -> str:
    low, high = side["quartiles_seconds"]
    return f"{1e3 * side['median_seconds']:.1f} ({1e3 * low:.1f} to {1e3 * high:.1f})"
