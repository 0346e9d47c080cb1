"""From seconds to a table."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np


def summarise(seconds: dict[str, list[float]], edges: int) -> dict[str, Any]:
    """Medians over turns, edges a second, and the ratio peer / qallegro with the quartiles of its values turn by turn."""
    result: dict[str, Any] = {}
    for name, values in seconds.items():
        median = float(np.median(values))
        result[name] = {
            "median_seconds": median,
            "quartiles_seconds": [float(q) for q in np.quantile(values, [0.25, 0.75])],
            "edges_per_second": edges / median,
            "seconds": values,
        }
    if "peer" in seconds:
        by_turn = np.array(seconds["peer"]) / np.array(seconds["qallegro"])
        result["ratio"] = {
            "of_medians": result["peer"]["median_seconds"] / result["qallegro"]["median_seconds"],
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
        "which the fastest counts; medians over turns, quartiles in brackets. Ratio: time of the peer over time of qallegro.",
        "",
        "; ".join(f"{side}: " + ", ".join(f"{k} {v}" for k, v in versions.items()) for side, versions in record["versions"].items()),
        "",
    ]
    if record["peer_missing"]:
        lines += [f"The peer was not measured: {record['peer_missing']}", ""]
    lines += [
        "| threads | case | size | weights | edges | qallegro (ms) | peer (ms) | ratio | qallegro (edges/s) | deviation of forces (eV/Å) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in record["runs"]:
        built, ratio = run["built"], run.get("ratio")
        lines.append(
            f"| {run['threads']} | {run['case']} | {run['size']} | {built['weights']:,} | {built['edges']:,} | {_ms(run['qallegro'])} "
            f"| {_ms(run['peer']) if 'peer' in run else '-'} "
            f"| {'{:.2f} ({:.2f} to {:.2f})'.format(ratio['of_medians'], *ratio['quartiles_by_turn']) if ratio else '-'} "
            f"| {run['qallegro']['edges_per_second']:,.0f} | {'{:.1e}'.format(run['deviation']['forces']) if 'deviation' in run else '-'} |"
        )
    return "\n".join(lines) + "\n"


def _ms(side: dict[str, Any]) -> str:
    low, high = side["quartiles_seconds"]
    return f"{1e3 * side['median_seconds']:.1f} ({1e3 * low:.1f} to {1e3 * high:.1f})"
