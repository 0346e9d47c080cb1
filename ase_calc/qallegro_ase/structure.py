"""Checks of a structure at the door: what no neighbor list or model can make sense of."""

import ase
import numpy as np

from qallegro_ase.errors import StructureError

#: Å. Real atoms are never so close. A file in which an atom stands twice, with rounded coordinates, has them.
SHORTEST_DISTANCE = 0.01

#: Volume spanned by the periodic cell vectors over the product of their lengths, below which they lie in a plane or on a line.
SMALLEST_ANGLE_FACTOR = 1e-6


def check_positions(atoms: ase.Atoms) -> None:
    """Refuse positions that are not finite.

    Raises:
        StructureError: naming the first atom that is wrong.
    """
    positions = atoms.positions
    if not np.isfinite(positions).all():
        atom = int(np.argmin(np.isfinite(positions).all(axis=1)))
        raise StructureError(
            f"`positions` must be finite, {label(atoms, atom)} is at {_shown(positions[atom])}; check what moved it: "
            "a time step that is too long, or a structure outside of what the model was trained on"
        )


def check_cell(atoms: ase.Atoms) -> None:
    """Refuse a cell that is not finite, and periodic directions that have no cell vector of their own.

    Raises:
        StructureError: naming the cell vector that is wrong.
    """
    cell, pbc = atoms.cell.array, atoms.pbc
    if not np.isfinite(cell).all():
        raise StructureError(f"`cell` must be finite, it is {cell.tolist()}; check what changed it")
    for axis in np.flatnonzero(pbc):
        if not cell[axis].any():
            raise StructureError(
                f"a periodic direction must have a cell vector, `pbc` is {pbc.tolist()} and cell vector {axis} is zero; "
                "set the cell, or make this direction non-periodic with `atoms.pbc`"
            )
    vectors = cell[pbc]
    spanned = np.sqrt(max(np.linalg.det(vectors @ vectors.T), 0.0)) if len(vectors) else 1.0
    if spanned <= SMALLEST_ANGLE_FACTOR * np.prod(np.linalg.norm(vectors, axis=1)):
        raise StructureError(f"periodic cell vectors must not lie in a plane or on a line, they are {vectors.tolist()}; correct the cell")


def check_distances(atoms: ase.Atoms, pairs: np.ndarray, shifts: np.ndarray, distances: np.ndarray) -> None:
    """Refuse two atoms on top of one another.

    Args:
        atoms: the structure, for the message.
        pairs: (n_pairs, 2) indices.
        shifts: (n_pairs, 3) cells between the two.
        distances: (n_pairs,) Å.

    Raises:
        StructureError: naming the two atoms and their distance.
    """
    if len(distances) == 0 or distances.min() >= SHORTEST_DISTANCE:
        return
    closest = int(distances.argmin())
    first, second = (label(atoms, int(atom)) for atom in pairs[closest])
    image = f" (its periodic image by {shifts[closest].tolist()} cells)" if shifts[closest].any() else ""
    raise StructureError(
        f"atoms must be at least {SHORTEST_DISTANCE} Å apart, {first} and {second}{image} are {distances[closest]:.3g} Å apart: "
        "they lie on top of one another; move or remove one of them"
    )


def label(atoms: ase.Atoms, atom: int) -> str:
    """How messages call an atom."""
    return f"atom {atom} ({atoms.symbols[atom]})"


def _shown(vector: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:g}" for value in vector) + ") Å"
