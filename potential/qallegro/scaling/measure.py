"""Costs of a center, an edge and a ghost atom, measured on the model file itself by the C++ runtime."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qallegro.errors import ModelError
from qallegro.scaling.constants import Constants
from qallegro.scaling.fit import fit_relative

#: squared cutoff over squared nearest-neighbor distance of an fcc crystal, between two shells -> neighbors within
SHELLS = {1.5: 12, 3.5: 42, 5.5: 78}
#: cubic cells along an edge
CELLS = (2, 4)
#: share of the nearest-neighbor distance that atoms are moved by at most: no shell comes near the cutoff
DISPLACEMENT = 0.02
REPEATS = 7
#: seconds that one crystal may take before it is repeated less often
PATIENCE = 0.3


class Crystal(NamedTuple):
    """Arguments of `Potential.evaluate`. `ghosts` are atoms of their own, or, without them, the periodic images are the atoms again."""

    centers: NDArray[np.int32]
    first_edge: NDArray[np.int64]
    neighbors: NDArray[np.int32]
    vectors: NDArray[np.float64]
    types: NDArray[np.int32]
    ghosts: int


def crystal(cells: int, shell: float, cutoffs: NDArray[np.float64], ghosts: bool, seed: int = 1) -> Crystal:
    """A displaced fcc crystal of random species.

    Args:
        shell: a key of SHELLS.
        cutoffs: (n_types, n_types) Å by center and neighbor.
    """
    rng = np.random.default_rng(seed)
    r_max = float(cutoffs.max())
    nearest = r_max / math.sqrt(shell)
    a = nearest * math.sqrt(2.0)
    base = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2.0
    corners = np.array(list(np.ndindex(cells, cells, cells)))
    sites = (corners[:, None, :] + base).reshape(-1, 3) * a
    sites += rng.uniform(-DISPLACEMENT, DISPLACEMENT, sites.shape) * nearest
    n = len(sites)
    species = rng.integers(0, len(cutoffs), n)
    images = math.ceil((r_max + 2 * DISPLACEMENT * nearest) / (a * cells))
    steps = np.array(sorted(np.ndindex(*(2 * images + 1,) * 3), key=lambda s: s != (images,) * 3)) - images
    copies = (sites[None] + steps[:, None, :] * (a * cells)).reshape(-1, 3)  # those of the crystal itself come first
    owner = np.tile(np.arange(n), len(steps))
    found, neighbors, vectors = [], [], []
    for i in range(n):
        v = copies - sites[i]
        r = np.sqrt((v**2).sum(1))
        close = np.flatnonzero((r < cutoffs[species[i], species[owner]]) & (r > 0.0))
        found.append(len(close))
        neighbors.append(close)
        vectors.append(v[close])
    flat = np.concatenate(neighbors)
    if ghosts:
        # Only images that somebody sees are ghosts, numbered behind the local atoms.
        seen = np.unique(flat[flat >= n])
        number = np.arange(len(copies))
        number[seen] = n + np.arange(len(seen))
        types, flat = np.concatenate([species, species[owner[seen]]]), number[flat]
    else:
        types, flat = species, owner[flat]
    first = np.concatenate([[0], np.cumsum(found)]).astype(np.int64)
    return Crystal(
        np.arange(n, dtype=np.int32), first, flat.astype(np.int32), np.concatenate(vectors), types.astype(np.int32), len(types) - n
    )


def measure(path: Path, before: Constants | None = None) -> tuple[Constants, str]:
    """Fit costs of a step, a center, an edge and a ghost atom to a few crystals.

    Returns:
        `before` or the defaults with these constants replaced, and the engine's description of itself.

    Raises:
        ModelError: the runtime cannot read or run the file.
    """
    from qallegro_ase import _runtime

    before = before or Constants()
    try:
        potential = _runtime.Potential(str(path), device="cpu", threads=1)
        rows, seconds = _run(potential)
    except _runtime.Error as error:
        raise ModelError(f"`{path}` cannot be measured: {error}") from error
    step, center, edge, ghost = fit_relative(np.array(rows), np.array(seconds), np.zeros(4))
    # What LAMMPS itself does for a step and an atom comes on top of the network.
    values = {"step": before.step + float(step), "center": float(center), "edge": float(edge), "ghost": float(ghost)}
    return before.updated("measured, this model on this machine", **values), potential.description


def _run(potential: Any) -> tuple[list[list[float]], list[float]]:
    cutoffs = np.array(potential.record["cutoffs"])
    rows, seconds = [], []
    for cells in CELLS:
        for shell in SHELLS:
            for ghosts in (False, True):
                c = crystal(cells, shell, cutoffs, ghosts)
                n_atoms = len(c.types)
                arguments = (c.centers, c.first_edge, c.neighbors, c.vectors, c.types, n_atoms)
                potential.evaluate(*arguments)  # buffers take their size
                taken: list[float] = []
                while len(taken) < REPEATS and (len(taken) < 2 or sum(taken) < PATIENCE):
                    start = time.perf_counter()
                    potential.evaluate(*arguments)
                    taken.append(time.perf_counter() - start)
                rows.append([1.0, float(len(c.centers)), float(len(c.neighbors)), float(c.ghosts)])
                seconds.append(float(np.median(taken)))
    return rows, seconds
