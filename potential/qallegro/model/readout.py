"""Edge-readout heads: from the scalars of all layers to an edge energy. One table, one signature."""

from collections.abc import Callable

import torch
from torch import nn

from qallegro.model.config import ModelConfig
from qallegro.model.linear import MLP


def _allegro(config: ModelConfig, dtype: torch.dtype) -> nn.Module:
    mlp = config.readout_mlp
    widths = [config.num_scalar_features] * (config.num_layers + 1)
    return MLP(
        widths,
        mlp.depth,
        mlp.width,
        1,
        nonlinearity=mlp.nonlinearity,
        dtype=dtype,
        forward_normalize=config.forward_normalize,
    )


#: variant -> builder of a module that maps [s_0 .. s_L], each (E, S), to (E, 1)
HEADS: dict[str, Callable[[ModelConfig, torch.dtype], nn.Module]] = {"allegro": _allegro}
