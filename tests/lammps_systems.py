"""Structures of Cu and Li for the LAMMPS tests; cells are lower triangular, as LAMMPS wants them."""

import ase
import numpy as np
from ase.build import bulk

SEED = 20250722
NAMES = ["Cu", "Li"]  # LAMMPS types 1 and 2


def rattled(atoms: ase.Atoms, amplitude: float = 0.12) -> ase.Atoms:
    """Move every atom by a normal deviate of `amplitude` Å and wrap it into periodic directions."""
    atoms.positions += np.random.default_rng(SEED).normal(0.0, amplitude, (len(atoms), 3))
    atoms.wrap()
    return atoms


def alloy(repeat: int = 2, lattice_constant: float = 3.8) -> ase.Atoms:
    """Cubic fcc crystal, every third atom Li, rattled."""
    atoms = bulk("Cu", "fcc", a=lattice_constant, cubic=True) * (repeat, repeat, repeat)
    atoms.symbols[::3] = "Li"
    return rattled(atoms)


def sheared() -> ase.Atoms:
    """The alloy in a box with three tilts, two of them negative."""
    atoms = alloy()
    cell = atoms.cell.array.copy()
    cell[1, 0], cell[2, 0], cell[2, 1] = 1.7, -1.1, -2.3
    atoms.set_cell(cell, scale_atoms=True)
    atoms.wrap()
    return atoms


def tiny() -> ase.Atoms:
    """Two atoms in a tilted box whose sides are all shorter than the cutoff of 4 Å."""
    cell = [[2.9, 0.0, 0.0], [0.6, 3.1, 0.0], [-0.4, 0.5, 3.8]]
    return ase.Atoms("CuLi", scaled_positions=[[0.1, 0.2, 0.1], [0.55, 0.6, 0.62]], cell=cell, pbc=True)


def cluster() -> ase.Atoms:
    """Six atoms in one corner of a large box and a lone one, so that slabs along x have ranks without atoms or neighbors."""
    positions = [[2, 2, 2], [4.3, 2.2, 2], [2.1, 4.4, 2.2], [3.9, 4.1, 3.6], [2.4, 2.6, 4.4], [4.6, 2.4, 4.7], [19.5, 10, 10]]
    atoms = ase.Atoms("Cu2LiCuLi2Cu", positions=positions, cell=[24.0, 12.0, 12.0], pbc=False)
    return rattled(atoms, 0.05)


def slab() -> ase.Atoms:
    """Two layers, periodic in x and y only."""
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True) * (2, 2, 1)
    atoms.symbols[::3] = "Li"
    atoms.set_cell([7.6, 7.6, 14.0])
    atoms.positions[:, 2] += 5.0
    atoms.pbc = (True, True, False)
    return rattled(atoms)


SYSTEMS = {"alloy": alloy, "sheared": sheared, "tiny": tiny, "cluster": cluster, "slab": slab}
