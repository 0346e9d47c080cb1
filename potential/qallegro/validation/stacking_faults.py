"""Stacking faults of fcc crystals: the energy of one half sliding over the other along [112] in a (111) plane."""

from typing import NamedTuple

import ase
import numpy as np
from ase.build import fcc111
from ase.calculators.calculator import Calculator
from ase.constraints import FixedLine

from qallegro.validation.errors import StructureError
from qallegro.validation.forces import Advance, silent
from qallegro.validation.relaxation import Relaxed, relax_atoms
from qallegro.validation.structures import cubic_lattice


class StackingFault(NamedTuple):
    """The curve up to the intrinsic fault (Vitek, Philos. Mag. 18, 773 (1968))."""

    shifts: np.ndarray  #: in units of the partial Burgers vector a / sqrt(6)
    energies: np.ndarray  #: eV/Å^2, atoms relaxed along the normal
    unrelaxed: np.ndarray  #: eV/Å^2
    intrinsic: float  #: eV/Å^2, at the shift 1
    unstable: float  #: eV/Å^2, the highest point
    layers: int


def compute_stacking_fault(
    crystal: Relaxed, calculator: Calculator, layers: int | None = None, points: int = 11, fmax: float = 1e-2, advance: Advance = silent
) -> StackingFault:
    """The curve, in a periodic cell that holds one fault.

    Args:
        crystal: fcc, at rest.
        layers: (111) planes, a multiple of three; if not given, such that faults are 18 Å apart or more.
        points: shifts from 0 to 1.

    Raises:
        StructureError: the crystal is not fcc, or a wrong number of layers.
        UnstableError: the atoms find no rest.
    """
    lattice = cubic_lattice(crystal.atoms)
    if lattice != "fcc":
        raise StructureError(
            f"stacking faults are computed for fcc crystals of one element, {crystal.atoms.get_chemical_formula()} is "
            f"{lattice or crystal.space_group}; ask for an fcc phase, such as `Cu:fcc`"
        )
    constant = float(crystal.atoms.cell.lengths()[0])
    spacing = constant / np.sqrt(3.0)
    layers = 3 * int(np.ceil(18.0 / (3.0 * spacing))) if layers is None else layers
    if layers < 6 or layers % 3:
        raise StructureError(f"layers must be a multiple of three, 6 or more, got {layers}")
    perfect = fcc111(crystal.atoms.symbols[0], (1, 2, layers), a=constant, orthogonal=True, vacuum=None)
    perfect.set_cell([perfect.cell[0], perfect.cell[1], [0.0, 0.0, layers * spacing]])
    perfect.pbc = True
    area = float(np.linalg.norm(np.cross(perfect.cell[0], perfect.cell[1])))
    perfect.calc = calculator
    ground = perfect.get_potential_energy()
    # Of the two directions along [112] one leads to the intrinsic fault, the other puts atoms on top of one another.
    ways = [_energy(_slid(perfect, sign * constant / np.sqrt(6.0)), calculator) for sign in (1.0, -1.0)]
    vector = (1.0, -1.0)[int(np.argmin(ways))] * constant / np.sqrt(6.0)
    shifts = np.linspace(0.0, 1.0, points)
    energies, unrelaxed = [], []
    for number, shift in enumerate(shifts):
        atoms = _slid(perfect, shift * vector)
        unrelaxed.append((_energy(atoms, calculator) - ground) / area)
        atoms.set_constraint(FixedLine(range(len(atoms)), [0, 0, 1]))
        energies.append((relax_atoms(atoms, calculator, fmax).get_potential_energy() - ground) / area)
        advance("shifts", number + 1, points)
    energies = np.array(energies)
    return StackingFault(shifts, energies, np.array(unrelaxed), float(energies[-1]), float(energies.max()), layers)


def _slid(perfect: ase.Atoms, shift: float) -> ase.Atoms:
    """The periodic crystal with its third cell vector moved along y by `shift` Å: one fault in each cell."""
    atoms = perfect.copy()
    atoms.set_cell([atoms.cell[0], atoms.cell[1], atoms.cell[2] + np.array([0.0, shift, 0.0])])
    return atoms


def _energy(atoms: ase.Atoms, calculator: Calculator) -> float:
    atoms.calc = calculator
    return float(atoms.get_potential_energy())
