"""How far a form really is from the circuit in PennyLane: a check on the bound, which must never be smaller."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qallegro.quantum.bounds import PREPARATION, Bound, grid_error, unit_roundoff
from qallegro.quantum.circuit import gates
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import circuit_qnode, pennylane_expectations
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.steps import blocks

#: complex amplitudes that PennyLane keeps at a time for differentiation
_AMPLITUDES = 2**24
#: amplitudes that derivatives in PennyLane may go through in all
_GRADIENT_WORK = 2**29


class Deviation(NamedTuple):
    """Largest differences over all points."""

    points: int
    value: np.ndarray  #: (num_outputs,)
    gradient_points: int  #: points at which derivatives were compared, fewer for many qubits
    gradient: np.ndarray  #: (num_outputs, num_features)


def deviation(module: nn.Module, config: CircuitConfig, angles: Tensor, features: Tensor) -> Deviation:
    """Largest difference to PennyLane's default.qubit in float64.

    Args:
        module: the form.
        config, angles: its circuit.
        features: (E, num_features) rad, in the precision of the form.
    """
    qnode, angles, outputs = circuit_qnode(config), angles.detach(), config.num_outputs
    at_zero = pennylane_expectations(config, angles, torch.zeros(1, config.num_features), qnode)

    def reference(x: Tensor) -> Tensor:
        return pennylane_expectations(config, angles, x, qnode) - at_zero

    value = np.zeros(outputs)
    with torch.no_grad():
        for chunk in torch.split(features, affordable_points(config)):
            value = np.maximum(value, (module(chunk).double() - reference(chunk.double())).abs().amax(0).numpy())
    count = min(len(features), _GRADIENT_WORK // (2**config.num_qubits * len(gates(config)) * outputs) + 1)
    gradient = np.zeros((outputs, config.num_features))
    for chunk in torch.split(features[:count], affordable_points(config)):
        difference = _gradient(module, chunk, outputs) - _gradient(reference, chunk.double(), outputs)
        gradient = np.maximum(gradient, difference.abs().amax(0).numpy())
    return Deviation(len(features), value, count, gradient)


def affordable_points(config: CircuitConfig) -> int:
    """Points that PennyLane differentiates at a time in a quarter of a GiB."""
    return max(1, _AMPLITUDES // (2**config.num_qubits * (len(gates(config)) + config.num_outputs)))


def witness_bound(config: CircuitConfig, angles: Tensor) -> Bound:
    """Bound on the rounding of PennyLane's own float64 numbers, by the same analysis of a state vector that applies gate by gate.

    PennyLane does not merge gates, so each of them counts as a step; differentiation runs through each step once more, with a co-state of
    norm two, for every encoding of a feature.
    """
    scale = unit_roundoff(torch.float64) / PREPARATION
    merged = blocks(config, angles)
    steps = max(sum(len(block) for block in merged), 1)
    value = 2.0 * grid_error(merged, config.num_qubits) * scale * (len(gates(config)) / steps + 1.0)
    degrees = np.zeros((config.num_outputs, config.num_features))
    for cone in light_cones(config):
        for feature, degree in zip(cone.features, cone.degrees, strict=True):
            degrees[list(cone.outputs), feature] = degree
    return Bound(np.full(config.num_outputs, value), 4.0 * value * np.maximum(degrees, 1.0))


def random_features(config: CircuitConfig, points: int, dtype: torch.dtype) -> Tensor:
    """(points, num_features) uniform in the box, with its corners' neighborhood and the origin among them."""
    generator = torch.Generator().manual_seed(2024)
    uniform = (torch.rand(points, config.num_features, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * torch.pi
    uniform[0] = 0.0
    # Rounding to float32 can leave the box; pi itself is its edge.
    return uniform.to(dtype).clamp(-3.1415925, 3.1415925)


def _gradient(function: Callable[[Tensor], Tensor], features: Tensor, outputs: int) -> Tensor:
    """(E, O, F) float64."""
    with torch.enable_grad():
        x = features.detach().clone().requires_grad_(True)
        y = function(x)
        rows = [torch.autograd.grad(y[:, o].sum(), x, retain_graph=True)[0] for o in range(outputs)]
    return torch.stack(rows, 1).double()
