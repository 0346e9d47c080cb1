"""A circuit as the fewest steps that constants can be made of: merged single-qubit matrices, entangling gates, diagonal encodings.

Encodings are diagonal here: an encoding about X or Y is one about Z in another basis, R_A(x) = V RZ(x) V^dagger, and V joins the
rotations before and after it, as the change to the measured basis joins those at the end. With the global phase left out,

    psi_0 = B_0 |0>,   psi_k = B_k D(x^(k)) psi_{k-1},   <P>(x) = sum_b s_b |psi_K|^2_b,   D(x)_bb = exp(i b . x).

Constants are computed in the longest float of the machine (80 bits on x86, 64 elsewhere) and rounded once, when a form is stored; the
bounds (`qallegro.quantum.bounds`) take the precision that there is.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from qallegro.quantum.circuit import encoded_features, gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

Real, Complex = np.longdouble, np.clongdouble

_R = np.sqrt(Real(0.5))
#: V with P = V Z V^dagger
_TO_AXIS = {"X": np.array([[_R, _R], [_R, -_R]], dtype=Complex), "Y": np.array([[_R, _R], [1j * _R, -1j * _R]], dtype=Complex)}


class Step(NamedTuple):
    """One unitary of a block."""

    qubits: tuple[int, ...]  #: one qubit, or control and target
    matrix: np.ndarray | None = None  #: (2, 2) complex, of a single qubit
    gate: str = ""  #: CNOT or CZ
    merged: int = 0  #: matrices multiplied into `matrix`


def blocks(config: CircuitConfig, angles: Tensor) -> list[list[Step]]:
    """B_0 .. B_K of a circuit with K encodings, from its gates.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
    """
    values = angles.detach().double().tolist()
    into = _TO_AXIS.get(config.encoding_axis)
    measured = pauli_strings(config)[0].strip("I")[0]
    made, current = [], _Block(config.num_qubits)
    encoding = None
    for gate in gates(config):
        if gate.encoding != encoding and gate.encoding is not None:
            current.on_all(_dagger(into))
            made.append(current.finish())
            current = _Block(config.num_qubits)
            current.on_all(into)
            encoding = gate.encoding
        if gate.angle is not None:
            current.single(gate.qubits[0], _rotation(gate.name, values[gate.angle]))
        elif gate.feature is None:
            current.entangle(gate.name, gate.qubits)
    current.on_all(_dagger(_TO_AXIS.get(measured)))
    made.append(current.finish())
    return made


def encoded_columns(config: CircuitConfig) -> list[range]:
    """Features of each of the K encodings, in the order of qubits."""
    return [encoded_features(config, k) for k in range(config.num_encodings)]


def apply_block(block: list[Step], states: np.ndarray) -> np.ndarray:
    """A block on states (2^n, P) complex, one a column; qubit 0 is the most significant bit."""
    dim, columns = states.shape
    for step in block:
        if step.matrix is None:
            source, sign = permutation(step, dim.bit_length() - 1)
            states = states[source] * sign[:, None]
            continue
        halves = states.reshape(2 ** step.qubits[0], 2, -1, columns)
        zero, one = halves[:, 0], halves[:, 1]
        (a, b), (c, d) = step.matrix
        states = np.stack([a * zero + b * one, c * zero + d * one], 1).reshape(dim, columns)
    return states


def permutation(step: Step, n: int) -> tuple[np.ndarray, np.ndarray]:
    """An entangling gate as row r of the result = sign[r] times row source[r]."""
    states = np.arange(2**n)
    control, target = ((states >> (n - 1 - q)) & 1 for q in step.qubits)
    if step.gate == "CZ":
        return states, 1.0 - 2.0 * (control & target)
    return states ^ (control << (n - 1 - step.qubits[1])), np.ones(2**n)


def start_state(config: CircuitConfig) -> np.ndarray:
    """(2^n, 1) complex, |0>."""
    state = np.zeros((2**config.num_qubits, 1), dtype=Complex)
    state[0] = 1.0
    return state


class _Block:
    """Steps so far, with the single-qubit matrices that no entangling gate has followed yet."""

    def __init__(self, n: int) -> None:
        self.steps: list[Step] = []
        self.pending: dict[int, tuple[np.ndarray, int]] = {}
        self.n = n

    def single(self, qubit: int, matrix: np.ndarray) -> None:
        before, merged = self.pending.get(qubit, (None, 0))
        self.pending[qubit] = (matrix if before is None else matrix @ before, merged + 1)

    def on_all(self, matrix: np.ndarray | None) -> None:
        if matrix is not None:
            for qubit in range(self.n):
                self.single(qubit, matrix)

    def entangle(self, gate: str, qubits: tuple[int, ...]) -> None:
        self._flush(qubits)
        self.steps.append(Step(qubits, gate=gate))

    def finish(self) -> list[Step]:
        self._flush(tuple(sorted(self.pending)))
        return self.steps

    def _flush(self, qubits: tuple[int, ...]) -> None:
        for qubit in qubits:
            if qubit in self.pending:
                matrix, merged = self.pending.pop(qubit)
                self.steps.append(Step((qubit,), matrix=matrix, merged=merged))


def _rotation(name: str, angle: float) -> np.ndarray:
    half = Real(angle) / 2
    cos, sin = np.cos(half), np.sin(half)
    rows = {
        "RX": [[cos, -1j * sin], [-1j * sin, cos]],
        "RY": [[cos, -sin], [sin, cos]],
        "RZ": [[cos - 1j * sin, 0.0], [0.0, cos + 1j * sin]],
    }
    return np.array(rows[name], dtype=Complex)


def _dagger(matrix: np.ndarray | None) -> np.ndarray | None:
    return None if matrix is None else matrix.conj().T
