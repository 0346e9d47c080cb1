"""A neighbor list that outlives small motions (L. Verlet, Phys. Rev. 159, 98 (1967)), also where the cell changes."""

import os
import time
from typing import NamedTuple

import ase
import numpy as np

from qallegro_ase.engines import runtime_module
from qallegro_ase.neighbor_library import neighbor_list_class


class PairList(NamedTuple):
    """Pairs in both directions, sorted by first atom; the vector of a pair is r_j - r_i + shift @ cell."""

    pairs: np.ndarray  #: (n_pairs, 2) int32
    shifts: np.ndarray  #: (n_pairs, 3) int32
    first_edge: np.ndarray  #: (n_atoms + 1,) int64, pairs of atom i: first_edge[i] .. first_edge[i + 1]


class VerletList:
    """All pairs closer than `r_max`, and more, from a list that is rebuilt only when it could miss one.

    A list built at positions R0 and cell H0 holds every pair with |v0| < r_max + skin. Let the cell now be H = H0 F, and let
    each atom have moved by d_i on top of the strain, r_i = r0_i F + d_i. Then v = v0 F + d_j - d_i for all shifts, and |v| < r_max
    implies |v0| < |F^-1| (r_max + 2 max |d|), with the spectral norm. The list is whole as long as this is at most r_max + skin;
    in a fixed cell, as long as no atom has moved more than skin / 2. A common translation of all atoms does not count.

    Args:
        r_max: Å, largest cutoff of the model.
        skin: Å, 0 rebuilds at every change.
        threads: CPU threads of a build; None: the first number of OMP_NUM_THREADS, else 1.
    """

    def __init__(self, r_max: float, skin: float, threads: int | None) -> None:
        self.skin = skin
        self.builds = 0
        self.seconds = 0.0
        self._r_max = r_max
        self._library = neighbor_list_class()(cutoff=r_max + skin, full_list=True, n_threads=threads or _default_threads())
        self._list: PairList | None = None

    def update(self, atoms: ase.Atoms) -> PairList:
        """The pairs of `atoms`, whose positions and cell have been checked."""
        start = time.perf_counter()
        if self._list is None or not self._is_whole(atoms):
            self._list = None  # an error below must not leave the old list with new reference positions
            self._positions, self._cell, self._pbc = atoms.positions.copy(), atoms.cell.array.copy(), atoms.pbc.copy()
            self._list = self._build(atoms)
            self.builds += 1
        self.seconds += time.perf_counter() - start
        return self._list

    def _is_whole(self, atoms: ase.Atoms) -> bool:
        if len(atoms) != len(self._positions) or (atoms.pbc != self._pbc).any():
            return False
        if len(atoms) == 0:
            return True
        cell, built_cell = atoms.cell.array[self._pbc], self._cell[self._pbc]
        positions, stretch = self._positions, 1.0
        if not np.array_equal(cell, built_cell):
            # Of all F that take the periodic vectors to their new places, the one that leaves the directions across them as they are.
            strain = np.eye(3) + np.linalg.pinv(built_cell) @ (cell - built_cell)
            if np.linalg.matrix_rank(strain) < 3:
                return False
            positions, stretch = positions @ strain, np.linalg.norm(np.linalg.inv(strain), 2)
        moved = atoms.positions - positions
        moved -= moved.mean(axis=0)
        largest = np.sqrt(np.einsum("ia,ia->i", moved, moved).max())
        return bool(stretch * (self._r_max + 2.0 * largest) <= self._r_max + self.skin)

    def _build(self, atoms: ase.Atoms) -> PairList:
        pairs, shifts = self._library.compute(atoms.positions, atoms.cell.array, atoms.pbc, "PS")
        # In an order of their own (atom, neighbor, shift), so that sums do not depend on when the list was built.
        return PairList(*runtime_module().sorted_pairs(pairs.astype(np.int32), shifts.astype(np.int32, copy=False), len(atoms)))


def _default_threads() -> int:
    # The rule of the runtime's own threads. vesin would otherwise take every core of the machine.
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(int(first), 1) if first.isdecimal() else 1
