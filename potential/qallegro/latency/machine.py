"""The machine that a measurement ran on."""

import os
from typing import Any

from qallegro_ase.engines import runtime_module


def describe_machine() -> dict[str, Any]:
    """`processor`, and `cores` that this process may use."""
    return {"processor": runtime_module().processor(), "cores": usable_cores()}


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
