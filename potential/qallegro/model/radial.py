"""Radial functions and the radial-chemical embedding of an edge (spec: nequip-allegro 0.8, two-body Bessel and spline embeddings)."""

import math

import torch
from torch import Tensor, nn

from qallegro.model.linear import Linear


def polynomial_envelope(x: Tensor, p: float) -> Tensor:
    """Smooth cutoff f(x) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2), exactly 0 for x >= 1.

    Value, first and second derivative are 0 at x = 1 (Gasteiger et al., arXiv:2003.03123, eq. 8).

    Args:
        x: distances over the cutoff, any shape.
        p: exponent, at least 2.
    """
    inside = x < 1.0
    # The polynomial overflows nowhere, but its gradient must not leak from slots beyond the cutoff: double `where`.
    y = torch.where(inside, x, torch.ones_like(x))
    value = 1.0 + torch.pow(y, p) * (-(p + 1.0) * (p + 2.0) / 2.0 + y * (p * (p + 2.0) - y * (p * (p + 1.0) / 2.0)))
    return torch.where(inside, value, torch.zeros_like(x))


def polynomial_envelope_slope(x: Tensor, p: float) -> Tensor:
    """df/dx of the envelope, -p (p+1)(p+2)/2 x^(p-1) (1 - x)^2, exactly 0 for x >= 1."""
    y = torch.clamp(x, max=1.0)
    return torch.pow(y, p - 1.0) * torch.square(1.0 - y) * (-p * (p + 1.0) * (p + 2.0) / 2.0)


def bessel_basis(x: Tensor, frequencies: Tensor) -> Tensor:
    """b_n(x) = sin(pi f_n x) / (pi x), with f_n = n when untrained; shape of x plus (N,)."""
    x = x.unsqueeze(-1)
    return torch.sin(x * (frequencies * math.pi)) / (x * math.pi)


def cosine_splines(x: Tensor, num_splines: int, span: int) -> Tensor:
    """phi_k(x) = [1 - cos(2 pi / w clamp(x - low_k, 0, w))]^2 / 4, low_k = (k - s)/K, w = (s + 1)/K; shape of x plus (K,)."""
    return 0.25 * torch.square(1.0 - torch.cos(_spline_phase(x, num_splines, span)))


def cosine_splines_slope(x: Tensor, num_splines: int, span: int) -> Tensor:
    """d phi_k / dx = (pi / w) sin(phase) [1 - cos(phase)], 0 outside the spline, where the phase is 0 or 2 pi; shape of x plus (K,)."""
    phase = _spline_phase(x, num_splines, span)
    return torch.sin(phase) * (1.0 - torch.cos(phase)) * (math.pi * num_splines / (span + 1.0))


def _spline_phase(x: Tensor, num_splines: int, span: int) -> Tensor:
    width = (span + 1.0) / num_splines
    low = (torch.arange(num_splines, dtype=x.dtype, device=x.device) - float(span)) / float(num_splines)
    return torch.clamp(x.unsqueeze(-1) - low, 0.0, width) * (2.0 * math.pi / width)


class BesselEmbed(nn.Module):
    """h0 = concat(A[type_i], B[type_j]) * Linear(b f), with A, B of shape (nt, C/2)."""

    def __init__(
        self, num_types: int, dim: int, num_bessels: int, trainable: bool, p: float, dtype: torch.dtype, forward_normalize: bool = True
    ) -> None:
        super().__init__()
        self.p = float(p)
        self.num_types = num_types
        self.dtype = dtype
        frequencies = torch.arange(1, num_bessels + 1, dtype=torch.float64)
        if trainable:
            self.frequencies = nn.Parameter(frequencies)
        else:
            self.register_buffer("frequencies", frequencies)
        self.center_embed = nn.Parameter(torch.randn(num_types, dim // 2, dtype=dtype))
        self.neighbor_embed = nn.Parameter(torch.randn(num_types, dim // 2, dtype=dtype))
        self.basis_linear = Linear([num_bessels], dim, gain=1.0, dtype=dtype, forward_normalize=forward_normalize)

    def basis(self, x: Tensor) -> Tensor:
        """b f. Args: x (E,) float64. Returns (E, num_bessels) in the network's precision."""
        return (bessel_basis(x, self.frequencies) * polynomial_envelope(x, self.p).unsqueeze(-1)).to(self.dtype)

    def basis_with_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`basis` and its derivative with respect to x in float64; d/dx sin(pi n x)/(pi x) = [n cos(pi n x) - b_n(x)] / x."""
        bessel = bessel_basis(x, self.frequencies)
        envelope = polynomial_envelope(x, self.p).unsqueeze(-1)
        x = x.unsqueeze(-1)
        bessel_slope = (self.frequencies * torch.cos(x * (self.frequencies * math.pi)) - bessel) / x
        slope = torch.addcmul(bessel_slope * envelope, bessel, polynomial_envelope_slope(x, self.p))
        return (bessel * envelope).to(self.dtype), slope

    def forward(self, basis: Tensor, pair_types: Tensor) -> Tensor:
        """Args: basis (E, num_bessels); pair_types (E,) int64 = type_i nt + type_j. Returns (E, C)."""
        n = self.num_types
        # One row a pair of types, so that an edge costs one gather.
        table = torch.cat([self.center_embed.repeat_interleave(n, 0), self.neighbor_embed.repeat(n, 1)], 1)
        return nn.functional.embedding(pair_types, table) * self.basis_linear([basis])


class SplineEmbed(nn.Module):
    """h0_c = sum_k W[type_i nt + type_j, c K + k] phi_k(x), in float64, cast after the sum."""

    def __init__(self, num_types: int, dim: int, num_splines: int, span: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.num_splines = num_splines
        self.span = span
        self.dim = dim
        self.dtype = dtype
        bound = math.sqrt(3.0 / max(span, 1))
        self.class_embed = nn.Parameter(torch.empty(num_types**2, dim * num_splines, dtype=torch.float64).uniform_(-bound, bound))

    def basis(self, x: Tensor) -> Tensor:
        """phi. Args: x (E,) float64. Returns (E, num_splines) float64."""
        return cosine_splines(x, self.num_splines, self.span)

    def basis_with_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`basis` and its derivative with respect to x."""
        return cosine_splines(x, self.num_splines, self.span), cosine_splines_slope(x, self.num_splines, self.span)

    def forward(self, basis: Tensor, pair_types: Tensor) -> Tensor:
        """Args: basis (E, num_splines) float64; pair_types (E,) int64 = type_i nt + type_j. Returns (E, C)."""
        weights = nn.functional.embedding(pair_types, self.class_embed).view(-1, self.dim, self.num_splines)
        return torch.bmm(weights, basis.unsqueeze(-1)).squeeze(-1).to(self.dtype)
