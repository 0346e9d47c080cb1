"""Energies of low-index surfaces from slabs."""

from collections.abc import Sequence
from typing import NamedTuple

import ase
import numpy as np
from ase.build import surface
from ase.calculators.calculator import Calculator

from qallegro.validation.errors import StructureError
from qallegro.validation.forces import Advance, silent
from qallegro.validation.relaxation import Relaxed, relax_atoms

#: the low-index ones of cubic crystals
LOW_INDEX = ((1, 1, 1), (1, 0, 0), (1, 1, 0))
#: Å, planes closer than this along the normal belong together
PLANE = 0.1


class Surface(NamedTuple):
    """One surface, 1 x 1, without reconstruction."""

    miller: tuple[int, int, int]
    energy: float  #: eV/Å^2, relaxed
    unrelaxed: float  #: eV/Å^2
    atoms: int  #: of the slab
    thickness: float  #: Å
    slab: ase.Atoms  #: relaxed


def compute_surfaces(
    crystal: Relaxed,
    calculator: Calculator,
    millers: Sequence[tuple[int, int, int]] = LOW_INDEX,
    thickness: float = 12.0,
    vacuum: float = 12.0,
    fmax: float = 1e-2,
    advance: Advance = silent,
) -> list[Surface]:
    """gamma = (E_slab - N E_bulk) / (2 A), of the cut that costs least before relaxation.

    Args:
        crystal: at rest.
        millers: indices in the conventional cell.
        thickness: Å, least of a slab.
        vacuum: Å between slabs; longer than the cutoff.

    Raises:
        StructureError: indices that are no plane.
        UnstableError: a slab finds no rest.
    """
    per_atom = crystal.energy / len(crystal.atoms)
    found = []
    for number, miller in enumerate(millers):
        cuts = slabs(crystal.atoms, miller, thickness, vacuum)
        energies = []
        for slab in cuts:
            slab.calc = calculator
            energies.append(slab.get_potential_energy())
        best = cuts[int(np.argmin(energies))]
        area = float(np.linalg.norm(np.cross(best.cell[0], best.cell[1])))
        relaxed = relax_atoms(best, calculator, fmax)
        unrelaxed, energy = (float(e - per_atom * len(best)) / (2.0 * area) for e in (min(energies), relaxed.get_potential_energy()))
        relaxed.calc = None
        found.append(Surface(tuple(miller), energy, unrelaxed, len(best), float(np.ptp(best.positions[:, 2])), relaxed))
        advance("surfaces", number + 1, len(millers))
    return found


def slabs(crystal: ase.Atoms, miller: tuple[int, int, int], thickness: float, vacuum: float) -> list[ase.Atoms]:
    """All cuts of a crystal along a plane, each as a slab of whole unit cells; normal along z.

    Raises:
        StructureError: indices that are no plane.
    """
    if not any(miller):
        raise StructureError("Miller indices must not all be zero, they are 0 0 0")
    one = surface(crystal, miller, 1, periodic=True)
    height = float(one.get_volume() / np.linalg.norm(np.cross(one.cell[0], one.cell[1])))
    layers = int(np.ceil(thickness / height - 1e-6))
    normal = np.linalg.solve(crystal.cell.array, miller)
    normal /= np.linalg.norm(normal)
    planes = _planes(np.mod(crystal.positions @ normal / height, 1.0), height)
    cuts = []
    for gap in 0.5 * (planes + np.append(planes[1:], planes[0] + 1.0)):
        # ASE cuts at the plane through the origin; the middle of a gap is moved there.
        moved = crystal.copy()
        moved.positions -= gap * height * normal
        slab = surface(moved, miller, layers, vacuum=0.5 * vacuum)
        slab.pbc = True
        cuts.append(slab)
    return cuts


def _planes(heights: np.ndarray, length: float) -> np.ndarray:
    """Fractional heights of the planes of atoms, ascending."""
    planes: list[float] = []
    for height in np.sort(heights):
        if not planes or (height - planes[-1]) * length > PLANE:
            planes.append(float(height))
    if len(planes) > 1 and (planes[0] + 1.0 - planes[-1]) * length < PLANE:
        planes.pop()
    return np.array(planes)
