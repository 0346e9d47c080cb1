"""Reference energy of each species: what a potential adds for an atom before it looks at its neighbors."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from qallegro.data.checks import DataWarning
from qallegro.data.frame import Frame
from qallegro.errors import DataError

# Isolated-atom energies of one level of theory agree to this; more means frames of several levels in one file.
SAME_ENERGY = 1e-3  # eV


def composition(frames: Sequence[Frame], atom_types: Sequence[str]) -> np.ndarray:
    """(F, T) number of atoms of each type in each frame."""
    numbers = [atomic_numbers[s] for s in atom_types]
    return np.array([[np.count_nonzero(f.numbers == z) for z in numbers] for f in frames], dtype=np.float64).reshape(-1, len(numbers))


def least_squares(frames: Sequence[Frame], atom_types: Sequence[str]) -> dict[str, float]:
    """Reference energies e that minimise sum_f [(E_f - sum_t n_ft e_t) / N_f]^2, in eV.

    Where compositions leave some combination of species undetermined, the energies nearest to the mean energy per atom are taken.
    """
    counts = composition(frames, atom_types)
    atoms = counts.sum(1)
    per_atom = np.array([f.energy for f in frames]) / atoms
    mean = float(per_atom.mean())
    solution, _, rank, _ = np.linalg.lstsq(counts / atoms[:, None], per_atom - mean, rcond=1e-8)
    if rank < len(atom_types):
        warnings.warn(
            f"reference energies of {', '.join(atom_types)} cannot be told apart by these compositions (rank {rank} of {len(atom_types)}): "
            "only their sums over the compositions in the training set are meaningful; give `data.reference_energies` to train for others",
            DataWarning,
            stacklevel=2,
        )
    return {symbol: mean + float(e) for symbol, e in zip(atom_types, solution, strict=True)}


def from_isolated_atoms(frames: Sequence[Frame], atom_types: Sequence[str], where: str) -> dict[str, float]:
    """Reference energies of single-atom frames, in eV.

    Args:
        frames: frames, of which those with one atom alone count.
        atom_types: species that need a reference.
        where: the frames' origin, for messages.

    Raises:
        DataError: a species has no frame, or two that differ.
    """
    found: dict[str, Frame] = {}
    for frame in frames:
        if not frame.is_isolated_atom:
            continue
        symbol = chemical_symbols[frame.numbers[0]]
        if not frame.has("energy"):
            raise DataError(f"`energy` must be given for isolated atoms, it is missing for {symbol} in {frame.where}")
        first = found.setdefault(symbol, frame)
        if abs(first.energy - frame.energy) > SAME_ENERGY:
            raise DataError(
                f"isolated atoms must have one energy a species, got {first.energy:.6g} and {frame.energy:.6g} eV for {symbol} in "
                f"{first.where} and {frame.where}; pick frames with `index`, or give `data.reference_energies` as numbers"
            )
    missing = [symbol for symbol in atom_types if symbol not in found]
    if missing:
        raise DataError(
            f"isolated atoms must be given for every species, {missing[0]} has none in {where}; add single-atom frames without pbc "
            "(or with config_type IsolatedAtom), or give `data.reference_energies` as numbers"
        )
    return {symbol: found[symbol].energy for symbol in atom_types}


def from_table(table: Mapping[str, float], atom_types: Sequence[str]) -> dict[str, float]:
    """Reference energies as given, in eV.

    Raises:
        DataError: a species has no entry, or an entry no species.
    """
    for symbol in atom_types:
        if symbol not in table:
            raise DataError(f"`data.reference_energies` must have an entry for every species, {symbol} has none; it lists {sorted(table)}")
    for symbol in table:
        if symbol not in atom_types:
            raise DataError(f"`data.reference_energies` must list species of the model, {list(atom_types)}, got {symbol!r}")
    return {symbol: float(table[symbol]) for symbol in atom_types}
