"""Random Fourier features, the classical control of a circuit: a circuit's output is a trigonometric polynomial too."""

import torch
from torch import Tensor, nn


class RandomFourier(nn.Module):
    """cos(w . x + b) - cos(b) with frozen random w and b: zero at x = 0, in [-2, 2] like <P>(x) - <P>(0).

    Args:
        max_frequency: the components of w are integers from -max_frequency to max_frequency, so the function has the circuit's periods.
    """

    def __init__(self, num_features: int, num_outputs: int, max_frequency: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.description = f"{num_outputs} frozen random cosines of {num_features} features"
        frequencies = torch.randint(-max_frequency, max_frequency + 1, (num_features, num_outputs))
        # A cosine without any frequency would be zero for every x.
        dead = (frequencies == 0).all(0).nonzero().flatten()
        frequencies[dead % num_features, dead] = 1
        self.register_buffer("frequencies", frequencies.to(dtype))
        self.register_buffer("phases", (torch.rand(num_outputs, dtype=dtype) * 2.0 - 1.0) * torch.pi)

    def forward(self, features: Tensor) -> Tensor:
        """Angles (E, num_features) in rad to (E, num_outputs)."""
        # cos(u + b) - cos(b), in a form that is exactly zero at u = 0
        u = features @ self.frequencies
        return (torch.cos(u) - 1.0) * torch.cos(self.phases) - torch.sin(u) * torch.sin(self.phases)
