"""Latency of a model that is not trained yet: real dynamics, in turns with a reference model that stays the same for the whole study."""

from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np

from qallegro.errors import QAllegroError
from qallegro.latency.bench_lammps import run_lammps
from qallegro.latency.bench_run import WARMUP
from qallegro.latency.bench_systems import base_structure, repeated, repeats_for
from qallegro.latency.bench_worker import ask


def sites_of(structure: dict[str, Any], file: str | None, r_max: float, atom_types: list[str], atoms: int, folder: Path) -> Path:
    """The structure that moves, as a file.

    Args:
        structure: a frame as in `qallegro.data.sample_frames`.
        file: to be read in its place.
        r_max: cutoff of the model, Å; what is not periodic gets a box that fits it.
        atom_types: species of the model.
        atoms: about how many the structure is repeated to.
        folder: for the file.
    """
    if file is None:
        source = folder / "frame.traj"
        ase.io.write(source, ase.Atoms(structure["symbols"], structure["positions"], cell=structure["cell"], pbc=structure["pbc"]))
    else:
        source = Path(file)
    base = base_structure({"atom_types": atom_types, "r_max": r_max}, source, source)
    path = folder / "sites.traj"
    ase.io.write(path, repeated(base, repeats_for(base, atoms), atom_types, mix=False))
    return path


def one_turn(model: Path, sites: Path, atom_types: list[str], settings: dict[str, Any], folder: Path) -> tuple[float, float]:
    """Run a model once.

    Args:
        model: exported file.
        sites: structure.
        atom_types: species of the model.
        settings: the `latency` section.
        folder: for files of the run.

    Returns:
        µs an atom and step; MB that the process took at its peak.
    """
    program, engine, threads, steps = (settings[key] for key in ("program", "engine", "threads", "steps"))
    atoms = ase.io.read(sites)
    if program == "lammps":
        folder.mkdir()
        report = run_lammps(folder, model, engine, "cpu", 1, threads, atoms, atom_types, steps, WARMUP)
    else:
        request = {
            "do": program,
            "model": str(model),
            "engine": engine,
            "device": "cpu",
            "threads": threads,
            "steps": steps,
            "warmup": WARMUP,
        }
        answer = ask(request, sites, threads)
        if "error" in answer:
            raise QAllegroError(f"the model must run to be timed, it did not: {answer['error']}")
        report = answer["report"]
    return 1e6 * report["wall_seconds"] / (max(report["steps"], 1) * len(atoms)), report["peak_memory_bytes"] / 1e6


def latency_beside(
    model: tuple[Path, Path], reference: tuple[Path, Path], atom_types: list[str], settings: dict[str, Any], scale: float, folder: Path
) -> dict[str, Any]:
    """Latency of a model in units of the reference model's, turn by turn.

    A machine that is slow for a while is so for both, and their ratio stays. `median`, `low` and `high` (of the turns) are ratios times
    `scale`, so that numbers of all trials can be compared, whenever and wherever they were measured.

    Args:
        model: exported file, and structure that it moves.
        reference: the same of the reference model.
        atom_types: species of both.
        settings: the `latency` section.
        scale: µs an atom and step that the reference model took when the study was started.
        folder: for files of the runs.
    """
    ratios, own, theirs, memory = [], [], [], 0.0
    for turn in range(settings["turns"]):
        measured = {}
        # Each goes first in every other turn.
        for name in ("model", "reference") if turn % 2 else ("reference", "model"):
            file, sites = model if name == "model" else reference
            measured[name], used = one_turn(file, sites, atom_types, settings, folder / f"{name}-{turn}")
            memory = max(memory, used) if name == "model" else memory
        own.append(measured["model"])
        theirs.append(measured["reference"])
        ratios.append(measured["model"] / measured["reference"])
    return {
        "median": scale * float(np.median(ratios)),
        "low": scale * min(ratios),
        "high": scale * max(ratios),
        "ratio": float(np.median(ratios)),
        "as_measured": float(np.median(own)),
        "reference_as_measured": float(np.median(theirs)),
        "memory_MB": memory,
    }
