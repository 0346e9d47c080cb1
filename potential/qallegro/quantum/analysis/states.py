"""State vectors for many angles and inputs at once, gate by gate, with the derivative of each amplitude by each angle.

It shares no arithmetic with the fused blocks of the training layer, so that each is a witness for the other.
"""

import math

import torch
from torch import Tensor

from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

_PAULIS = {
    "X": torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128),
    "Y": torch.tensor([[0, -1j], [1j, 0]], dtype=torch.complex128),
    "Z": torch.tensor([[1, 0], [0, -1]], dtype=torch.complex128),
}
#: rows are the conjugated eigenvectors of X, Y, Z: the eigenvalue +1 first
_TO_EIGENBASIS = {
    "X": torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / math.sqrt(2.0),
    "Y": torch.tensor([[1, -1j], [1, 1j]], dtype=torch.complex128) / math.sqrt(2.0),
    "Z": torch.eye(2, dtype=torch.complex128),
}


def run_states(config: CircuitConfig, angles: Tensor, features: Tensor) -> Tensor:
    """Final states psi(x, theta).

    Args:
        config: the circuit.
        angles: (B, num_angles) rad.
        features: (B, num_features) rad.

    Returns:
        (B, 2^n) complex128, differentiable; qubit 0 is the most significant bit.
    """
    return run_from(config, angles, features, _ground_states(config, angles.shape[0], 1))[:, 0]


def run_from(config: CircuitConfig, angles: Tensor, features: Tensor, states: Tensor) -> Tensor:
    """As `run_states`, from other states (B, R, 2^n), R for each member of the batch."""
    for gate in gates(config):
        if gate.angle is not None:
            states = _rotate(config, states, gate.name[1], gate.qubits[0], angles[:, gate.angle])
        elif gate.feature is not None:
            states = _rotate(config, states, gate.name[1], gate.qubits[0], features[:, gate.feature])
        else:
            states = _entangle(config, states, gate.name, *gate.qubits)
    return states


def run_tangents(config: CircuitConfig, angles: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Final states and their derivatives by every angle, d psi / d theta_a, carried forward through the circuit.

    Returns:
        states (B, 2^n) and tangents (B, num_angles, 2^n), complex128; no graph.
    """
    with torch.no_grad():
        rows = _ground_states(config, angles.shape[0], 1 + config.num_angles)
        rows[:, 1:] = 0.0
        for gate in gates(config):
            if gate.angle is not None:
                rows = _rotate(config, rows, gate.name[1], gate.qubits[0], angles[:, gate.angle])
                rows[:, 1 + gate.angle] += -0.5j * on_qubit(config, rows[:, :1], _PAULIS[gate.name[1]], gate.qubits[0])[:, 0]
            elif gate.feature is not None:
                rows = _rotate(config, rows, gate.name[1], gate.qubits[0], features[:, gate.feature])
            else:
                rows = _entangle(config, rows, gate.name, *gate.qubits)
    return rows[:, 0], rows[:, 1:]


def to_measured_basis(config: CircuitConfig, states: Tensor) -> Tensor:
    """Amplitudes (B, R, 2^n) in the product basis of the measured Pauli on every qubit."""
    axis = "Z" if config.observables == "z_zz" else config.observables
    for qubit in range(config.num_qubits):
        states = on_qubit(config, states, _TO_EIGENBASIS[axis], qubit)
    return states


def apply_pauli(config: CircuitConfig, states: Tensor, pauli: str) -> Tensor:
    """P psi (B, 2^n) of states (B, 2^n) for one Pauli string."""
    turned = states[:, None]
    for qubit, letter in enumerate(pauli):
        if letter != "I":
            turned = on_qubit(config, turned, _PAULIS[letter], qubit)
    return turned[:, 0]


def expectation(config: CircuitConfig, states: Tensor, pauli: str) -> Tensor:
    """<psi|P|psi> (B,) of states (B, 2^n) for one Pauli string."""
    return (states.conj() * apply_pauli(config, states, pauli)).sum(1).real


def expectations_of(config: CircuitConfig, states: Tensor) -> Tensor:
    """(B, num_outputs) for states (B, 2^n)."""
    return torch.stack([expectation(config, states, pauli) for pauli in pauli_strings(config)], 1)


def on_qubit(config: CircuitConfig, states: Tensor, matrix: Tensor, qubit: int) -> Tensor:
    """A 2x2 `matrix` on one qubit of states (B, R, 2^n)."""
    batch, rows, dim = states.shape
    split = states.reshape(batch, rows, 2**qubit, 2, dim >> (qubit + 1))
    return torch.einsum("ij,brajc->braic", matrix, split).reshape(batch, rows, dim)


def _ground_states(config: CircuitConfig, batch: int, rows: int) -> Tensor:
    states = torch.zeros(batch, rows, 2**config.num_qubits, dtype=torch.complex128)
    states[:, :, 0] = 1.0
    return states


def _rotate(config: CircuitConfig, states: Tensor, axis: str, qubit: int, angle: Tensor) -> Tensor:
    """exp(-i angle P / 2) with one angle (B,) for each member of the batch."""
    cos, sin = torch.cos(angle / 2)[:, None, None], torch.sin(angle / 2)[:, None, None]
    return cos * states - 1j * sin * on_qubit(config, states, _PAULIS[axis], qubit)


def _entangle(config: CircuitConfig, states: Tensor, name: str, control: int, target: int) -> Tensor:
    n = config.num_qubits
    index = torch.arange(2**n)
    on = (index >> (n - 1 - control)) & 1
    if name == "CZ":
        return states * (1.0 - 2.0 * (on & (index >> (n - 1 - target)) & 1))
    return states[:, :, index ^ (on << (n - 1 - target))]
