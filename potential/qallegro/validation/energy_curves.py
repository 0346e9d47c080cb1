"""Energies against one distance, crystal or pair: where a potential has minima that should not be, or falls into itself."""

from typing import NamedTuple

import ase
import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator

from qallegro.validation.forces import Advance, silent
from qallegro.validation.relaxation import Relaxed
from qallegro.validation.structures import nearest_distance

#: eV (per atom for crystals), depth below which a minimum is a ripple
RIPPLE = 0.02


class Curve(NamedTuple):
    """Energy against distance."""

    name: str
    distances: np.ndarray  #: Å, ascending
    energies: np.ndarray  #: eV per atom (crystal), or eV above separated atoms (pair); not a number where the potential gives none
    minima: list[float]  #: Å, of minima deeper than a ripple
    collapse: float | None  #: Å, below which the energy falls as atoms approach; None if it does not
    failed: list[float]  #: Å, where the potential gave no finite energy


def compute_cold_curve(
    crystal: Relaxed, calculator: Calculator, scale: tuple[float, float] = (0.55, 1.8), points: int = 101, advance: Advance = silent
) -> Curve:
    """Energy per atom of a crystal scaled equally along all axes, atoms at their sites.

    Args:
        scale: of the lattice constants, the ends of the range.
    """
    rest = nearest_distance(crystal.atoms)
    energies = []
    factors = np.linspace(*scale, points)
    for number, factor in enumerate(factors):
        atoms = crystal.atoms.copy()
        atoms.set_cell(atoms.cell.array * factor, scale_atoms=True)
        energies.append(_energy(atoms, calculator) / len(atoms))
        advance("cold curve", number + 1, points)
    return judged(crystal.atoms.get_chemical_formula(), rest * factors, np.array(energies))


def compute_dimer(
    first: str,
    second: str,
    calculator: Calculator,
    distances: tuple[float, float] = (0.6, 6.0),
    points: int = 271,
    advance: Advance = silent,
) -> Curve:
    """Energy of two atoms in vacuum above that of the two alone.

    Args:
        distances: Å, the ends of the range.
    """
    alone = sum(_energy(ase.Atoms(symbol, positions=[[0.0, 0.0, 0.0]]), calculator) for symbol in (first, second))
    lengths = np.linspace(*distances, points)
    energies = []
    for number, length in enumerate(lengths):
        energies.append(_energy(ase.Atoms([first, second], positions=[[0.0, 0.0, 0.0], [0.0, 0.0, length]]), calculator) - alone)
        advance(f"{first}-{second}", number + 1, points)
    return judged(f"{first}-{second}", lengths, np.array(energies))


def judged(name: str, distances: np.ndarray, energies: np.ndarray) -> Curve:
    """Minima, collapse and failures of a curve.

    A minimum counts if the energy rises by more than `RIPPLE` on both sides before it falls below the minimum again. The curve collapses
    if, from its inner end, the energy rises with distance first: there is no wall.
    """
    finite = np.isfinite(energies)
    x, y = distances[finite], energies[finite]
    minima = [k for k in range(1, len(y) - 1) if y[k] <= y[k - 1] and y[k] < y[k + 1] and _depth(y, k) > RIPPLE]
    collapse = None
    if len(y) > 2:
        top = 0
        while top + 1 < len(y) and y[top + 1] >= y[top]:
            top += 1
        if y[top] - y[0] > RIPPLE:
            collapse = float(x[top])
    return Curve(name, distances, energies, [float(x[k]) for k in minima], collapse, [float(d) for d in distances[~finite]])


def _depth(y: np.ndarray, k: int) -> float:
    """Height of the lower of the two barriers around a point; an end of the curve ends the climb."""
    sides = []
    for part in (y[k::-1], y[k:]):
        below = np.flatnonzero(part[1:] < y[k])
        sides.append(part[: below[0] + 1].max() - y[k] if len(below) else part.max() - y[k])
    return float(min(sides))


def _energy(atoms: ase.Atoms, calculator: Calculator) -> float:
    atoms.calc = calculator
    try:
        return float(atoms.get_potential_energy())
    except CalculationFailed:  # of our own calculator: no finite energy
        return float("nan")
