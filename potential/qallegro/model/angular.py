"""Real spherical harmonics in e3nn's order and sign, by recursion over e3nn's 3j table."""

import math

import torch
from e3nn import o3
from torch import Tensor, nn


class _NextDegree(nn.Module):
    """Y_l from Y_(l-1): a product with the unit vector, coupled to degree l."""

    def __init__(self, degree: int, coupling: Tensor) -> None:
        super().__init__()
        self.register_buffer("coupling", coupling, persistent=False)
        # The gradient of a solid harmonic of degree l is one of degree l - 1; by Euler's theorem it is l times the same coupling.
        self.register_buffer("gradient", degree * coupling.view(2 * degree - 1, 3 * (2 * degree + 1)), persistent=False)
        self.components = 2 * degree + 1

    def forward(self, lower: Tensor, unit_vectors: Tensor) -> Tensor:
        product = (lower.unsqueeze(-1) * unit_vectors.unsqueeze(-2)).flatten(1)
        return torch.mm(product, self.coupling)

    def cartesian_gradient(self, lower: Tensor) -> Tensor:
        """dY_l/du of the polynomial in u, which need not have length 1. Returns (E, 3, 2l + 1)."""
        return torch.mm(lower, self.gradient).view(-1, 3, self.components)


class SphericalHarmonics(nn.Module):
    """Y_lm(v/|v|) for l = 0..l_max, "component" normalised: sum_m Y_lm^2 = 2l + 1.

    Y_l is proportional to the coupling of Y_(l-1) and Y_1 to degree l; the factor is fixed against e3nn when the module is built.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max
        degrees = [float(degree) for degree in range(l_max + 1) for _ in range(2 * degree + 1)]
        self.register_buffer("degrees", torch.tensor(degrees, dtype=torch.float64), persistent=False)
        self.register_buffer("identity", torch.eye(3, dtype=torch.float64), persistent=False)
        steps = []
        probe = torch.tensor([[0.3, -0.5, 0.81]], dtype=torch.float64)
        probe = probe / probe.norm()
        lower = math.sqrt(3.0) * probe
        for degree in range(2, l_max + 1):
            w3j = o3.wigner_3j(degree - 1, 1, degree, dtype=torch.float64).reshape(-1, 2 * degree + 1)
            raw = (lower.unsqueeze(-1) * probe.unsqueeze(-2)).reshape(1, -1) @ w3j
            exact = o3.spherical_harmonics(degree, probe, normalize=False, normalization="component")
            steps.append(_NextDegree(degree, w3j * float((raw * exact).sum() / (raw * raw).sum())))
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

    def with_jacobian(self, unit_vectors: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """Y and its derivative with respect to the edge vector.

        Y is a homogeneous polynomial of degree l in the unit vector u, so that dY/dv = (dY/du - l u Y) / r.

        Args:
            unit_vectors: (E, 3) float64.
            r: (E,) float64, lengths.

        Returns:
            (E, (l_max + 1)^2) and (E, 3, (l_max + 1)^2), float64.
        """
        one = torch.ones_like(unit_vectors[:, :1])
        ys, jacobians = [one], [torch.zeros_like(unit_vectors).unsqueeze(2)]
        if self.l_max > 0:
            y = unit_vectors * math.sqrt(3.0)
            ys.append(y)
            jacobians.append((math.sqrt(3.0) * self.identity).expand(y.shape[0], 3, 3))
            for step in self.steps:
                jacobians.append(step.cartesian_gradient(y))
                y = step(y, unit_vectors)
                ys.append(y)
        values = torch.cat(ys, 1)
        radial = (values * self.degrees).unsqueeze(1) * unit_vectors.unsqueeze(2)
        return values, (torch.cat(jacobians, 2) - radial) / r.view(-1, 1, 1)
