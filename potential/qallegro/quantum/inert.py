"""Angles and features that cannot change what a circuit gives, found from its description alone.

The derivative of an output with respect to an angle is a trigonometric polynomial of all angles and features: it is either zero
everywhere or non-zero at a random point with probability one. So a few random points decide.
"""

import math
from functools import cache
from typing import NamedTuple

import torch

from qallegro.errors import ConfigError
from qallegro.quantum.circuit import Gate, gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

_PAULIS = {
    name: torch.tensor(rows, dtype=torch.complex128)
    for name, rows in {"I": [[1, 0], [0, 1]], "X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}.items()
}
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
    config = CircuitConfig.model_validate_json(description)
    generator = torch.Generator().manual_seed(1)

    def uniform(size: int) -> torch.Tensor:
        return (torch.rand(size, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * torch.pi

    largest = [torch.zeros(config.num_angles), torch.zeros(config.num_angles), torch.zeros(config.num_features)]
    for _ in range(_POINTS):
        angles, features = uniform(config.num_angles), uniform(config.num_features)
        weights = torch.randn(config.num_outputs, generator=generator, dtype=torch.float64)
        at_features, by_features = _gradients(config, angles, features, weights)
        at_zero, _ = _gradients(config, angles, torch.zeros_like(features), weights)
        for k, gradient in enumerate((at_features, at_features - at_zero, by_features)):
            largest[k] = torch.maximum(largest[k], gradient.abs())
    return Inert(*(tuple(torch.nonzero(x < _ZERO).flatten().tolist()) for x in largest))


def _gradients(
    config: CircuitConfig, angles: torch.Tensor, features: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives of sum_k w_k <P_k>(x) by angles and by features, gate by gate on one state.

    A rotation about G has d/da exp(-i a G / 2) = -i/2 G exp(-i a G / 2); the observables are carried back through the gates (adjoint
    differentiation), so that all derivatives cost as much as three runs of the circuit.
    """
    n = config.num_qubits
    state = torch.zeros([2] * n, dtype=torch.complex128)
    state[(0,) * n] = 1.0
    order = gates(config)
    for gate in order:
        state = _apply(state, gate, _value(gate, angles, features))
    dual = torch.zeros_like(state)
    for weight, pauli in zip(weights.tolist(), pauli_strings(config), strict=True):
        term = state
        for qubit, letter in enumerate(pauli):
            if letter != "I":
                term = _on_qubit(term, _PAULIS[letter], qubit)
        dual = dual + weight * term
    by_angles, by_features = torch.zeros_like(angles), torch.zeros_like(features)
    for gate in reversed(order):
        value = _value(gate, angles, features)
        if value is not None:
            # 2 Re <dual| -i/2 G |state>
            slope = torch.sum(dual.conj() * _on_qubit(state, _PAULIS[gate.name[1]], gate.qubits[0])).imag
            target, index = (by_angles, gate.angle) if gate.angle is not None else (by_features, gate.feature)
            target[index] += slope
            value = -value
        state, dual = _apply(state, gate, value), _apply(dual, gate, value)
    return by_angles, by_features


def _value(gate: Gate, angles: torch.Tensor, features: torch.Tensor) -> float | None:
    if gate.angle is not None:
        return float(angles[gate.angle])
    return None if gate.feature is None else float(features[gate.feature])


def _apply(state: torch.Tensor, gate: Gate, value: float | None) -> torch.Tensor:
    """A gate on a state of shape (2, .., 2); entangling gates are their own inverse."""
    if value is not None:
        rotation = math.cos(value / 2) * _PAULIS["I"] - 1j * math.sin(value / 2) * _PAULIS[gate.name[1]]
        return _on_qubit(state, rotation, gate.qubits[0])
    control, target = gate.qubits
    off, on = state.unbind(control)
    target -= target > control
    on = _on_qubit(on, _PAULIS["X" if gate.name == "CNOT" else "Z"], target)
    return torch.stack([off, on], control)


def _on_qubit(state: torch.Tensor, matrix: torch.Tensor, qubit: int) -> torch.Tensor:
    return torch.tensordot(matrix, state, ([1], [qubit])).movedim(0, qubit)
