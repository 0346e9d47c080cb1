"""Environments of many structures as vectors whose distances mean something: standardized, and apart for each species."""

from collections.abc import Callable, Sequence

import ase
import numpy as np

from qallegro.uncertainty.latents import Latents


class EnvironmentSpace:
    """Latent features of environments, each component divided by its spread over a set of structures, species by species.

    Environments of different species lie in different components, so that none covers one of another species.

    Args:
        latents: features of atoms.
        structures: the set that sets the scale.
        done: told after each structure.
    """

    def __init__(self, latents: Latents, structures: Sequence[ase.Atoms], done: Callable[[], None] = lambda: None) -> None:
        self._latents = latents
        self._types = [latents.types(atoms) for atoms in structures]
        self._features = []
        for atoms in structures:
            self._features.append(latents(atoms))
            done()
        features, types = np.concatenate(self._features), np.concatenate(self._types)
        self._scale = np.ones((len(latents.atom_types), features.shape[1]))
        for t in np.unique(types):
            spread = features[types == t].std(axis=0)
            self._scale[t] = np.where(spread > 1e-12 * np.abs(features).max(), spread, np.inf)
        self._size = features.shape[1]

    def environments(self, index: int, mask: np.ndarray | None = None) -> np.ndarray:
        """(n, S d) of a structure of the set, S species; with a mask (N,) of those atoms alone."""
        types, features = self._types[index], self._features[index]
        result = np.zeros((len(types), len(self._latents.atom_types), self._size))
        result[np.arange(len(types)), types] = features / self._scale[types]
        result = result.reshape(len(types), -1)
        return result if mask is None else result[mask]
