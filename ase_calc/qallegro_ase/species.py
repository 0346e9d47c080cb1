"""From chemical symbols to the types of a model."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from qallegro_ase.errors import SetupError, StructureError


class SpeciesTable:
    """Type of each chemical element in a model.

    Args:
        atom_types: the model's species in type order.
        species: symbol in the structure -> species of the model, for what is not called the same.

    Raises:
        SetupError: `species` is no mapping, or names no element or no species of the model.
    """

    def __init__(self, atom_types: Sequence[str], species: Mapping[str, str] | None) -> None:
        self._atom_types = list(atom_types)
        self._type_of_number = np.full(len(chemical_symbols), -1, dtype=np.int32)
        for symbol in self._atom_types:
            self._set(symbol, symbol)
        if not isinstance(species or {}, Mapping):
            raise SetupError(f"`species` must map symbols to species, like {{'X': {self._atom_types[0]!r}}}, it is {species!r}")
        for symbol, name in (species or {}).items():
            self._set(symbol, name)

    def types(self, numbers: np.ndarray) -> np.ndarray:
        """Types (n_atoms,) int32 of atomic numbers (n_atoms,).

        Raises:
            StructureError: an element that the model does not know.
        """
        types = self._type_of_number[numbers]
        if (types < 0).any():
            unknown = sorted({chemical_symbols[number] for number in numbers[types < 0]})
            atom = int(np.argmin(types))
            raise StructureError(
                f"species must be among those of the model, {self._atom_types}, the structure also has {unknown} (first: atom {atom}); "
                f"use a model trained on it, or say what it stands for, like `species={{{unknown[0]!r}: {self._atom_types[0]!r}}}`"
            )
        return types

    def _set(self, symbol: str, name: str) -> None:
        if symbol not in atomic_numbers:
            raise SetupError(f"`species` must name symbols that ASE knows, one is {symbol!r}; give isotopes as their elements")
        if name not in self._atom_types:
            raise SetupError(f"`species` must name species of the model, {self._atom_types}, {symbol!r} is to be {name!r}")
        self._type_of_number[atomic_numbers[symbol]] = self._atom_types.index(name)
