"""Bias-free linear maps and perceptrons. Without a bias, whatever vanishes at the cutoff stays zero through the network."""

import math

import torch
from torch import Tensor, nn

from qallegro.model.activation import activate


class Linear(nn.Module):
    """y = concat(xs) (alpha W), W of shape (in, out) with W ~ U(-sqrt 3, sqrt 3), without forming the concatenation."""

    def __init__(self, widths: list[int], out: int, *, gain: float, dtype: torch.dtype, forward_normalize: bool = True) -> None:
        super().__init__()
        self.widths = widths
        fan = sum(widths) if forward_normalize else out
        self.alpha = gain / math.sqrt(fan)
        self.weight = nn.Parameter(torch.empty(sum(widths), out, dtype=dtype).uniform_(-math.sqrt(3.0), math.sqrt(3.0)))

    def forward(self, xs: list[Tensor]) -> Tensor:
        """Args: xs, tensors (E, width). Returns (E, out)."""
        # `split`, not slices: the derivative of a split is one concatenation, that of a slice fills a whole tensor with zeros.
        weights = torch.split(self.weight * self.alpha, self.widths)
        y = torch.mm(xs[0], weights[0])
        for x, weight in zip(xs[1:], weights[1:]):  # noqa: B905 (TorchScript has no `strict`)
            y = torch.addmm(y, x, weight)
        return y


class MLP(nn.Module):
    """`depth` hidden linear maps, each followed by the activation, then one linear map."""

    def __init__(
        self,
        widths: list[int],
        depth: int,
        width: int,
        out: int,
        *,
        nonlinearity: str | None,
        dtype: torch.dtype,
        forward_normalize: bool = True,
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity or "identity"
        self.description = f"perceptron of {depth} hidden layers of {width}"
        gain = 1.0 if nonlinearity is None else math.sqrt(2.0)
        sizes = [sum(widths), *[width] * depth, out]
        layers = []
        for k in range(depth + 1):
            # The first map sees inputs that no activation has shrunk; with output normalisation it is the last map that is plain.
            plain = k == 0 if forward_normalize else k == depth
            layers.append(
                Linear(
                    widths if k == 0 else [sizes[k]],
                    sizes[k + 1],
                    gain=1.0 if plain else gain,
                    dtype=dtype,
                    forward_normalize=forward_normalize,
                )
            )
        self.first = layers[0]
        self.rest = nn.ModuleList(layers[1:])

    def forward(self, xs: list[Tensor]) -> Tensor:
        """Args: xs, tensors (E, width). Returns (E, out)."""
        y = self.first(xs)
        for layer in self.rest:
            y = layer([activate(y, self.nonlinearity)])
        return y
