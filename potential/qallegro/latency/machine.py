"""The machine that a measurement ran on."""

import os
from typing import Any


def describe_machine() -> dict[str, Any]:
    """`processor`, and `cores` that this process may use."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            processor = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = "unknown"
    return {"processor": processor, "cores": usable_cores()}


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
