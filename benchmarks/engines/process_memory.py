"""What a worker process says of its own memory. Needs nothing, so that the peer's environment can use it."""

from pathlib import Path


def own_memory() -> dict[str, int] | None:
    """Resident size and its peak in bytes; None where the system has no /proc."""
    found = {}
    # The kernel's own sum of pages: VmRSS is off by what each core has not yet added to it.
    for name, file, key in (("resident", "smaps_rollup", "Rss"), ("peak", "status", "VmHWM")):
        path = Path("/proc/self") / file
        if not path.is_file():
            return None
        row = next(line for line in path.read_text().splitlines() if line.startswith(f"{key}:"))
        found[name] = 1024 * int(row.split()[1])
    return found
