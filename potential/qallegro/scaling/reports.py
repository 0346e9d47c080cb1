"""Latency reports of LAMMPS runs, as rows of a fit."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from qallegro.errors import DataError
from qallegro.latency.reports import FORMAT, VERSION

#: phases that are the cost model's own terms; all others are of the network and the step itself
APART = ("neighbor_list", "communication")


class Row(NamedTuple):
    """One rank of one report: numbers of its average step, seconds a step."""

    atoms: float
    ghosts: float
    edges: float
    compute: float
    neighbor_build: float  # s a build of the neighbor list; 0 if there was none
    communication: float
    alone: bool  # the run had one rank, so that communication is copying and nobody waits
    memory: float  # bytes


class Reports(NamedTuple):
    """Rows of one setting, which `setting` describes."""

    rows: list[Row]
    setting: str
    dtype: str
    files: list[str]


def read_reports(paths: list[Path]) -> Reports:
    """Read and check reports that `pair_style qallegro latency FILE` has written.

    Raises:
        DataError: a file is missing, no report of a LAMMPS run, damaged, without steps, or of another setting than the first.
    """
    rows: list[Row] = []
    setting = dtype = ""
    for path in paths:
        report = _read(path)
        try:
            found = _setting(report)
            new = _rows(report)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"`{path}` must be a whole latency report, but lacks or garbles {error}; write it again") from error
        if not new:
            raise DataError(f"a report must have at least one step after the warmup and one rank with atoms, `{path}` has none; run longer")
        if setting and found != setting:
            raise DataError(f"all reports must be of one setting, but `{path}` is of {found} and `{paths[0]}` of {setting}")
        setting, dtype = found, report["dtype"]
        rows += new
    return Reports(rows, setting, dtype, [str(path) for path in paths])


def _read(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text())
    except OSError as error:
        raise DataError(f"`--report` must name a file that can be read, got `{path}`: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"`{path}` must be a latency report, but is no JSON: {error}") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise DataError(f"`{path}` is no latency report; `pair_style qallegro latency FILE` writes one")
    if report.get("format_version") != VERSION:
        raise DataError(f"`{path}` is a report of version {report.get('format_version')}; this qallegro reads version {VERSION}")
    if report.get("source") != "lammps":
        raise DataError(f"`{path}` is a report of {report.get('source')}; the model of LAMMPS needs reports of `pair_style qallegro`")
    return report


def _setting(report: dict[str, Any]) -> str:
    threads = int(report["threads"])
    name = Path(report["model"]).name
    return f"{name}, {report['engine']} on {report['device']}, {report['dtype']}, {threads} thread{'s' if threads > 1 else ''} a rank"


def _rows(report: dict[str, Any]) -> list[Row]:
    steps, builds = int(report["steps"]), int(report["counts"]["neighbor_list_builds"])
    rows = []
    for rank in report["per_rank"]:
        if steps < 1 or float(rank["atoms"]) <= 0.0:
            continue
        phases = {name: float(seconds) for name, seconds in rank["phases"].items()}
        row = Row(
            atoms=float(rank["atoms"]),
            ghosts=float(rank["ghosts"]),
            edges=float(rank["edges"]),
            compute=sum(seconds for name, seconds in phases.items() if name not in APART) / steps,
            neighbor_build=phases["neighbor_list"] / builds if builds else 0.0,
            communication=phases["communication"] / steps,
            alone=int(report["ranks"]) == 1,
            memory=float(rank["peak_memory_bytes"]),
        )
        if not all(math.isfinite(value) and value >= 0.0 for value in row) or row.compute == 0.0:
            raise ValueError(f"times and numbers of rank {rank['rank']}")
        rows.append(row)
    return rows
