"""Energy against volume, and the equation of Birch (Phys. Rev. 71, 809 (1947)) fitted to it by least squares (scipy)."""

from typing import NamedTuple

import numpy as np
from ase.calculators.calculator import Calculator
from scipy.optimize import curve_fit

from qallegro.validation.errors import UnstableError
from qallegro.validation.forces import Advance, silent
from qallegro.validation.relaxation import Relaxed, relax_atoms


class EquationOfState(NamedTuple):
    """The fit, and the points that it was made of."""

    volume: float  #: Å^3 per atom, V0
    energy: float  #: eV per atom, E0
    bulk_modulus: float  #: eV/Å^3, B0
    derivative: float  #: B0'
    rms: float  #: eV per atom, of the points from the curve
    volumes: np.ndarray  #: Å^3 per atom
    energies: np.ndarray  #: eV per atom


def birch_murnaghan(volume: np.ndarray, energy: float, bulk_modulus: float, derivative: float, equilibrium: float) -> np.ndarray:
    """E(V) = E0 + 9 V0 B0 / 16 ((x - 1)^3 B0' + (x - 1)^2 (6 - 4 x)) with x = (V0 / V)^(2/3)."""
    x = (equilibrium / volume) ** (2.0 / 3.0)
    return energy + 9.0 * equilibrium * bulk_modulus / 16.0 * ((x - 1.0) ** 3 * derivative + (x - 1.0) ** 2 * (6.0 - 4.0 * x))


def fit_birch_murnaghan(volumes: np.ndarray, energies: np.ndarray) -> EquationOfState:
    """Fit of four parameters.

    Args:
        volumes: Å^3 per atom, five or more on both sides of the minimum.
        energies: eV per atom.

    Raises:
        UnstableError: the energies have no minimum inside the range.
    """
    lowest = int(np.argmin(energies))
    if lowest in (0, len(energies) - 1):
        raise UnstableError(
            f"energies must have their minimum inside the range of volumes, {volumes.min():.4g} to {volumes.max():.4g} Å^3 per atom, "
            f"the lowest is at {volumes[lowest]:.4g}; start from a relaxed crystal, or take a wider `--range`"
        )
    a, b, _ = np.polyfit(volumes, energies, 2)
    volume = -b / (2.0 * a)
    start = (float(energies[lowest]), float(2.0 * a * volume), 4.0, float(volume))
    (energy, bulk_modulus, derivative, volume), _ = curve_fit(birch_murnaghan, volumes, energies, p0=start)
    rms = float(np.sqrt(np.mean((birch_murnaghan(volumes, energy, bulk_modulus, derivative, volume) - energies) ** 2)))
    return EquationOfState(float(volume), float(energy), float(bulk_modulus), float(derivative), rms, volumes, energies)


def compute_equation_of_state(
    crystal: Relaxed, calculator: Calculator, span: float = 0.06, points: int = 11, fmax: float = 1e-3, advance: Advance = silent
) -> EquationOfState:
    """Energies of the crystal scaled equally along all axes, atoms relaxed.

    Args:
        span: largest relative change of volume to either side.
        points: volumes.

    Raises:
        UnstableError: no minimum in the range, or no rest of the atoms.
    """
    volumes, energies = [], []
    for number, change in enumerate(np.linspace(-span, span, points)):
        atoms = crystal.atoms.copy()
        atoms.set_cell(atoms.cell.array * (1.0 + change) ** (1.0 / 3.0), scale_atoms=True)
        atoms = relax_atoms(atoms, calculator, fmax)
        volumes.append(atoms.get_volume() / len(atoms))
        energies.append(atoms.get_potential_energy() / len(atoms))
        advance("volumes", number + 1, points)
    return fit_birch_murnaghan(np.array(volumes), np.array(energies))
