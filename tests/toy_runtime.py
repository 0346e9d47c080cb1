"""Structures for the toy potential, and its evaluation by the C++ runtime as the ASE face does it."""

import ase
import ase.build
import numpy as np
from ase.neighborlist import neighbor_list

ATOM_TYPES = ("Cu", "Li")
CUTOFFS = [[4.0, 3.5], [3.2, 3.8]]


def rattled(atoms: ase.Atoms, seed: int = 0) -> ase.Atoms:
    """Every third atom becomes Li, all atoms move by 0.1 Å or so."""
    rng = np.random.default_rng(seed)
    atoms.symbols[::3] = "Li"
    atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
    return atoms


def toy_structures() -> dict[str, ase.Atoms]:
    """Bulk, a cell much smaller than the cutoff, a slab, a cluster with an atom out of reach, one atom, no atom."""
    triclinic = ase.build.bulk("Cu", a=3.7) * (2, 2, 1)
    cluster = ase.Atoms("CuLiCuLi", [[0, 0, 0], [2.3, 0.2, 0], [0.1, 2.2, 0.4], [20, 0, 0]])
    return {
        "bulk": rattled(ase.build.bulk("Cu", a=3.7, cubic=True) * (3, 2, 2)),
        "small triclinic cell": rattled(triclinic),
        "slab": rattled(ase.build.fcc111("Cu", (3, 3, 2), a=3.7, vacuum=6.0, periodic=False)),
        "cluster": cluster,
        "one atom": ase.Atoms("Li", [[1.0, 2.0, 3.0]]),
        "no atom": ase.Atoms(),
    }


def pair_arguments(atoms: ase.Atoms, reach: float, seed: int | None = None) -> dict[str, np.ndarray]:
    """Arguments of `Potential.evaluate_pairs` for all pairs closer than `reach`; shuffled with a seed, else sorted with `first_edge`."""
    i, j, shifts = neighbor_list("ijS", atoms, reach)
    order = np.arange(len(i)) if seed is None else np.random.default_rng(seed).permutation(len(i))
    arguments = {
        "positions": atoms.positions,
        "cell": atoms.cell.array,
        "pairs": np.stack([i, j], axis=1)[order].astype(np.int32),
        "shifts": shifts[order].astype(np.int32),
        "atom_types": np.array([ATOM_TYPES.index(symbol) for symbol in atoms.get_chemical_symbols()], dtype=np.int32),
    }
    if seed is None:
        arguments["first_edge"] = np.searchsorted(i, np.arange(len(atoms) + 1))
    return arguments
