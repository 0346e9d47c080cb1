"""What a periodic head divides its features by, so that training does not start where it cannot learn.

Scalars have no fixed size: they depend on cutoff and density, and may grow from layer to layer. In benzene with three layers and 12 Å
features start at hundreds, where the angles pi tanh(f) are flat: they have no gradient, and forces stay zero. Divided by their root mean
square over edges of the training set they start in range, an initialisation that depends on data (Mishkin and Matas, "All you need is a
good init", arXiv:1511.06422). Smaller features are left alone: scaled up in silicon, from 0.1 to 1, errors of forces grew by a fifth.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qallegro.data.sample import Sample, collate
from qallegro.model.build import build_potential
from qallegro.model.config import PERIODIC_SECTIONS, ModelConfig

#: frames, spread evenly over the training set: a root mean square over their thousands of edges is known to a few per cent
_FRAMES = 16
#: Digits kept: the number is written to files, and must not depend on how many threads summed it.
_DIGITS = 3


def with_feature_norm(config: ModelConfig, samples: Sequence[Sample], seed: int, before: Mapping[str, Any] | None = None) -> ModelConfig:
    """The model's configuration with `feature_norm` measured, where its head has one that is not given.

    Args:
        config: of the model.
        samples: the training set.
        seed: of the weights that training will start from.
        before: `model` section of a run that goes on, whose number holds.
    """
    name = PERIODIC_SECTIONS.get(config.variant)
    if name is None or getattr(config, name).feature_norm is not None:
        return config
    norm = _norm(config, samples, seed) if before is None else (before.get(name) or {}).get("feature_norm")
    return config.model_copy(update={name: getattr(config, name).model_copy(update={"feature_norm": norm})})


def _norm(config: ModelConfig, samples: Sequence[Sample], seed: int) -> float:
    potential = build_potential(config, seed)
    squares, count = 0.0, 0

    def add(module: nn.Module, arguments: tuple[list[Tensor]], features: Tensor) -> None:
        nonlocal squares, count
        rows = features.to(torch.float64).flatten(0, -2)
        # Places without a neighbor, and edges at the cutoff, have features of exactly zero.
        squares += float(rows.square().sum())
        count += int((rows != 0.0).sum())

    potential.network.readout.project.register_forward_hook(add)
    with torch.no_grad():
        for sample in samples[:: max(1, -(-len(samples) // _FRAMES))]:
            batch = collate([sample])
            potential.network(batch.types, batch.types[batch.neighbors], batch.edge_vectors)
    rms = math.sqrt(squares / count) if count else 0.0
    # Atoms without any neighbor, or a network that overflows, leave nothing to measure; training says then what is wrong.
    return float(f"{max(1.0, rms):.{_DIGITS}g}") if math.isfinite(rms) else 1.0
