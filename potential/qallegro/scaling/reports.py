"""Latency reports of LAMMPS runs, as rows of a fit."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from qallegro.errors import DataError
from qallegro.latency.reports import FORMAT, VERSION, read_format

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
    """Rows of one setting, which `setting` describes.

    Args:
        r_max: Å, of the model; None where the reports do not say.
        skin: Å, of the neighbor lists; None where the reports do not say.
    """

    rows: list[Row]
    setting: str
    dtype: str
    files: list[str]
    r_max: float | None = None
    skin: float | None = None


def read_reports(paths: list[Path]) -> Reports:
    """Read and check reports that `pair_style qallegro latency FILE` has written.

    Raises:
        DataError: a file is missing, no report of a LAMMPS run, damaged, without steps, or of another setting than the first.
    """
    rows: list[Row] = []
    setting, dtype, r_max, skin = "", "", None, None
    for path in paths:
        report = _read(path)
        try:
            found = _setting(report)
            r_max, skin = _length(report, "r_max"), _length(report, "skin")
            new = _rows(report)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"`{path}` must be a whole latency report, but lacks or garbles {error}; write it again") from error
        if not new:
            raise DataError(f"a report must have at least one step after the warmup and one rank with atoms, `{path}` has none; run longer")
        if setting and found != setting:
            raise DataError(f"all reports must be of one setting, but `{path}` is of {found} and `{paths[0]}` of {setting}")
        setting, dtype = found, report["dtype"]
        rows += new
    return Reports(rows, setting, dtype, [str(path) for path in paths], r_max, skin)


def _read(path: Path) -> dict[str, Any]:
    report = read_format(path, FORMAT, VERSION, "latency report")
    if report.get("source") != "lammps":
        raise DataError(f"`{path}` is a report of {report.get('source')}; the model of LAMMPS needs reports of `pair_style qallegro`")
    return report


def _setting(report: dict[str, Any]) -> str:
    threads = int(report["threads"])
    name, skin = Path(report["model"]).name, _length(report, "skin")
    text = f"{name}, {report['engine']} on {report['device']}, {report['dtype']}, {threads} thread{'s' if threads > 1 else ''} a rank"
    return text if skin is None else f"{text}, skin {skin:g} Å"


def _length(report: dict[str, Any], name: str) -> float | None:
    value = report.get(name)
    if value is not None and not 0.0 <= float(value) < math.inf:
        raise ValueError(f"{name} {value!r}")
    return None if value is None else float(value)


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
