"""Signs that the energies of a file are not in eV, or not in the unit of its forces."""

from collections.abc import Sequence

import numpy as np

from qallegro.data.checks import warn
from qallegro.data.frame import Frame
from qallegro.data.units import ENERGY

# All-electron energies differ from the series below by less than this (molecules, Z up to 36, any functional).
ALL_ELECTRON_SPREAD = 0.03

# The trapezoidal rule is exact in a harmonic well. rMD17, 3BPA and the mlearn metals give 0.94 to 1.19;
# kcal/mol beside eV/Å gives 23, Hartree 1/27.
WORK_RATIO = (0.3, 3.0)
MAX_DISPLACEMENT = 0.7  # Å, of any atom between two frames that are compared
MAX_PAIRS = 2000
MIN_PAIRS = 5


def warn_units(frames: Sequence[Frame]) -> None:
    """Warn of energies that look like another unit than eV.

    Args:
        frames: labelled frames of one file, in what is believed to be eV and Å.
    """
    if not _warn_all_electron(frames):
        _warn_work(frames)


def all_electron_energy(numbers: np.ndarray) -> float:
    """Sum of total energies of free atoms in Hartree, from the asymptotic series in Z (Schwinger, Phys. Rev. A 24, 2353 (1981))."""
    z = numbers.astype(np.float64)
    return float(np.sum(-0.7687 * z ** (7 / 3) + 0.5 * z**2 - 0.2699 * z ** (5 / 3)))


def _warn_all_electron(frames: Sequence[Frame]) -> bool:
    """Total energies with all electrons are known well enough to tell units apart, and nothing can lie below them."""
    ratios = [f.energy / (ENERGY["Hartree"] * all_electron_energy(f.numbers)) for f in frames if f.has("energy")]
    ratio = float(np.median(ratios)) if ratios else 1.0
    # Not Rydberg: valence-only energies in eV (pseudopotentials, GFN2-xTB) can be as large as all-electron ones in Rydberg.
    for name in ("Hartree", "kcal/mol", "kJ/mol"):
        if abs(ratio * ENERGY[name] - 1.0) < ALL_ELECTRON_SPREAD:
            warn(
                f"energies must be in eV, those of `{frames[0].source}` look like {name}: in that unit they are the all-electron energies "
                f"of their atoms; set `data.units.energy: {name}` if so"
            )
            return True
    if ratio > 1.0 + 2 * ALL_ELECTRON_SPREAD:
        warn(
            f"energies must be in eV, those of `{frames[0].source}` are {ratio:.3g} times the all-electron energies of their atoms, "
            "which no calculation can reach; set `data.units.energy`"
        )
        return True
    return False


def _warn_work(frames: Sequence[Frame]) -> None:
    """Energy differences between similar frames must be about the work of their mean force."""
    differences, works = [], []
    for a, b in _pairs(frames):
        displacement, forces_b = _displacement(a, b)
        if np.abs(displacement).max() < MAX_DISPLACEMENT:
            differences.append(b.energy - a.energy)
            works.append(-0.5 * float(np.sum((a.forces + forces_b) * displacement)))
    if len(works) < MIN_PAIRS:
        return
    work, difference = float(np.sqrt(np.mean(np.square(works)))), float(np.sqrt(np.mean(np.square(differences))))
    # Below a millielectronvolt noise decides.
    if max(work, difference) < 1e-3:
        return
    if np.dot(works, differences) < -0.5 * len(works) * work * difference:
        warn(
            f"forces must be minus the energy gradient, those of `{frames[0].source}` are not: between {len(works)} pairs of similar "
            "frames the energy rises where the forces do work; check the sign of the forces"
        )
        return
    low, high = WORK_RATIO
    if not low * work < difference < high * work:
        warn(
            f"energies and forces must be in one system of units, those of `{frames[0].source}` are not: between {len(works)} pairs of "
            f"similar frames the energy changes by {difference:.3g} eV (rms), the work of the forces is {work:.3g} eV; check `data.units`"
        )


def _pairs(frames: Sequence[Frame]) -> list[tuple[Frame, Frame]]:
    """Neighbors in the file with the same atoms and cell."""
    labelled = [f for f in frames if f.has("forces") and f.has("energy") and len(f.numbers) > 1][: MAX_PAIRS + 1]
    return [
        (a, b)
        for a, b in zip(labelled, labelled[1:], strict=False)
        if np.array_equal(a.numbers, b.numbers) and np.array_equal(a.pbc, b.pbc) and np.array_equal(a.cell, b.cell)
    ]


def _displacement(a: Frame, b: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (N, 3) from a to b without translation, and without rotation for molecules; the forces of b, turned likewise."""
    if not a.pbc.any():
        start, end = a.positions - a.positions.mean(0), b.positions - b.positions.mean(0)
        u, _, vt = np.linalg.svd(end.T @ start)
        u[:, -1] *= np.sign(np.linalg.det(u @ vt))
        return end @ u @ vt - start, b.forces @ u @ vt
    shift = b.positions - a.positions
    periodic = np.flatnonzero(a.pbc)
    cell = a.cell[periodic]
    shift = shift - np.rint(shift @ np.linalg.pinv(cell)) @ cell
    return shift - shift.mean(0), b.forces
