"""Real spherical harmonics in e3nn's order and sign, by recursion over e3nn's 3j table."""

import math

import torch
from e3nn import o3
from torch import Tensor, nn


class SphericalHarmonics(nn.Module):
    """Y_lm(v/|v|) for l = 0..l_max, "component" normalised: sum_m Y_lm^2 = 2l + 1.

    Y_l is proportional to the coupling of Y_(l-1) and Y_1 to degree l; the factor is fixed against e3nn when the module is built.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max
        couplings = []
        probe = torch.tensor([[0.3, -0.5, 0.81]], dtype=torch.float64)
        probe = probe / probe.norm()
        lower = math.sqrt(3.0) * probe
        for degree in range(2, l_max + 1):
            w3j = o3.wigner_3j(degree - 1, 1, degree, dtype=torch.float64).reshape(-1, 2 * degree + 1)
            raw = (lower.unsqueeze(-1) * probe.unsqueeze(-2)).reshape(1, -1) @ w3j
            exact = o3.spherical_harmonics(degree, probe, normalize=False, normalization="component")
            couplings.append(w3j * float((raw * exact).sum() / (raw * raw).sum()))
            lower = exact
        self.couplings = nn.ParameterList([nn.Parameter(c, requires_grad=False) for c in couplings])

    def forward(self, unit_vectors: Tensor) -> Tensor:
        """Args: unit_vectors (E, 3) float64. Returns (E, (l_max + 1)^2) float64."""
        ys = [torch.ones_like(unit_vectors[:, :1])]
        if self.l_max > 0:
            y = unit_vectors * math.sqrt(3.0)
            ys.append(y)
            for coupling in self.couplings:
                product = (y.unsqueeze(-1) * unit_vectors.unsqueeze(-2)).flatten(1)
                y = torch.mm(product, coupling)
                ys.append(y)
        return torch.cat(ys, 1)
