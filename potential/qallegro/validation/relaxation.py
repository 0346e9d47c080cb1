"""Relaxation of crystals with their symmetry kept, and of atoms in a cell that stays."""

from typing import NamedTuple

import ase
import numpy as np
from ase.calculators.calculator import Calculator
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE

from qallegro.validation.errors import StructureError, UnstableError
from qallegro.validation.structures import SYMMETRY_TOLERANCE, conventional, space_group

#: GPa, above which a crystal counts as strained
STRESS_TOLERANCE = 0.1
#: the volume may change by this factor; beyond it the crystal has come apart or collapsed
LARGEST_CHANGE = 2.0


class Relaxed(NamedTuple):
    """A crystal at rest."""

    atoms: ase.Atoms  #: conventional cell, no calculator
    space_group: str
    space_group_number: int
    energy: float  #: eV of the cell
    largest_force: float  #: eV/Å
    stress: np.ndarray  #: (6,) eV/Å^3, Voigt
    steps: int


def relax_crystal(atoms: ase.Atoms, calculator: Calculator, fmax: float = 1e-3, max_steps: int = 300, keep_cell: bool = False) -> Relaxed:
    """Atoms and cell of a crystal to rest; its space group stays.

    Args:
        atoms: periodic in three directions.
        fmax: eV/Å, largest force at the end; the same number in eV bounds the volume times the stress.
        keep_cell: move the atoms alone.

    Raises:
        StructureError: no crystal.
        UnstableError: no rest in `max_steps` steps, or the crystal comes apart or collapses.
    """
    atoms = conventional(atoms)
    symbol, number = space_group(atoms)
    volume = atoms.get_volume()
    atoms.calc = calculator
    atoms.set_constraint(FixSymmetry(atoms, symprec=SYMMETRY_TOLERANCE, verbose=False))
    optimizer = BFGS(atoms if keep_cell else FrechetCellFilter(atoms), logfile=None)
    at_rest = False
    for at_rest in optimizer.irun(fmax=fmax, steps=max_steps):  # noqa: B007 - the last one counts
        ratio = atoms.get_volume() / volume
        if not 1 / LARGEST_CHANGE < ratio < LARGEST_CHANGE:
            raise UnstableError(
                f"{atoms.get_chemical_formula()} ({symbol}) must keep its volume within a factor of {LARGEST_CHANGE:g} while it relaxes, "
                f"it is at {ratio:.3g}; the potential does not hold this crystal: look at its `cold-curve`, or start from another structure"
            )
    forces, stress = atoms.get_forces(), atoms.get_stress()
    if not at_rest:
        raise UnstableError(_not_at_rest(f"{atoms.get_chemical_formula()} ({symbol})", fmax, max_steps, forces))
    steps, energy = optimizer.get_number_of_steps(), atoms.get_potential_energy()
    atoms.set_constraint()
    atoms.calc = None
    return Relaxed(atoms, symbol, number, float(energy), float(np.linalg.norm(forces, axis=1).max()), np.array(stress), steps)


def as_given(atoms: ase.Atoms, calculator: Calculator) -> Relaxed:
    """The crystal as it is, in the same terms.

    Raises:
        StructureError: no crystal.
    """
    atoms = conventional(atoms)
    symbol, number = space_group(atoms)
    atoms.calc = calculator
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    atoms.calc = None
    return Relaxed(atoms, symbol, number, float(energy), float(np.linalg.norm(forces, axis=1).max()), np.array(stress), 0)


def check_stress(crystal: Relaxed, tolerance: float = STRESS_TOLERANCE) -> None:
    """Refuse a crystal under stress.

    Args:
        tolerance: GPa.

    Raises:
        StructureError: naming the largest component.
    """
    largest = float(np.abs(crystal.stress).max() / ase.units.GPa)
    if largest > tolerance:
        raise StructureError(
            f"a crystal must be free of stress for this, components may reach {tolerance:g} GPa, the largest is {largest:.3g} GPa; "
            "relax it first: leave out `--no-relax`"
        )


def relax_atoms(atoms: ase.Atoms, calculator: Calculator, fmax: float = 1e-2, max_steps: int = 500) -> ase.Atoms:
    """A copy with its atoms at rest, in the cell that it has and under its constraints; the calculator stays with it.

    Raises:
        UnstableError: no rest in `max_steps` steps.
    """
    atoms = atoms.copy()
    atoms.calc = calculator
    # Quasi-Newton steps need a matrix of all coordinates; large cells are better served by FIRE.
    optimizer = BFGS(atoms, logfile=None) if len(atoms) <= 64 else FIRE(atoms, logfile=None)
    optimizer.run(fmax=fmax, steps=max_steps)
    forces = atoms.get_forces()
    if np.linalg.norm(forces, axis=1).max() > fmax:
        raise UnstableError(_not_at_rest(atoms.get_chemical_formula(), fmax, max_steps, forces))
    return atoms


def _not_at_rest(name: str, fmax: float, max_steps: int, forces: np.ndarray) -> str:
    return (
        f"{name} must come to rest, forces of {fmax:g} eV/Å, in {max_steps} steps, the largest force is "
        f"{np.linalg.norm(forces, axis=1).max():.3g} eV/Å; the structure may be unstable in this potential, or rounding of a float32 model "
        "is larger than that: allow more with `--fmax`"
    )
