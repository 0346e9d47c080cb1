"""Edge-readout heads: from the scalars of all layers to an edge energy. One table, one signature.

Between the scalars and the final perceptron a variant may put a layer of its own. No head has a bias, and each layer maps zero to
zero, so that an edge's energy vanishes at the cutoff as smoothly as its scalars do.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qallegro.model.activation import activate
from qallegro.model.config import ModelConfig
from qallegro.model.linear import MLP, Linear
from qallegro.model.random_fourier import RandomFourier
from qallegro.quantum.statevector import QuantumLayer


class PeriodicHead(nn.Module):
    """scalars -> linear f -> angles x = pi tanh(scale f) -> periodic layer -> fully connected -> final perceptron.

    Args:
        layer: maps angles (E, num_features) in (-pi, pi) to (E, num_outputs), zero to zero; has a `description`.
        feature_norm: what the linear map is divided by, so that its features do not start where tanh is flat; None: 1.
    """

    def __init__(
        self,
        config: ModelConfig,
        layer: nn.Module,
        num_features: int,
        num_outputs: int,
        width: int,
        nonlinearity: str | None,
        feature_norm: float | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity or "identity"
        self.feature_norm = feature_norm or 1.0
        # A constant of the map, not its initial weights: steps of an optimizer are then as long, measured in features, for any norm.
        gain = 1.0 / self.feature_norm
        self.project = Linear(_scalar_widths(config), num_features, gain=gain, dtype=dtype, forward_normalize=config.forward_normalize)
        # The layer is periodic and the features are not bounded: squashed, two of them never give the same angle.
        self.feature_scale = nn.Parameter(torch.full((num_features,), 0.5, dtype=dtype))
        self.layer = layer
        self.description = f"{layer.description}, then width {width}"
        self.expand = Linear([num_outputs], width, gain=1.0, dtype=dtype, forward_normalize=config.forward_normalize)
        self.final = _final(config, [width], dtype)

    def features(self, scalars: list[Tensor]) -> Tensor:
        """Angles (E, num_features) in rad of scalars [s_0 .. s_L], each (E, S)."""
        return torch.pi * torch.tanh(self.project(scalars) * self.feature_scale)

    def forward(self, scalars: list[Tensor]) -> Tensor:
        """Scalars [s_0 .. s_L], each (E, S), to (E, 1)."""
        return self.from_features(self.features(scalars))

    def from_features(self, features: Tensor) -> Tensor:
        """Angles (E, num_features) in rad to (E, 1)."""
        y = self.expand([self.layer(features)])
        return self.final([activate(y, self.nonlinearity)])


class HiddenMLPHead(nn.Module):
    """scalars -> linear -> two hidden layers -> final perceptron."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype) -> None:
        super().__init__()
        hidden = config.hidden_mlp
        self.nonlinearity = hidden.nonlinearity
        self.description = f"{hidden.num_features} features, hidden layers of {hidden.widths[0]} and {hidden.widths[1]}"
        normalize = config.forward_normalize
        self.project = Linear(_scalar_widths(config), hidden.num_features, gain=1.0, dtype=dtype, forward_normalize=normalize)
        self.first = Linear([hidden.num_features], hidden.widths[0], gain=1.0, dtype=dtype, forward_normalize=normalize)
        self.second = Linear([hidden.widths[0]], hidden.widths[1], gain=2.0**0.5, dtype=dtype, forward_normalize=normalize)
        self.final = _final(config, [hidden.widths[1]], dtype)

    def forward(self, scalars: list[Tensor]) -> Tensor:
        """Scalars [s_0 .. s_L], each (E, S), to (E, 1)."""
        y = activate(self.first([self.project(scalars)]), self.nonlinearity)
        return self.final([activate(self.second([y]), self.nonlinearity)])


def _scalar_widths(config: ModelConfig) -> list[int]:
    return [config.num_scalar_features] * (config.num_layers + 1)


def _final(config: ModelConfig, widths: list[int], dtype: torch.dtype) -> MLP:
    mlp = config.readout_mlp
    return MLP(widths, mlp.depth, mlp.width, 1, nonlinearity=mlp.nonlinearity, dtype=dtype, forward_normalize=config.forward_normalize)


def _allegro(config: ModelConfig, dtype: torch.dtype) -> nn.Module:
    return _final(config, _scalar_widths(config), dtype)


def _allegro_qdi(config: ModelConfig, dtype: torch.dtype) -> nn.Module:
    qdi, circuit = config.qdi, config.qdi.circuit
    layer = QuantumLayer(circuit, dtype, trainable=qdi.trainable, freeze_inert=qdi.freeze_inert)
    return PeriodicHead(config, layer, circuit.num_features, circuit.num_outputs, qdi.width, qdi.nonlinearity, qdi.feature_norm, dtype)


def _allegro_rff(config: ModelConfig, dtype: torch.dtype) -> nn.Module:
    rff = config.random_fourier
    layer = RandomFourier(rff.num_features, rff.num_outputs, rff.max_frequency, dtype)
    return PeriodicHead(config, layer, rff.num_features, rff.num_outputs, rff.width, rff.nonlinearity, rff.feature_norm, dtype)


#: variant -> builder of a module that maps [s_0 .. s_L], each (E, S), to (E, 1)
HEADS: dict[str, Callable[[ModelConfig, torch.dtype], nn.Module]] = {
    "allegro": _allegro,
    "allegro_mlp": HiddenMLPHead,
    "allegro_qdi": _allegro_qdi,
    "allegro_rff": _allegro_rff,
}
