"""One labelled structure as it came from a file, in eV and Å."""

from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols


class Frame(NamedTuple):
    """A structure of N atoms with its labels. A label that the file does not hold is NaN throughout."""

    numbers: np.ndarray  #: (N,) int64, atomic numbers
    positions: np.ndarray  #: (N, 3) float64 in Å
    cell: np.ndarray  #: (3, 3) float64 in Å, cell vectors are rows
    pbc: np.ndarray  #: (3,) bool
    energy: float  #: eV
    forces: np.ndarray  #: (N, 3) float64 in eV/Å
    stress: np.ndarray  #: (3, 3) float64 in eV/Å^3, tensile positive
    source: str  #: file it came from
    index: int  #: position in that file, from 0
    config_type: str = ""  #: the file's own name for this kind of frame
    split: str = ""  #: the subset that the file puts this frame in, if it says so

    @property
    def where(self) -> str:
        """File and frame, for messages."""
        return f"`{self.source}`, frame {self.index}"

    @property
    def species(self) -> set[str]:
        """Chemical symbols in the frame."""
        return {chemical_symbols[z] for z in np.unique(self.numbers)}

    @property
    def volume(self) -> float:
        """Volume of the cell in Å^3; NaN where the frame is not periodic in three directions."""
        return abs(float(np.linalg.det(self.cell))) if self.pbc.all() else float("nan")

    @property
    def is_isolated_atom(self) -> bool:
        """One atom alone, by its cell or by the file's own word: a reference energy, nothing a potential could learn from."""
        named = "isolated" in self.config_type.lower()
        return len(self.numbers) == 1 and (named or not self.pbc.any())

    def has(self, quantity: str) -> bool:
        """Whether `energy`, `forces` or `stress` is given."""
        return not bool(np.isnan(getattr(self, quantity)).all())
