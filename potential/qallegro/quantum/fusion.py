"""Trainable blocks fused into dense unitaries, differentiable with respect to the angles.

Rotations about X and Y are rotations about Z in another basis, R_A(x) = V RZ(x) V^dagger. With V absorbed into the neighboring
blocks, and the measured basis into the last, a circuit with K encodings is

    psi_0 -> D(x_1) -> U_1 -> D(x_2) -> ... -> D(x_K) -> W -> probabilities -> signs,     D(x)_bb = exp(i b . x)

where b are the bits of a basis state; the phase exp(-i sum x / 2) of RZ acts on all amplitudes alike and is left out.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from qallegro.quantum.circuit import entangling_pairs, pauli_strings
from qallegro.quantum.config import CircuitConfig

_H = torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / math.sqrt(2.0)
_S = torch.diag(torch.tensor([1, 1j], dtype=torch.complex128))
#: V with P = V Z V^dagger
_TO_AXIS = {"Z": torch.eye(2, dtype=torch.complex128), "X": _H, "Y": _S @ _H}


class FusedCircuit(NamedTuple):
    """Everything of a circuit that does not depend on the features; D = 2^n amplitudes."""

    initial: Tensor  #: (D,) complex128, state before the first encoding
    unitaries: list[Tensor]  #: K matrices (D, D) complex128, one after each encoding; the last ends in the measured basis


def fuse(config: CircuitConfig, angles: Tensor) -> FusedCircuit:
    """Fuse the blocks of a circuit.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
    """
    n = config.num_qubits
    dim = 2**n
    layers = _layers(config, angles.to(torch.float64))
    turn = _on_all_qubits(_TO_AXIS[config.encoding_axis], n).to(angles.device)
    axis = "Z" if config.observables == "z_zz" else config.observables
    measure = _on_all_qubits(_TO_AXIS[axis].conj().T.contiguous(), n).to(angles.device)
    blocks: list[Tensor] = []
    initial = torch.zeros(dim, dtype=torch.complex128, device=angles.device)
    initial[0] = 1.0
    start = 0
    for index, depth in enumerate(config.depths):
        block = initial if index == 0 else turn
        for layer in layers[start : start + depth]:
            block = layer @ block
        start += depth
        blocks.append((measure if index == config.num_encodings else turn.conj().T) @ block)
    return FusedCircuit(blocks[0], blocks[1:])


def feature_bits(config: CircuitConfig) -> Tensor:
    """(n, D) float64: bit of qubit q in each basis state; qubit 0 is the most significant."""
    n = config.num_qubits
    states = torch.arange(2**n)
    return torch.stack([(states >> (n - 1 - q)) & 1 for q in range(n)]).to(torch.float64)


def observable_signs(config: CircuitConfig) -> Tensor:
    """(num_outputs, D) float64: eigenvalue of each observable in each state of the measured basis."""
    bits = feature_bits(config)
    rows = []
    for pauli in pauli_strings(config):
        measured = [bits[q] for q, letter in enumerate(pauli) if letter != "I"]
        rows.append(1.0 - 2.0 * torch.remainder(torch.stack(measured).sum(0), 2.0))
    return torch.stack(rows)


def real_matrix(matrix: Tensor) -> Tensor:
    """(2 D, 2 R) real X with [re | im] @ X = [re | im] of `matrix` (R, D) applied to row vectors."""
    transposed = matrix.transpose(0, 1)
    return torch.cat([torch.cat([transposed.real, transposed.imag], 1), torch.cat([-transposed.imag, transposed.real], 1)], 0)


def _layers(config: CircuitConfig, angles: Tensor) -> list[Tensor]:
    """Unitary (D, D) of every layer: rotations, then the entangler."""
    n, count = config.num_qubits, config.num_layers
    if count == 0:
        return []
    a, b, c = angles.view(count, n, 3).unbind(2)
    cos, sin = torch.cos(b / 2), torch.sin(b / 2)
    even, odd = torch.polar(torch.ones_like(a), (a + c) / 2), torch.polar(torch.ones_like(a), (a - c) / 2)
    rows = [torch.stack([even.conj() * cos, -odd * sin], 2), torch.stack([odd.conj() * sin, even * cos], 2)]
    rotations = torch.stack(rows, 2)
    product = rotations[:, 0]
    for q in range(1, n):
        size = 2 * product.shape[1]
        product = (product[:, :, None, :, None] * rotations[:, q, None, :, None, :]).reshape(count, size, size)
    result, layer = [], 0
    for depth in config.depths:
        for within in range(depth):
            source, sign = _entangler(config, within)
            result.append(product[layer][source.to(angles.device)] * sign.to(angles.device).unsqueeze(1))
            layer += 1
    return result


def _entangler(config: CircuitConfig, within: int) -> tuple[Tensor, Tensor]:
    """The entangler as a signed permutation: row r of its product with M is sign[r] M[source[r]]."""
    n = config.num_qubits
    states = torch.arange(2**n)
    source, sign = states.clone(), torch.ones(2**n, dtype=torch.float64)
    for control, target in entangling_pairs(config, within):
        on = (states >> (n - 1 - control)) & 1
        if config.entangler == "cz_ring":
            sign = sign * (1.0 - 2.0 * (on & (states >> (n - 1 - target)) & 1))
        else:
            source = source[states ^ (on << (n - 1 - target))]
    return source, sign


def _on_all_qubits(matrix: Tensor, n: int) -> Tensor:
    product = matrix
    for _ in range(n - 1):
        product = torch.kron(product, matrix)
    return product
