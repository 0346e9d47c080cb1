"""Forces of many structures, kept on disk one by one, so that a run that was cut off goes on where it stopped."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import ase
import numpy as np
from ase.calculators.calculator import Calculator

from qallegro.whole_file import whole_file

#: structures -> forces of each, (n_atoms, 3) eV/Å; the second argument is told after each
ForceSource = Callable[[Sequence[ase.Atoms], Callable[[], None]], list[np.ndarray]]
#: what is done, how much of it, and of how much
Advance = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def ase_forces(calculator: Calculator) -> ForceSource:
    """Forces by a calculator of ASE."""

    def forces(structures: Sequence[ase.Atoms], done: Callable[[], None]) -> list[np.ndarray]:
        found = []
        for atoms in structures:
            atoms = atoms.copy()
            atoms.calc = calculator
            found.append(atoms.get_forces().copy())
            done()
        return found

    return forces


class KeptForces:
    """Forces that were computed once for a structure and a potential.

    Args:
        folder: where they lie, one file a structure; None keeps nothing.
        source: computes what is not there.
        potential: what tells the potential from others, such as the hash of its file.
        batch: structures to hand to the source at a time; after each batch its forces are written.
    """

    def __init__(self, folder: Path | None, source: ForceSource, potential: str = "", batch: int = 1) -> None:
        self._folder, self._source, self._potential, self._batch = folder, source, potential, batch

    def __call__(self, structures: Sequence[ase.Atoms], advance: Advance = silent, what: str = "forces") -> list[np.ndarray]:
        """Forces (n_atoms, 3) eV/Å of each structure."""
        paths = [self._path(atoms) for atoms in structures]
        found: list[np.ndarray | None] = [self._read(path, len(atoms)) for path, atoms in zip(paths, structures, strict=True)]
        missing = [k for k, forces in enumerate(found) if forces is None]
        done = len(structures) - len(missing)
        advance(what, done, len(structures))

        def count() -> None:
            nonlocal done
            done += 1
            advance(what, done, len(structures))

        for start in range(0, len(missing), self._batch):
            part = missing[start : start + self._batch]
            for k, forces in zip(part, self._source([structures[k] for k in part], count), strict=True):
                found[k] = forces
                self._write(paths[k], forces)
        return found

    def _path(self, atoms: ase.Atoms) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(self._potential.encode())
        for array in (atoms.numbers, atoms.cell.array, atoms.positions):
            digest.update(np.ascontiguousarray(array).tobytes())
        return self._folder / f"{digest.hexdigest()[:24]}.npy"

    @staticmethod
    def _read(path: Path | None, n_atoms: int) -> np.ndarray | None:
        if path is None or not path.is_file():
            return None
        try:
            forces = np.load(path, allow_pickle=False)
        except (OSError, ValueError):
            return None  # damaged: computed again
        return forces if forces.shape == (n_atoms, 3) and np.isfinite(forces).all() else None

    @staticmethod
    def _write(path: Path | None, forces: np.ndarray) -> None:
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.save(temporary, forces, allow_pickle=False)
