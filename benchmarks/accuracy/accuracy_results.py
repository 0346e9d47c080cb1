"""From a finished run to its row of a table: errors of the test files, and the time of a step of molecular dynamics on one core."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import ase
import ase.io
import numpy as np

from accuracy_sets import AccuracySet
from qallegro.data.config import Source
from qallegro.data.readers import read_frames
from qallegro.errors import QAllegroError
from qallegro.export.exporter import export_model
from qallegro.latency.bench_systems import repeats_for
from qallegro.latency.bench_worker import ask
from qallegro.model.checkpoint import load_model
from qallegro.whole_file import write_text

STEPS, WARMUP, TURNS = 200, 20, 3
RESULT = "result.json"
#: on what terms a peer was trained, beside its result
STATE = "state.json"


def terms(seconds: float | None, clock: str, threads: int) -> dict[str, Any]:
    """On which a peer is trained, as `state.json` holds them; only runs of the same terms compare. None: epochs are counted."""
    return {"budget": seconds, "clock": clock, "threads": threads}


class Row(NamedTuple):
    """One trained model. Errors are those of its test frames; NaN where they have no such label."""

    program: str  #: "qallegro", or a peer
    settings: str
    variant: str
    seed: int
    parameters: int  #: trainable
    forces_mae: float  #: meV/Å
    forces_rmse: float
    energy_mae: float  #: meV/atom
    energy_rmse: float
    seconds: float  #: of training, by the clock of the table
    steps: int
    latency: float  #: µs an atom and step, one core; NaN: not measured
    stress_mae: float = float("nan")  #: GPa


def errors_of(metrics: dict[str, Any]) -> dict[str, float]:
    """Errors as `test_metrics.json` holds them."""
    forces, energy = metrics.get("forces", {}), metrics["energy"]
    return {
        "forces_mae": forces.get("mae_meV_per_angstrom", float("nan")),
        "forces_rmse": forces.get("rmse_meV_per_angstrom", float("nan")),
        "energy_mae": energy["mae_meV_per_atom"],
        "energy_rmse": energy["rmse_meV_per_atom"],
        "stress_mae": metrics.get("stress", {}).get("mae_GPa", float("nan")),
    }


def read_row(folder: Path, chosen: AccuracySet, root: Path, settings: str, variant: str, seed: int) -> Row:
    """The row of a finished run. What takes time is kept in `result.json` of the run's folder and not done again."""
    if (folder / RESULT).is_file():
        return kept_row(folder / RESULT)
    metrics = json.loads((folder / "test_metrics.json").read_text())
    potential, _ = load_model(folder / "model.pth")
    parameters = sum(p.numel() for p in potential.parameters() if p.requires_grad)
    exported = export_model(folder / "model.pth", folder / "model.qallegro.pth").path
    row = Row(
        "qallegro", settings, variant, seed, parameters, **errors_of(metrics["test"]),
        seconds=metrics["seconds"], steps=metrics["steps"], latency=latency(exported, chosen, root, folder),
    )  # fmt: skip
    write_row(folder, row)
    return row


def kept_row(path: Path) -> Row:
    """What `write_row` wrote."""
    return Row(**{name: float("nan") if value is None else value for name, value in json.loads(path.read_text()).items()})


def write_row(folder: Path, row: Row) -> None:
    """Keep a row in the folder of its run; what is not known is null, for JSON has no NaN."""
    write_text(folder / RESULT, json.dumps(plain(row), allow_nan=False) + "\n")


def plain(row: Row) -> dict[str, Any]:
    """As JSON values."""
    return {name: None if value != value else value for name, value in row._asdict().items()}


def latency(exported: Path, chosen: AccuracySet, root: Path, folder: Path) -> float:
    """µs an atom and step of molecular dynamics through ASE with an exported file on one core: median of some turns.

    Args:
        exported: the file.
        chosen: its set.
        root: folder of the data.
        folder: where the structure is written.

    Raises:
        QAllegroError: the runtime refuses the file or the structure.
    """
    # Of a crystal's frames the largest: the first may be a strained cell of one atom.
    wanted = Source(path=chosen.data["test"][0], index=":1" if chosen.latency_atoms is None else None)
    frame = max(read_frames(wanted, root), key=lambda frame: len(frame.numbers))
    sites = ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    if chosen.latency_atoms is not None:
        sites = sites.repeat(repeats_for(sites, chosen.latency_atoms))
    structure = folder / "latency.xyz"
    ase.io.write(structure, sites, format="extxyz")
    request = {
        "do": "ase",
        "model": str(exported),
        "engine": "auto",
        "device": "cpu",
        "threads": 1,
        "steps": STEPS,
        "warmup": WARMUP,
    }
    times = []
    for _ in range(TURNS):
        answer = ask(request, structure, threads=1)
        if "error" in answer:
            raise QAllegroError(f"steps of `{exported}` could not be timed: {answer['error']}")
        times.append(1e6 * answer["report"]["wall_seconds"] / (answer["report"]["steps"] * len(sites)))
    return float(np.median(times))
