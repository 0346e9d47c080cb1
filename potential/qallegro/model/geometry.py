"""What the network sees of an edge vector, with its derivatives in closed form.

The radial basis and the spherical harmonics are the only functions of an edge vector that enter the network, and they hold no weights
(but for trainable frequencies). Their Jacobians are therefore constants of a structure: a force is the network's derivative with respect
to basis and harmonics, times the Jacobian. Autograd need not pass through the float64 geometry, neither for forces nor, in training, for
the derivatives of a loss on forces.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class EdgeGeometry(NamedTuple):
    """E edges, B radial functions, D components."""

    unit_vectors: Tensor  #: (E, 3) float64
    basis: Tensor  #: (E, B) in the precision that the embedding wants
    basis_slope: Tensor  #: (E, B) float64, d basis / dr in 1/Å
    harmonics: Tensor  #: (E, D) in the network's precision
    harmonics_jacobian: Tensor  #: (E, 3, D) float64, d Y / d vector in 1/Å


def edge_gradients(geometry: EdgeGeometry, basis_gradient: Tensor, harmonics_gradient: Tensor) -> Tensor:
    """dE/dv from dE/d(basis) and dE/d(harmonics). Returns (E, 3) float64."""
    radial = (basis_gradient.to(torch.float64) * geometry.basis_slope).sum(1, keepdim=True)
    angular = torch.bmm(geometry.harmonics_jacobian, harmonics_gradient.to(torch.float64).unsqueeze(2)).squeeze(2)
    return torch.addcmul(angular, geometry.unit_vectors, radial)
