"""The motion of a benchmark: atoms swing about their sites on springs, so that any model, even one with random weights, holds together.

The model's forces are computed in every step and springs act instead; all candidates follow the same paths.
"""

import ase
import numpy as np
from ase import units

#: K, of the velocities
TEMPERATURE = 600.0
#: Å, root mean square displacement in each direction
AMPLITUDE = 0.06
#: eV/Å^2, of the springs: equipartition at that temperature and amplitude
SPRING = units.kB * TEMPERATURE / AMPLITUDE**2
#: Å, half width of the uniform distribution of that root mean square
HALF_WIDTH = np.sqrt(3.0) * AMPLITUDE
TIMESTEP_FS = 1.0
#: steps between new neighbor lists, in LAMMPS and ASE alike
REBUILD_EVERY = 10
#: Å that the lists reach beyond the cutoff
SKIN = 2.0
SEED = 4711


def displaced(sites: ase.Atoms) -> ase.Atoms:
    """A copy with every atom off its site by up to `HALF_WIDTH` in each direction, and thermal velocities."""
    atoms, rng = sites.copy(), np.random.default_rng(SEED)
    atoms.positions += rng.uniform(-HALF_WIDTH, HALF_WIDTH, atoms.positions.shape)
    widths = np.sqrt(atoms.get_masses() * units.kB * TEMPERATURE)
    atoms.set_momenta(widths[:, None] * rng.normal(size=atoms.positions.shape))
    return atoms


class Springs:
    """A constraint of ASE that takes the place of the calculator's forces once they have been computed.

    Args:
        sites: (N, 3) Å, where the springs hold the atoms.
        calculator: gets a new neighbor list every `REBUILD_EVERY` steps.
    """

    def __init__(self, sites: np.ndarray, calculator) -> None:
        self._sites, self._calculator, self._moves = sites, calculator, 0

    def __deepcopy__(self, memo: dict) -> "Springs":
        # A calculator keeps a copy of its atoms, and ASE copies constraints along: here that would be the calculator itself.
        return self

    def adjust_positions(self, atoms: ase.Atoms, positions: np.ndarray) -> None:
        """Called before every move."""
        self._moves += 1
        if self._moves % REBUILD_EVERY == 0:
            # Another skin by a billionth of an Å makes the calculator drop its list, here where the atoms move anyway.
            self._calculator.set(skin=self._calculator.parameters.skin + 1e-9)

    def adjust_forces(self, atoms: ase.Atoms, forces: np.ndarray) -> None:
        """The springs' forces, eV/Å, in place of `forces`."""
        forces[:] = SPRING * (self._sites - atoms.positions)

    def adjust_potential_energy(self, atoms: ase.Atoms) -> float:
        """Energy of the springs, eV; its presence makes ASE call `adjust_forces` in molecular dynamics."""
        return 0.5 * SPRING * float(np.sum((self._sites - atoms.positions) ** 2))
