"""A crystal whose properties are known in closed form: bonds between nearest neighbors alone."""

from ase import Atoms
from ase.calculators.lj import LennardJones

#: eV and Å: depth of the bond, where its minimum is; its stiffness is 72 BOND / DISTANCE^2
BOND, DISTANCE = 0.4, 2.6
SIGMA = DISTANCE / 2 ** (1 / 6)


def bonds() -> LennardJones:
    """Bonds of nearest neighbors of fcc; ASE shifts the energy to vanish at the cutoff, which lies before the second neighbors."""
    return LennardJones(epsilon=BOND, sigma=SIGMA, rc=1.2 * DISTANCE, smooth=False)


def bond_energy() -> float:
    """eV that it takes to break one of the bonds."""
    pair = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, DISTANCE]])
    pair.calc = bonds()
    return -pair.get_potential_energy()
