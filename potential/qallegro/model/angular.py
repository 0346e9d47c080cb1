"""Real spherical harmonics in e3nn's order and sign, by recursion over e3nn's 3j table."""

import math

import torch
from e3nn import o3
from torch import Tensor, nn


class _NextDegree(nn.Module):
    """Y_l from Y_(l-1): a product with the unit vector, coupled to degree l."""

    def __init__(self, coupling: Tensor) -> None:
        super().__init__()
        self.register_buffer("coupling", coupling, persistent=False)

    def forward(self, lower: Tensor, unit_vectors: Tensor) -> Tensor:
        product = (lower.unsqueeze(-1) * unit_vectors.unsqueeze(-2)).flatten(1)
        return torch.mm(product, self.coupling)


class SphericalHarmonics(nn.Module):
    """Y_lm(v/|v|) for l = 0..l_max, "component" normalised: sum_m Y_lm^2 = 2l + 1.

    Y_l is proportional to the coupling of Y_(l-1) and Y_1 to degree l; the factor is fixed against e3nn when the module is built.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max
        steps = []
        probe = torch.tensor([[0.3, -0.5, 0.81]], dtype=torch.float64)
        probe = probe / probe.norm()
        lower = math.sqrt(3.0) * probe
        for degree in range(2, l_max + 1):
            w3j = o3.wigner_3j(degree - 1, 1, degree, dtype=torch.float64).reshape(-1, 2 * degree + 1)
            raw = (lower.unsqueeze(-1) * probe.unsqueeze(-2)).reshape(1, -1) @ w3j
            exact = o3.spherical_harmonics(degree, probe, normalize=False, normalization="component")
            steps.append(_NextDegree(w3j * float((raw * exact).sum() / (raw * raw).sum())))
            lower = exact
        self.steps = nn.ModuleList(steps)

    def forward(self, unit_vectors: Tensor) -> Tensor:
        """Args: unit_vectors (E, 3) float64. Returns (E, (l_max + 1)^2) float64."""
        ys = [torch.ones_like(unit_vectors[:, :1])]
        if self.l_max > 0:
            y = unit_vectors * math.sqrt(3.0)
            ys.append(y)
            for step in self.steps:
                y = step(y, unit_vectors)
                ys.append(y)
        return torch.cat(ys, 1)
