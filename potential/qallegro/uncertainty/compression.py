"""Smaller training sets with as much in them: minimum set cover over atomic environments, by the package `quests` of its authors.

Method: "Maximizing Efficiency of Dataset Compression for Machine Learning Potentials With Information Theory" (arXiv:2511.10561).
Entropies: doi:10.1038/s41467-025-59232-0.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

import ase
import numpy as np

from qallegro.errors import ConfigError, QAllegroError

METHODS = ("msc", "fps", "random")


class Compressed(NamedTuple):
    """Which structures stay, and how much of the set they hold."""

    indices: list[int]  #: in the order in which they were taken
    entropy: float  #: of the environments that stay, nats
    full_entropy: float  #: of all environments, nats
    covered: float  #: share of all environments that are not new to those that stay
    novelty: (
        np.ndarray
    )  #: (n,) of each structure: the largest differential entropy of its environments to all others, nats; outliers are high


def compress_structures(structures: Sequence[ase.Atoms], size: int, method: str = "msc", seed: int = 0) -> Compressed:
    """Take `size` structures of one element.

    Args:
        structures: the set.
        size: how many stay.
        method: `msc` (minimum set cover), `fps` (farthest points of structures) or `random`.
        seed: of `random`.

    Raises:
        QAllegroError: the package is missing.
        ConfigError: a wrong size or method, or several species, which its descriptors do not tell apart.
    """
    if find_spec("quests") is None:
        raise QAllegroError("compression needs the package quests, which is not installed; write `pip install qallegro[compress]`")
    if method not in METHODS:
        raise ConfigError(f"`--method` must be one of {', '.join(METHODS)}, got `{method}`")
    if not 1 <= size <= len(structures):
        raise ConfigError(f"the number of structures to keep must be 1 to {len(structures)}, got {size}")
    species = sorted({symbol for atoms in structures for symbol in set(atoms.get_chemical_symbols())})
    if len(species) > 1:
        raise ConfigError(
            f"a set to compress must be of one element, it has {', '.join(species)}, which the descriptors of quests do not tell apart; "
            "use `qallegro select`, whose features do"
        )
    import numba
    from quests.compression import DatasetCompressor
    from quests.entropy import delta_entropy

    # numba would take every core of the machine; the rule is that of the runtime's threads.
    numba.set_num_threads(max(1, min(int(os.environ.get("OMP_NUM_THREADS", "1").split(",")[0] or 1), numba.config.NUMBA_NUM_THREADS)))
    compressor = DatasetCompressor([_periodic_or_not(atoms) for atoms in structures])
    if method == "random":
        indices = np.random.default_rng(seed).permutation(len(structures))[:size].tolist()
    else:
        indices = [int(k) for k in compressor.get_indices(method, size)]
    descriptors = compressor.descriptors()
    everything = np.concatenate(descriptors)
    novelty = np.zeros(len(structures))
    for k, own in enumerate(descriptors):
        others = [x for j, x in enumerate(descriptors) if j != k]
        if others:
            novelty[k] = float(np.max(delta_entropy(own, np.concatenate(others), h=compressor.bandwidth)))
    kept = np.concatenate([descriptors[k] for k in indices])
    covered = float(np.mean(delta_entropy(everything, kept, h=compressor.bandwidth) <= 0.0))
    return Compressed(indices, compressor.entropy(indices), compressor.entropy(), covered, novelty)


def _periodic_or_not(atoms: ase.Atoms) -> ase.Atoms:
    """A copy without what quests does not need."""
    return ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
