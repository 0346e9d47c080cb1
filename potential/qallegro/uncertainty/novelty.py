"""How new an atom is to a model: the distance of its latent features from those of the training set.

The Mahalanobis distance d = |W (f - m)| to the atoms of the same species, W^T W the inverse of their covariance, is what the variance of a
linear last layer is made of (prediction rigidity: Bigi, Chong, Ceriotti, Grasselli, Mach. Learn.: Sci. Technol. 5, 045018 (2024)). It is
divided by the largest d of training frames that were left out when m and W were taken, and becomes the novelty: up to 1 the model has seen
such atoms.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from qallegro.data.sample import Sample
from qallegro.model.potential import Potential
from qallegro.uncertainty.latents import Latents

#: environments that describe a training set: enough for the covariance of a hundred features, and seconds of work
_ENVIRONMENTS = 8192
#: Of the largest spread. Features come from a network in float32: spreads that are smaller are its rounding.
_FLOOR = 1e-4
#: parts of the training set, each left out once
_FOLDS = 5


class NoveltyScale(NamedTuple):
    """What features of T species are measured with, float64."""

    mean: Tensor  #: (T, d) of the training set
    whitening: Tensor  #: (T, d, d) W
    reach: Tensor  #: (T,) largest distance of training atoms that were left out; 0 for a species that the set has no atoms of

    def novelty(self, features: np.ndarray, types: np.ndarray) -> np.ndarray:
        """(N,) of features (N, d) of atoms of types (N,); infinite where the training set has no atoms of the species."""
        result = np.empty(len(types))
        for t in np.unique(types):
            own = types == t
            distances = np.linalg.norm((features[own] - self.mean[t].numpy()) @ self.whitening[t].numpy().T, axis=1)
            result[own] = distances / float(self.reach[t]) if self.reach[t] > 0.0 else np.inf
        return result

    def tensors(self) -> dict[str, Tensor]:
        """By name, as files hold them."""
        return self._asdict()

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "NoveltyScale":
        """What `tensors` gave."""
        return cls(**{name: tensors[name] for name in cls._fields})


def novelty_scale(potential: Potential, samples: Sequence[Sample]) -> NoveltyScale:
    """The scale of a training set, from whole frames spread evenly over it.

    Args:
        potential: with its final weights, on the CPU.
        samples: the training set.
    """
    latents = Latents(potential)
    total = sum(len(sample.types) for sample in samples)
    step = max(1, -(-total // _ENVIRONMENTS))
    picked = samples[::step]
    features = np.concatenate([latents.of_table(sample.types, sample.table) for sample in picked])
    types = np.concatenate([sample.types for sample in picked])
    # Atoms of a frame are alike: whole frames are left out.
    folds = np.repeat(np.arange(len(picked)) % _FOLDS, [len(sample.types) for sample in picked])
    count, size = len(latents.atom_types), features.shape[1]
    mean, whitening, reach = np.zeros((count, size)), np.zeros((count, size, size)), np.zeros(count)
    for t in np.unique(types):
        own, fold = features[types == t], folds[types == t]
        mean[t], whitening[t] = _center_and_whitening(own)
        reach[t] = _reach(own, fold)
    return NoveltyScale(*(torch.from_numpy(array) for array in (mean, whitening, reach)))


def _center_and_whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) and (d, d) of features (N, d)."""
    mean = features.mean(axis=0)
    spreads, directions = np.linalg.eigh(np.atleast_2d(np.cov(features, rowvar=False, bias=True)))
    # A set without any spread, one perfect crystal, is measured against the size of its features.
    largest = max(spreads[-1], _FLOOR**2 * float(mean @ mean), np.finfo(float).tiny)
    return mean, (directions / np.sqrt(np.maximum(spreads, 0.0) + _FLOOR**2 * largest)).T


def _reach(features: np.ndarray, folds: np.ndarray) -> float:
    """Largest distance of features (N, d) whose fold (N,) was left out; of all where there is one fold alone."""
    largest = 0.0
    parts = [folds == fold for fold in np.unique(folds)]
    for part in parts:
        mean, whitening = _center_and_whitening(features[~part] if len(parts) > 1 else features)
        largest = max(largest, float(np.linalg.norm((features[part] - mean) @ whitening.T, axis=1).max()))
    # Atoms of a perfect crystal differ by rounding alone; whatever is nearer than one spread is not new.
    return max(largest, 1.0)
