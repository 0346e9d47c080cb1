"""Forces of all engines beside those of a reference, so that a fast wrong engine shows.

The reference is the eager model in float64 (bench_reference.py) or, where a file holds a circuit in a classical form, the engine of the
file's own kind.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qallegro.errors import ConfigError
from qallegro.latency.bench_systems import System
from qallegro.latency.bench_worker import ask

#: What engines are compared with, unless a file holds a circuit
REFERENCE = "float64"
#: Forces are compared on the smallest structure of a file, and on others of up to so many atoms: the reference keeps every edge in memory
MOST_COMPARED = 1000


def compare_forces(
    systems: list[System], wanted: list[str], device: str, folder: Path, advance: Callable[[str, int, int], None]
) -> tuple[list[dict[str, Any]], dict[Path, list[str]], list[dict[str, str]]]:
    """Forces of every engine beside the reference's, on the smallest structure of each file and others of up to `MOST_COMPARED` atoms.

    Args:
        systems: those of a file by size.
        wanted: engines, or "all".
        device: of the engines; the reference runs on the CPU.
        folder: for files of forces.
        advance: called with what begins, its number and how many there are.

    Returns:
        rows of the report; engines of every file that run it, and those of "all" that do not, with the reason.

    Raises:
        ConfigError: an engine that was named does not run a file, or none does.
    """
    rows, engines, left_out = [], {}, []
    for file in dict.fromkeys(system.file for system in systems):
        smallest, *larger = (system for system in systems if system.file == file)
        kind = smallest.record["kind"]
        asked = [name for engine in wanted for name in (("native", kind) if engine == "all" else (engine,))]
        found = _forces(device, smallest, list(dict.fromkeys(asked)), folder, advance)
        for engine, reason in found.failed.items():
            if engine in wanted:
                raise ConfigError(f"`--engine` must name engines that run `{file}`, got {engine}: {reason}")
            left_out.append({"file": file.name, "engine": engine, "reason": reason})
        engines[file] = [engine for engine in dict.fromkeys(asked) if engine in found.forces]
        if not engines[file]:
            raise ConfigError(f"`{file}` must run in one engine at least, none does: {left_out[-1]['reason']}")
        rows += [_deviation(smallest, engine, found) for engine in engines[file]]
        for system in larger:
            if system.atoms <= MOST_COMPARED:
                found = _forces(device, system, engines[file], folder, advance)
                rows += [_deviation(system, engine, found) for engine in engines[file] if engine in found.forces]
    return rows, engines, left_out


class Forces(NamedTuple):
    """Of one structure, by engine: forces (N, 3) eV/Å, what each says of itself, why it does not run; and the name of the reference."""

    forces: dict[str, np.ndarray]
    about: dict[str, dict[str, Any]]
    failed: dict[str, str]
    reference: str


def _forces(device: str, system: System, asked: list[str], folder: Path, advance: Callable[[str, int, int], None]) -> Forces:
    """One evaluation by each engine and the reference."""
    kind = system.record["kind"]
    forces, about, failed = {}, {}, {}
    for engine in dict.fromkeys((*asked, REFERENCE, kind)):
        if engine not in asked and REFERENCE in forces:
            continue
        advance(f"forces of {system.file.name} by {engine}, {system.atoms} atoms", 0, 1)
        output = folder / f"forces-{engine}.npy"
        request = {"do": "forces", "model": str(system.file), "engine": engine, "device": device, "threads": 1}
        answer = ask(request | {"output": str(output)}, system.sites, 1)
        if "error" not in answer:
            forces[engine], about[engine] = np.load(output), answer
        elif engine in asked:
            failed[engine] = answer["error"]
    return Forces(forces, about, failed, REFERENCE if REFERENCE in forces else kind)


def _deviation(system: System, engine: str, found: Forces) -> dict[str, Any]:
    own, reference = found.forces[engine], found.forces.get(found.reference)
    return {
        "file": system.file.name,
        "engine": engine,
        "description": found.about[engine]["description"],
        "dtype": system.record["dtype"],
        "atoms": system.atoms,
        "edges": found.about[engine]["edges"],
        "reference": None if reference is None else found.reference,
        "largest_force": float(np.abs(own).max(initial=0.0)),
        "largest_difference": None if reference is None or engine == found.reference else float(np.abs(own - reference).max(initial=0.0)),
    }
