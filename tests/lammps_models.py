"""The exported files that the LAMMPS tests run, each with an independent reference; a new model joins by one entry of MODELS."""

import functools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ase
import toy_export
from lammps_systems import SYSTEMS
from toy_export import ToyResult

# Each ordered pair of types has a cutoff of its own, the center's side differing from the neighbor's.
PAIR_CUTOFFS = [[4.0, 3.4], [3.7, 3.1]]


class Model(NamedTuple):
    """`write(path)` makes the file, `reference(atoms)` evaluates it elsewhere; tolerances absolute, in eV and eV/Å."""

    write: Callable[[Path], Path]
    reference: Callable[[ase.Atoms], ToyResult]
    r_max: float
    energy_tolerance: float  # eV an atom; virials too
    force_tolerance: float  # eV/Å


TOY_TOLERANCE = 1e-10  # both sides are float64 and differ by the order of a few hundred additions

MODELS: dict[str, Model] = {
    "toy": Model(toy_export.write_toy_file, toy_export.toy_reference, 4.0, TOY_TOLERANCE, TOY_TOLERANCE),
    "toy_pair_cutoffs": Model(
        partial(toy_export.write_toy_file, cutoffs=PAIR_CUTOFFS),
        partial(toy_export.toy_reference, cutoffs=PAIR_CUTOFFS),
        4.0,
        TOY_TOLERANCE,
        TOY_TOLERANCE,
    ),
}


@functools.cache
def systems() -> dict[str, ase.Atoms]:
    """Every system by name, made once."""
    return {name: make() for name, make in SYSTEMS.items()}


@functools.cache
def references() -> dict[tuple[str, str], ToyResult]:
    """(model, system) -> the reference's results."""
    return {(m, s): model.reference(atoms) for m, model in MODELS.items() for s, atoms in systems().items()}
