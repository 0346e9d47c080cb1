"""Equal numbers of trainable parameters: the width of the final perceptron is what gives."""

from collections.abc import Callable
from typing import Any

from qallegro.model.build import build_potential
from qallegro.model.config import ModelConfig


def trainable_parameters(section: dict[str, Any], species: list[str]) -> int:
    """Trainable numbers of the model that a `model` section describes; statistics of the data do not change it."""
    config = ModelConfig.model_validate({**section, "atom_types": species, "avg_num_neighbors": 1.0})
    return sum(p.numel() for p in build_potential(config, seed=0).parameters() if p.requires_grad)


def matching_width(count: Callable[[int], int], target: int, tolerance: float) -> int:
    """The width whose number of parameters is nearest to a target.

    Args:
        count: parameters of a width; grows with it.
        target: wanted parameters.
        tolerance: largest relative difference.

    Raises:
        ValueError: no width comes near enough.
    """
    high = 1
    while count(high) < target:
        high *= 2
    low = high // 2 or 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if count(middle) < target else (low, middle)
    best = min((width for width in (high - 1, high) if width >= 1), key=lambda width: abs(count(width) - target))
    if abs(count(best) - target) > tolerance * target:
        raise ValueError(
            f"parameters must match {target:,} within {100 * tolerance:g} %, the nearest readout width {best} gives {count(best):,}; "
            "change the widths of the variant"
        )
    return best
