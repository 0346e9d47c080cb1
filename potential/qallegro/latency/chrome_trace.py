"""Traces (JSON lines) to the Trace Event Format that chrome://tracing and Perfetto open.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Events of a thread must nest: Perfetto leaves out
one that begins a nanosecond before its neighbor ends, and cuts times and durations, each for itself, to whole nanoseconds. So all are
multiples of 1/8 µs, which no reader rounds, and an event begins where the one before it ends.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qallegro.errors import DataError
from qallegro.latency.phases import PHASES, label

_EIGHTHS = 8e6  # in a second


def trace_events(paths: list[Path]) -> dict[str, Any]:
    """All steps of all ranks: one process a rank, its phases one after the other inside of each step; µs.

    The order of phases inside of a step is ours: a trace tells how long each took, not when.

    Args:
        paths: one trace a rank.

    Raises:
        DataError: a file that cannot be read, a malformed line other than a last one that was cut, or a rank that comes twice.
    """
    files, ranks = {}, {}
    for path in paths:
        steps = read_trace(path)
        rank = steps[0]["rank"] if steps else None
        if rank is None:
            continue
        if rank in files:
            raise DataError(f"every trace must be of another rank, `{files[rank]}` and `{path}` are both of rank {rank}; name each once")
        files[rank], ranks[rank] = path, steps
    if not files:
        raise DataError(f"traces must hold at least one whole step, {', '.join(f'`{path}`' for path in paths)} hold none")
    # A trace may begin within a step; times must not be negative.
    start = min(0.0, *(steps[0]["end"] - steps[0]["total"] for steps in ranks.values()))
    return {"traceEvents": [event for rank in sorted(ranks) for event in _of_rank(rank, ranks[rank], start)], "displayTimeUnit": "ms"}


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


def _of_rank(rank: int, steps: list[dict[str, Any]], start: float) -> Iterator[dict[str, Any]]:
    """Name and steps of a process. Args: start: s, the time that becomes 0."""
    place = {"pid": rank + 1, "tid": rank + 1}  # process 0 is the idle one of the system
    yield {"name": "process_name", "ph": "M", **place, "args": {"name": f"rank {rank}"}}
    yield {"name": "process_sort_index", "ph": "M", **place, "args": {"sort_index": rank}}
    free = 0
    for step in steps:
        began = step["end"] - step["total"] - start
        first = max(round(_EIGHTHS * began), free)
        free = max(round(_EIGHTHS * (step["end"] - start)), first)
        about = {name: step[name] for name in ("step", "atoms", "ghosts", "edges", "rebuilt", "allocated") if name in step}
        yield {"name": f"step {step['step']}", "cat": "step", **_span(first, free), **place, "args": about}
        for name in PHASES:
            began += step["phases"].get(name, 0.0)
            last = min(round(_EIGHTHS * began), free)
            if last > first:
                yield {"name": label(name), "cat": "phase", **_span(first, last), **place}
                first = last


def _span(first: int, last: int) -> dict[str, Any]:
    return {"ph": "X", "ts": first / 8, "dur": (last - first) / 8}
