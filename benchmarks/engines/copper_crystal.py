"""The crystal that every candidate runs: fcc copper whose atoms swing about their sites. Needs numpy and ASE, which the peer has too."""

import math

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.neighborlist import neighbor_list

SYMBOL, MASS = "Cu", 63.546
LATTICE_CONSTANT = 3.63  # Å
R_MAX = 5.0  # Å
#: K, of the velocities
TEMPERATURE = 600.0
#: Å, root mean square displacement in each direction; as in benchmarks/training_speed it gives 42.6 edges an atom
AMPLITUDE = 0.06
#: eV/Å^2, of the springs that hold the atoms: equipartition at that temperature and amplitude
SPRING = units.kB * TEMPERATURE / AMPLITUDE**2
#: Å, half width of the uniform distribution of that root mean square
HALF_WIDTH = math.sqrt(3.0) * AMPLITUDE
TIMESTEP = 0.001  # ps
SEED = 4711


def cells_of(n_atoms: int) -> int:
    """Cubic cells along an edge. Raises ValueError unless n_atoms = 4 k^3."""
    cells = round((max(n_atoms, 0) / 4) ** (1 / 3))
    if n_atoms < 4 or 4 * cells**3 != n_atoms:
        raise ValueError(f"number of atoms must be 4 k^3 (108, 500, 4000, 32000 ...), got {n_atoms}")
    return cells


def at_sites(n_atoms: int) -> Atoms:
    """The perfect crystal, periodic, (N, 3) Å."""
    return bulk(SYMBOL, "fcc", a=LATTICE_CONSTANT, cubic=True) * ((cells_of(n_atoms),) * 3)


def displaced(n_atoms: int) -> Atoms:
    """The crystal with every atom off its site by up to `HALF_WIDTH` in each direction and thermal velocities."""
    atoms, rng = at_sites(n_atoms), np.random.default_rng(SEED)
    atoms.positions += rng.uniform(-HALF_WIDTH, HALF_WIDTH, atoms.positions.shape)
    atoms.set_momenta(rng.normal(scale=math.sqrt(MASS * units.kB * TEMPERATURE), size=atoms.positions.shape))
    return atoms


def edges_per_atom(n_atoms: int) -> float:
    """Neighbors closer than `R_MAX`, on average over the displaced crystal."""
    return len(neighbor_list("i", displaced(n_atoms), R_MAX)) / n_atoms
