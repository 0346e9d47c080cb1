"""Read latency reports (format "qallegro-latency", docs/latency.md)."""

import json
import math
from pathlib import Path
from typing import Any

from qallegro.errors import DataError
from qallegro.latency.phases import PHASES

FORMAT, VERSION = "qallegro-latency", 1

_STATISTICS = ("total", "mean", "min", "max", "median", "p95", "p99")
_TEXTS = ("source", "model", "engine", "device", "description", "dtype")
_NUMBERS = ("ranks", "threads", "atoms", "steps", "wall_seconds", "atom_steps_per_second", "edges_per_second", "peak_memory_bytes")


def read_report(path: Path) -> dict[str, Any]:
    """One report, checked.

    Raises:
        DataError: a missing or malformed file, another format or version.
    """
    report = read_format(path, FORMAT, VERSION, "latency report")
    check_report(report, f"latency report `{path}`")
    return report


def read_format(path: Path, name: str, version: int, what: str) -> dict[str, Any]:
    """A JSON object that names itself `name` and `version`.

    Args:
        what: it is, for messages.

    Raises:
        DataError: a missing or malformed file, another format or version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{what} `{path}` must be a file that can be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{what} `{path}` must be JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != name:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise DataError(f"`format` of {what} `{path}` must be {name!r}, got {found!r}; is it another kind of file?")
    if content.get("format_version") != version:
        raise DataError(
            f"`format_version` of {what} `{path}` must be {version}, got {content.get('format_version')!r}; "
            "read it with the release that wrote it"
        )
    return content


def check_report(report: Any, what: str) -> None:
    """See that everything is there that pages and plots read.

    Raises:
        DataError: naming the member that is not.
    """

    def require(condition: bool, member: str, rule: str, value: Any) -> None:
        if not condition:
            raise DataError(f"`{member}` of {what} must be {rule}, got {value!r}; write the report anew")

    require(isinstance(report, dict), "report", "an object", report)
    for name in _TEXTS:
        require(isinstance(report.get(name), str), name, "a text", report.get(name))
    for name in _NUMBERS:
        require(_is_number(report.get(name)), name, "a number of at least 0", report.get(name))
    for name in ("ns_per_day", "timestep_fs", "r_max", "skin"):
        require(report.get(name) is None or _is_number(report[name]), name, "a number of at least 0 or null", report.get(name))
    for name in ("versions", "machine", "step", "phases", "counts"):
        require(isinstance(report.get(name), dict), name, "an object", report.get(name))
    require(isinstance(report.get("per_rank"), list), "per_rank", "a list", report.get("per_rank"))
    unknown = sorted(set(report["phases"]) - set(PHASES))
    require(not unknown, "phases", f"some of {', '.join(PHASES)}", unknown)
    for name, statistics in [("step", report["step"]), *((f"phases.{name}", values) for name, values in report["phases"].items())]:
        complete = isinstance(statistics, dict) and all(_is_number(statistics.get(key)) for key in _STATISTICS)
        require(complete, name, f"the numbers {', '.join(_STATISTICS)}", statistics)
    for number, rank in enumerate(report["per_rank"]):
        phases = rank.get("phases") if isinstance(rank, dict) else None
        complete = isinstance(phases, dict) and all(name in PHASES and _is_number(value) for name, value in phases.items())
        require(complete, f"per_rank[{number}].phases", "seconds by phase", phases)


def shown_phases(reports: list[dict[str, Any]]) -> list[str]:
    """Phases that took time in any of `reports`, in their fixed order."""
    return [name for name in PHASES if any(report["phases"].get(name, {}).get("total", 0.0) > 0.0 for report in reports)]


def run_labels(reports: list[dict[str, Any]]) -> list[str]:
    """A short name for every report: its number, file, engine, program, ranks and threads."""
    return [
        f"{number}: {Path(r['model']).name}\n{r['engine']}, {r['source']}, {r['ranks']} x {r['threads']}, {r['atoms']} atoms"
        for number, r in enumerate(reports, 1)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
