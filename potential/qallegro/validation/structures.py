"""Structures that workflows start from: names and files, and what must hold before anything is computed."""

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
import spglib
from ase.build import bulk
from ase.data import atomic_numbers, reference_states
from ase.neighborlist import neighbor_list

from qallegro.validation.errors import StructureError

#: Å, how far atoms may lie from the sites of a symmetry
SYMMETRY_TOLERANCE = 1e-4

#: lattice -> atoms in its cubic cell, for those that a name may ask for
CUBIC_LATTICES = {"sc": 1, "fcc": 4, "bcc": 2, "diamond": 8}


def open_structure(text: str) -> ase.Atoms:
    """A structure by the path of a file, or by name: `Cu`, or with its lattice `Cu:bcc` (sc, fcc, bcc, diamond).

    A named crystal has the lattice constant that ASE lists, or the same volume per atom in another lattice: workflows relax it.

    Raises:
        StructureError: neither a file that ASE can read nor a name.
    """
    if Path(text).exists():
        try:
            atoms = ase.io.read(text)
        except Exception as error:  # readers of ASE raise whatever they meet
            raise StructureError(f"a structure must be a file that ASE can read, got `{text}`: {error}") from error
        if len(atoms) == 0:
            raise StructureError(f"a structure must hold atoms, `{text}` has none")
        return ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    symbol, _, lattice = text.partition(":")
    if symbol not in atomic_numbers:
        raise StructureError(f"a structure must be a file, or a name such as `Cu` or `Cu:bcc`, got `{text}`, which is neither")
    return _named(symbol, lattice, text)


def _named(symbol: str, lattice: str, text: str) -> ase.Atoms:
    if lattice and lattice not in CUBIC_LATTICES:
        raise StructureError(f"the lattice in a name must be one of {', '.join(CUBIC_LATTICES)}, got `{text}`; give a file instead")
    reference = reference_states[atomic_numbers[symbol]]
    try:
        atoms = bulk(symbol)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise StructureError(f"a named structure must be one that ASE can build, got `{text}`: {error}; give a file instead") from error
    if lattice and lattice != reference["symmetry"]:
        per_atom = atoms.get_volume() / len(atoms)
        atoms = bulk(symbol, lattice, a=(per_atom * CUBIC_LATTICES[lattice]) ** (1 / 3), cubic=True)
    return atoms


def check_crystal(atoms: ase.Atoms) -> None:
    """Refuse what is not periodic in three directions.

    Raises:
        StructureError: a molecule, a chain, a layer, or a cell without a volume.
    """
    if not atoms.pbc.all():
        raise StructureError(
            f"a crystal must be periodic in three directions, `pbc` of {atoms.get_chemical_formula()} is {atoms.pbc.tolist()}; "
            "molecules, chains and layers have no bulk properties: give a crystal, or set `pbc` and the cell in its file"
        )
    if abs(np.linalg.det(atoms.cell.array)) < 1e-6:
        raise StructureError(f"a crystal must have a cell with a volume, it is {atoms.cell.array.tolist()}")


def check_species(atoms: ase.Atoms, known: Sequence[str]) -> None:
    """Refuse elements that a model was not trained on.

    Raises:
        StructureError: naming them.
    """
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(known))
    if unknown:
        raise StructureError(
            f"species must be among those of the model, {', '.join(known)}, the structure has {', '.join(unknown)}; "
            "use a model trained on them"
        )


def conventional(atoms: ase.Atoms) -> ase.Atoms:
    """The standard conventional cell of a crystal (spglib; cubic axes along x, y and z).

    Raises:
        StructureError: no crystal, or no symmetry can be found.
    """
    return _standard(atoms, to_primitive=False)


def primitive(atoms: ase.Atoms) -> ase.Atoms:
    """The standard primitive cell of a crystal.

    Raises:
        StructureError: no crystal, or no symmetry can be found.
    """
    return _standard(atoms, to_primitive=True)


def space_group(atoms: ase.Atoms) -> tuple[str, int]:
    """International symbol and number."""
    data = _dataset(atoms)
    return data.international, int(data.number)


def rotations(atoms: ase.Atoms) -> np.ndarray:
    """Rotations (n, 3, 3) of the crystal's point group in Cartesian coordinates, v' = R v."""
    cell = atoms.cell.array.T
    return np.array([cell @ rotation @ np.linalg.inv(cell) for rotation in np.unique(_dataset(atoms).rotations, axis=0)])


def cubic_lattice(atoms: ase.Atoms) -> str | None:
    """`fcc`, `bcc`, `diamond` or `sc` for a crystal of one element in one of these structures."""
    if len(set(atoms.numbers)) > 1:
        return None
    number = space_group(atoms)[1]
    count = len(conventional(atoms))
    return {(225, 4): "fcc", (229, 2): "bcc", (227, 8): "diamond", (221, 1): "sc"}.get((number, count))


def nearest_distance(atoms: ase.Atoms) -> float:
    """Å between the two closest atoms, images included."""
    cutoff = 2.0 * float((abs(atoms.get_volume()) / len(atoms)) ** (1 / 3))
    while not len(distances := neighbor_list("d", atoms, cutoff)):
        cutoff *= 1.5
    return float(distances.min())


def heights(atoms: ase.Atoms) -> np.ndarray:
    """Å between opposite faces of the cell, (3,)."""
    return 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)


def _tuple(atoms: ase.Atoms) -> tuple:
    return atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers


def _dataset(atoms: ase.Atoms):
    data = spglib.get_symmetry_dataset(_tuple(atoms), symprec=SYMMETRY_TOLERANCE)
    if data is None:
        raise StructureError(f"the symmetry of a crystal must be found, spglib finds none for {atoms.get_chemical_formula()}")
    return data


def _standard(atoms: ase.Atoms, to_primitive: bool) -> ase.Atoms:
    check_crystal(atoms)
    found = spglib.standardize_cell(_tuple(atoms), to_primitive=to_primitive, symprec=SYMMETRY_TOLERANCE)
    if found is None:
        raise StructureError(f"the symmetry of a crystal must be found, spglib finds none for {atoms.get_chemical_formula()}")
    cell, positions, numbers = found
    return ase.Atoms(numbers, cell=cell, scaled_positions=positions, pbc=True)
