"""Seconds of several functions that take turns, so that a change of the machine's pace meets all of them."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def seconds_of(function: Callable[[], Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def take_turns(
    functions: dict[str, Callable[[], Any]], turns: int, time_limit: float = float("inf"), least: int = 3
) -> dict[str, list[float]]:
    """Seconds of each function by turn.

    Args:
        functions: by name.
        turns: calls of each, after one that does not count.
        time_limit: s; a function that has taken so long altogether leaves, though not before `least` turns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    names = list(functions)
    for turn in range(turns):
        # Another order each turn: no one always follows the same neighbor, whose data fill the caches.
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            if len(seconds[name]) < least or sum(seconds[name]) < time_limit:
                seconds[name].append(seconds_of(functions[name]))
    return seconds


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median with quartiles, and what they were made from."""
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return {"median": float(median), "quartiles": [float(low), float(high)], "turns": len(seconds), "seconds": seconds}


def ratio(a: list[float], b: list[float]) -> dict[str, Any]:
    """a / b: of the medians, and the quartiles of the ratio turn by turn."""
    common = min(len(a), len(b))
    low, high = np.quantile(np.array(a[:common]) / np.array(b[:common]), [0.25, 0.75])
    return {"of_medians": float(np.median(a) / np.median(b)), "quartiles_by_turn": [float(low), float(high)]}


def shown_ratio(record: dict[str, Any]) -> str:
    """For a table."""
    return "{:.3g} ({:.3g} to {:.3g})".format(record["of_medians"], *record["quartiles_by_turn"])


def shown_ms(record: dict[str, Any]) -> str:
    """Milliseconds for a table."""
    low, high = record["quartiles"]
    return f"{1e3 * record['median']:.3g} ({1e3 * low:.3g} to {1e3 * high:.3g})"
