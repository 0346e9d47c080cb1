"""Angles and features that cannot change what a circuit gives, found from its description alone.

The derivative of an output with respect to an angle is a trigonometric polynomial of all angles and features: it is either zero
everywhere or non-zero at a random point with probability one. So a few random points decide.
"""

from functools import cache
from typing import NamedTuple

import torch

from qallegro.errors import ConfigError
from qallegro.quantum.config import CircuitConfig

_POINTS = 4
#: rounding leaves 1e-15; derivatives that are not identically zero are of order 2^-n at random points
_ZERO = 1e-12


class Inert(NamedTuple):
    """What does nothing; indices as in `qallegro.quantum.circuit.gates`."""

    of_outputs: tuple[int, ...]  #: angles without effect on any expectation value
    of_differences: tuple[int, ...]  #: angles without effect on <P>(x) - <P>(0), which is what the layer gives
    features: tuple[int, ...]  #: features without effect


def find_inert(config: CircuitConfig) -> Inert:
    """Angles and features with identically zero derivative."""
    return _find(config.model_dump_json())


def check_features_act(config: CircuitConfig) -> None:
    """Refuse a circuit with features that cannot change what it gives.

    Raises:
        ConfigError: names the features.
    """
    idle = find_inert(config).features
    if idle:
        raise ConfigError(
            f"every encoded feature must act on a measured qubit, features {list(idle)} do not in this circuit (`encoding_axis` "
            f"{config.encoding_axis}, `depth` {config.depth}, `entangler` {config.entangler}, `observables` {config.observables}); "
            "deepen the trainable blocks, or change the axis or the observables"
        )


@cache
def _find(description: str) -> Inert:
    from qallegro.quantum.statevector import differences, expectations

    config = CircuitConfig.model_validate_json(description)
    generator = torch.Generator().manual_seed(1)

    def uniform(*shape: int) -> torch.Tensor:
        return (torch.rand(*shape, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * torch.pi

    largest = [torch.zeros(config.num_angles), torch.zeros(config.num_angles), torch.zeros(config.num_features)]
    with torch.enable_grad():
        for _ in range(_POINTS):
            angles, features = uniform(config.num_angles).requires_grad_(), uniform(1, config.num_features).requires_grad_()
            weights = torch.randn(config.num_outputs, generator=generator, dtype=torch.float64)
            for k, function in enumerate((expectations, differences)):
                value = (function(config, angles, features) * weights).sum()
                by_angles, by_features = torch.autograd.grad(value, [angles, features], allow_unused=True, materialize_grads=True)
                largest[k] = torch.maximum(largest[k], by_angles.abs())
                largest[2] = torch.maximum(largest[2], by_features[0].abs())
    return Inert(*(tuple(torch.nonzero(x < _ZERO).flatten().tolist()) for x in largest))
