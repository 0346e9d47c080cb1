"""Structures for the ASE tests: those of all tests, and the cells that neighbor lists get wrong."""

import numpy as np
from ase import Atoms, units
from ase.build import bulk

from systems import STRUCTURES, alloy, slab


def outside_the_cell() -> Atoms:
    """Periodic, with atoms several cells away from the cell that they belong to."""
    atoms = alloy(seed=2)
    atoms.positions[::3] += [2, -1, 4] @ atoms.cell.array
    return atoms


def left_handed() -> Atoms:
    """A sheared cell whose vectors form a left-handed set."""
    atoms = alloy(seed=3)
    cell = atoms.cell.array[[1, 0, 2]].copy()
    cell[0, 2], cell[2, 1] = 1.1, -0.7
    atoms.set_cell(cell, scale_atoms=True)
    return atoms


def wire() -> Atoms:
    """Periodic along y only, with a cell shorter than the cutoff there and no cell vectors elsewhere."""
    atoms = Atoms("CuLiCu", positions=[[0, 0, 0], [1.9, 1.0, 0.4], [0.3, 1.6, 2.0]], cell=[0, 3.3, 0], pbc=[False, True, False])
    atoms.positions[1] += [0, 9.9, 0]
    return atoms


def slab_without_height() -> Atoms:
    """Periodic in two directions; the third has no cell vector."""
    atoms = slab()
    atoms.cell[2] = 0
    return atoms


def primitive() -> Atoms:
    """One atom, whose neighbors are all its own images."""
    return bulk("Cu", a=3.7)


ASE_STRUCTURES = STRUCTURES | {
    f.__name__: f for f in (outside_the_cell, left_handed, wire, slab_without_height, primitive)
}  # fmt: skip


def heat(atoms: Atoms, temperature: float, seed: int = 2) -> None:
    """Give the atoms momenta of `temperature` in K, with none in sum."""
    widths = np.sqrt(atoms.get_masses() * units.kB * temperature)
    momenta = np.random.default_rng(seed).normal(size=(len(atoms), 3)) * widths[:, None]
    atoms.set_momenta(momenta - momenta.mean(axis=0))
