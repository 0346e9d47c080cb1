"""Cells to start from: crystals of copper, lithium and both, slabs, interfaces and disordered packings."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from numpy.random import Generator

#: Å³, near the PBE minimum; alloys start from the mean over their atoms
ATOM_VOLUMES = {"Cu": 12.0, "Li": 20.3}
#: atoms in the primitive cell
LATTICES = {"fcc": 1, "bcc": 1, "hcp": 2}
_THIRD = 1 / 3
_FCC = 0.5 * (np.ones((3, 3)) - np.eye(3))
_CUBIC = np.eye(3)
_HEXAGONAL = np.array([[1, 0, 0], [-0.5, 3**0.5 / 2, 0], [0, 0, 1.0]])


def _scaled(axes: list[float]) -> np.ndarray:
    return np.diag(axes)


#: name -> (cell in any unit, scaled positions, sites: A or B); the volume is set afterwards
PROTOTYPES: dict[str, tuple[np.ndarray, list, str]] = {
    "B2": (_CUBIC, [(0, 0, 0), (0.5, 0.5, 0.5)], "AB"),
    "B1": (_FCC, [(0, 0, 0), (0.5, 0.5, 0.5)], "AB"),
    "B3": (_FCC, [(0, 0, 0), (0.25, 0.25, 0.25)], "AB"),
    "L1_0": (_scaled([1, 1, 2**0.5]), [(0, 0, 0), (0.5, 0.5, 0.5)], "AB"),
    "L1_1": (np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]), [(0, 0, 0), (0.5, 0.5, 0.5)], "AB"),
    "B_h": (_HEXAGONAL * [[1], [1], [0.95]], [(0, 0, 0), (_THIRD, 2 * _THIRD, 0.5)], "AB"),
    "B19": (
        _scaled([1, 3**0.5, (8 / 3) ** 0.5]),
        [(0, 0, 0), (0.5, 0.5, 0), (0, 2 * _THIRD, 0.5), (0.5, _THIRD / 2, 0.5)],
        "ABAB",
    ),
    "L1_2": (_CUBIC, [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)], "ABBB"),
    "D0_3": (_FCC, [(0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (0.75, 0.75, 0.75)], "ABBB"),
    "C11_b": (
        np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 1.5]]),
        [(0, 0, 0), (_THIRD, _THIRD, _THIRD), (2 * _THIRD, 2 * _THIRD, 2 * _THIRD)],
        "ABB",
    ),
    "C32": (_HEXAGONAL * [[1], [1], [0.85]], [(0, 0, 0), (_THIRD, 2 * _THIRD, 0.5), (2 * _THIRD, _THIRD, 0.5)], "ABB"),
    "C15": (
        _FCC,
        [(0.125, 0.125, 0.125), (0.875, 0.875, 0.875), (0.5, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)],
        "AABBBB",
    ),
}


def with_volume(atoms: Atoms, factor: float) -> Atoms:
    """The cell scaled so that its volume is `factor` times the sum of the atoms' own."""
    wanted = factor * sum(ATOM_VOLUMES[symbol] for symbol in atoms.symbols)
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell * (wanted / atoms.get_volume()) ** _THIRD, scale_atoms=True)
    return atoms


def crystal(element: str, lattice: str, repeat: tuple[int, int, int] = (1, 1, 1), cubic: bool = False) -> Atoms:
    """A pure crystal at its reference volume."""
    ratio = {"covera": 1.63} if lattice == "hcp" else {}
    return with_volume(bulk(element, lattice, a=3.0, cubic=cubic, **ratio) * repeat, 1.0)


def ordered(prototype: str, first: str, second: str) -> Atoms:
    """An ordered compound, `first` on the sites A and `second` on the sites B."""
    cell, positions, sites = PROTOTYPES[prototype]
    symbols = [first if site == "A" else second for site in sites]
    return with_volume(Atoms(symbols, scaled_positions=positions, cell=3.0 * cell, pbc=True), 1.0)


def random_alloy(lattice: str, repeat: tuple[int, int, int], n_lithium: int, rng: Generator) -> Atoms:
    """A supercell with `n_lithium` lithium atoms on sites drawn at random."""
    atoms = crystal("Cu", lattice, repeat)
    symbols = np.array(["Cu"] * len(atoms))
    symbols[rng.permutation(len(atoms))[:n_lithium]] = "Li"
    atoms.symbols = symbols
    return with_volume(atoms, 1.0)


def stack(layers: str, side: float, square: bool, gap: float = 0.0) -> Atoms:
    """Layers with one in-plane lattice, on top of each other: a slab with `gap` Å of vacuum, or without it a coherent interface.

    Args:
        layers: element of each layer: C for copper, L for lithium.
        side: Å, in-plane lattice constant. Distances of layers keep the atoms' volumes.
        square: stacked as in (001) of fcc and bcc; else hexagonal, as in fcc (111).
    """
    in_plane = side * (_CUBIC if square else _HEXAGONAL)[:2, :2]
    area = abs(np.linalg.det(in_plane))
    symbols = ["Cu" if layer == "C" else "Li" for layer in layers]
    thickness = np.array([ATOM_VOLUMES[symbol] / area for symbol in symbols])
    heights = np.cumsum(thickness) - thickness / 2
    shifts = [(0, 0), (0.5, 0.5)] if square else [(0, 0), (_THIRD, 2 * _THIRD), (2 * _THIRD, _THIRD)]
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = in_plane, thickness.sum() + gap
    positions = np.array([[*(np.array(shifts[n % len(shifts)]) @ in_plane), z + gap / 2] for n, z in enumerate(heights)])
    return Atoms(symbols, positions=positions, cell=cell, pbc=True)


def packing(n_copper: int, n_lithium: int, factor: float, rng: Generator) -> Atoms:
    """Atoms at random places in a slightly sheared box, pushed apart until none are closer than a liquid's first neighbours get."""
    atoms = Atoms(["Cu"] * n_copper + ["Li"] * n_lithium, scaled_positions=rng.random((n_copper + n_lithium, 3)), cell=np.eye(3), pbc=True)
    atoms.set_cell(np.eye(3) + 0.08 * rng.standard_normal((3, 3)), scale_atoms=True)
    atoms = with_volume(atoms, factor)
    # Harmonic repulsion below these distances; what is left of overlaps at high density spreads evenly.
    radii = np.where(atoms.symbols == "Cu", 1.12, 1.32)
    wanted = radii[:, None] + radii[None, :]
    shifts = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ atoms.cell.array
    for _ in range(400):
        vectors = atoms.positions[None, :, None] - atoms.positions[:, None, None] + shifts
        lengths = np.linalg.norm(vectors, axis=-1)
        overlap = np.where(lengths > 1e-9, np.clip(wanted[..., None] - lengths, 0, None), 0.0)
        pushes = (overlap / np.maximum(lengths, 1e-9))[..., None] * vectors
        atoms.positions -= 0.25 * pushes.sum(axis=(1, 2))
    atoms.wrap()
    return atoms
