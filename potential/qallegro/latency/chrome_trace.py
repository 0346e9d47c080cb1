"""Traces (JSON lines) to the Trace Event Format that chrome://tracing and Perfetto open.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

import json
import math
from pathlib import Path
from typing import Any

from qallegro.errors import DataError
from qallegro.latency.phases import PHASES, label

_MICRO = 1e6


def trace_events(paths: list[Path]) -> dict[str, Any]:
    """All steps of all ranks: one process a rank, its phases one after the other inside of each step; µs.

    The order of phases inside of a step is ours: a trace tells how long each took, not when.

    Args:
        paths: one trace a rank.

    Raises:
        DataError: a file that cannot be read, a malformed line other than a last one that was cut, or a rank that comes twice.
    """
    events, files = [], {}
    for path in paths:
        steps = read_trace(path)
        rank = steps[0]["rank"] if steps else None
        if rank is None:
            continue
        if rank in files:
            raise DataError(f"every trace must be of another rank, `{files[rank]}` and `{path}` are both of rank {rank}; name each once")
        files[rank] = path
        events.append({"name": "process_name", "ph": "M", "pid": rank, "tid": 0, "args": {"name": f"rank {rank}"}})
        events.append({"name": "process_sort_index", "ph": "M", "pid": rank, "tid": 0, "args": {"sort_index": rank}})
        for step in steps:
            events += _of_step(step)
    if not files:
        raise DataError(f"traces must hold at least one whole step, {', '.join(f'`{path}`' for path in paths)} hold none")
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def read_trace(path: Path) -> list[dict[str, Any]]:
    """The steps of one rank; a last line without an end, which a killed run leaves, does not count.

    Raises:
        DataError: naming file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"trace `{path}` must be a file that can be read: {error.strerror}") from error
    steps: list[dict[str, Any]] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        cut = number == len(lines)  # nothing follows it, not even the end of the line
        if cut and not line.strip():
            continue
        problem, step = _parse(line)
        if problem and cut:
            continue
        if not problem and steps and step["rank"] != steps[0]["rank"]:
            problem = f"`rank` must be {steps[0]['rank']} as in the first line, got {step['rank']}"
        if problem:
            raise DataError(f"`{path}`, line {number}: {problem}; it must be a trace that LAMMPS or ASE wrote (docs/latency.md)")
        steps.append(step)
    return steps


def _parse(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        step = json.loads(line)
    except ValueError as error:
        return f"must be JSON: {error}", {}
    if not isinstance(step, dict):
        return f"must be an object, got {type(step).__name__}", {}
    for name in ("rank", "step", "atoms", "ghosts", "edges"):
        if not isinstance(step.get(name), int) or isinstance(step[name], bool):
            return f"`{name}` must be an integer, got {step.get(name)!r}", {}
    for name in ("end", "total"):
        if not _is_seconds(step.get(name)):
            return f"`{name}` must be a number of seconds, got {step.get(name)!r}", {}
    phases = step.get("phases")
    if not isinstance(phases, dict) or not all(name in PHASES and _is_seconds(value) for name, value in phases.items()):
        return f"`phases` must be seconds by phase, got {phases!r}", {}
    return "", step


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _of_step(step: dict[str, Any]) -> list[dict[str, Any]]:
    start, place = step["end"] - step["total"], {"pid": step["rank"], "tid": 0, "ph": "X"}
    about = {name: step[name] for name in ("step", "atoms", "ghosts", "edges", "rebuilt") if name in step}
    events = [{"name": f"step {step['step']}", "cat": "step", "ts": _MICRO * start, "dur": _MICRO * step["total"], "args": about, **place}]
    for name in PHASES:
        seconds = step["phases"].get(name, 0.0)
        if seconds > 0.0:
            events.append({"name": label(name), "cat": "phase", "ts": _MICRO * start, "dur": _MICRO * seconds, **place})
            start += seconds
    return events
