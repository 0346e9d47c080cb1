"""The batch that flows from data to model: a padded neighbor table with labels (see docs/architecture.md)."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Frames laid end to end: N atoms, K neighbor slots, B frames. Missing labels are NaN."""

    types: Tensor  #: (N,) int64, index into `atom_types`
    neighbors: Tensor  #: (N, K) int64, atom index within the batch; unused slots hold the row's own index
    edge_vectors: Tensor  #: (N, K, 3) float64, r_j - r_i + shift . cell in Å; unused slots (2 r_max, 0, 0)
    frame: Tensor  #: (N,) int64, frame of each atom, non-decreasing
    n_atoms: Tensor  #: (B,) int64
    volume: Tensor  #: (B,) float64 in Å^3; NaN where the frame is not periodic in three directions
    energy: Tensor  #: (B,) float64 in eV
    forces: Tensor  #: (N, 3) float64 in eV/Å
    stress: Tensor  #: (B, 3, 3) float64 in eV/Å^3, tensile positive

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in self))
