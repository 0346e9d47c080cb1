"""Ziegler-Biersack-Littmark screened nuclear repulsion."""

import torch
from ase.data import atomic_numbers
from torch import Tensor, nn

from qallegro.model.radial import polynomial_envelope, polynomial_envelope_slope

#: e^2 / (4 pi eps_0) in eV Å, the value of LAMMPS's metal units
COULOMB = 14.399645


class ZBL(nn.Module):
    """Half of q Zi Zj / r psi((Zi^0.23 + Zj^0.23) r / 0.46850) f_6(x) for each directed edge (Ziegler, Biersack and Littmark, 1985)."""

    def __init__(self, atom_types: list[str]) -> None:
        super().__init__()
        z = torch.tensor([atomic_numbers[s] for s in atom_types], dtype=torch.float64)
        self.register_buffer("charges", torch.outer(z, z).flatten() * (0.5 * COULOMB))
        self.register_buffer("screening", (z.pow(0.23).unsqueeze(1) + z.pow(0.23)).flatten() / 0.46850)

    def forward(self, r: Tensor, x: Tensor, pair_types: Tensor) -> Tensor:
        """Args: r (E,) Å; x (E,) r over the cutoff; pair_types (E,). Returns (E,) eV, float64."""
        return self.charges[pair_types] / r * self._screen(r, pair_types)[0] * polynomial_envelope(x, 6.0)

    def with_slope(self, r: Tensor, x: Tensor, pair_types: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and their derivatives with respect to r, (E,) eV and eV/Å, at fixed cutoffs r / x."""
        bare = self.charges[pair_types] / r
        psi, psi_slope = self._screen(r, pair_types)
        envelope = polynomial_envelope(x, 6.0)
        envelope_slope = polynomial_envelope_slope(x, 6.0) * x / r
        return bare * psi * envelope, bare * (psi_slope * envelope + psi * envelope_slope - psi * envelope / r)

    def _screen(self, r: Tensor, pair_types: Tensor) -> tuple[Tensor, Tensor]:
        """psi and d psi / dr."""
        scale = self.screening[pair_types]
        y = scale * r
        a = 0.02817 * torch.exp(-0.20162 * y)
        b = 0.28022 * torch.exp(-0.40290 * y)
        c = 0.50986 * torch.exp(-0.94229 * y)
        d = 0.18175 * torch.exp(-3.1998 * y)
        return a + b + c + d, -scale * (0.20162 * a + 0.40290 * b + 0.94229 * c + 3.1998 * d)
