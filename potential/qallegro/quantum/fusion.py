"""Trainable blocks fused into dense unitaries, differentiable with respect to the angles.

Rotations about X and Y are rotations about Z in another basis, R_A(x) = V RZ(x) V^dagger. With V absorbed into the neighboring
blocks, and the measured basis into the last, a circuit with K encodings is

    psi_0 -> D(x_1) -> U_1 -> D(x_2) -> ... -> D(x_K) -> W -> probabilities -> signs,     D(x)_bb = exp(i b . x)

where b are the bits of a basis state; the phase exp(-i sum x / 2) of RZ acts on all amplitudes alike and is left out.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from qallegro.quantum.circuit import entangling_pairs, pauli_strings
from qallegro.quantum.config import CircuitConfig

_H = torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / math.sqrt(2.0)
_S = torch.diag(torch.tensor([1, 1j], dtype=torch.complex128))
#: V with P = V Z V^dagger
_TO_AXIS = {"X": _H, "Y": _S @ _H}


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
    device = angles.device
    turn, back = _to_axis(config.encoding_axis, n, device)
    _, measure = _to_axis("Z" if config.observables == "z_zz" else config.observables, n, device)
    blocks: list[Tensor] = []
    initial = torch.zeros(dim, dtype=torch.complex128, device=angles.device)
    initial[0] = 1.0
    start = 0
    for index, depth in enumerate(config.depths):
        factors = [initial if index == 0 else turn, *layers[start : start + depth], measure if index == config.num_encodings else back]
        start += depth
        block = None
        for factor in factors:
            if factor is not None:
                block = factor if block is None else factor @ block
        blocks.append(torch.eye(dim, dtype=torch.complex128, device=device) if block is None else block)
    return FusedCircuit(blocks[0], blocks[1:])


def feature_bits(config: CircuitConfig) -> Tensor:
    """(n, D) float64: bit of qubit q in each basis state; qubit 0 is the most significant. Shared: not to be written to."""
    return _bits(config.num_qubits)


def observable_signs(config: CircuitConfig) -> Tensor:
    """(num_outputs, D) float64: eigenvalue of each observable in each state of the measured basis. Shared: not to be written to."""
    return _signs(config.num_qubits, tuple(pauli_strings(config)))


@cache
@torch.inference_mode(False)  # what is kept must serve training too
def _bits(n: int) -> Tensor:
    states = torch.arange(2**n)
    return torch.stack([(states >> (n - 1 - q)) & 1 for q in range(n)]).to(torch.float64)


@cache
@torch.inference_mode(False)  # what is kept must serve training too
def _signs(n: int, strings: tuple[str, ...]) -> Tensor:
    bits = _bits(n)
    rows = []
    for pauli in strings:
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
            source, sign = _entangler(n, tuple(entangling_pairs(config, within)), config.entangler == "cz_ring")
            rows = product[layer]
            if source is not None:
                rows = rows.index_select(0, source.to(angles.device))
            if sign is not None:
                rows = rows * sign.to(angles.device).unsqueeze(1)
            result.append(rows)
            layer += 1
    return result


@cache
@torch.inference_mode(False)  # what is kept must serve training too
def _entangler(n: int, pairs: tuple[tuple[int, int], ...], is_cz: bool) -> tuple[Tensor | None, Tensor | None]:
    """The entangler as a signed permutation: row r of its product with M is sign[r] M[source[r]]; None where all rows stay as they are."""
    states = torch.arange(2**n)
    source, sign = states.clone(), torch.ones(2**n, dtype=torch.float64)
    for control, target in pairs:
        on = (states >> (n - 1 - control)) & 1
        if is_cz:
            sign = sign * (1.0 - 2.0 * (on & (states >> (n - 1 - target)) & 1))
        else:
            source = source[states ^ (on << (n - 1 - target))]
    return None if is_cz or not pairs else source, sign if is_cz and pairs else None


@cache
@torch.inference_mode(False)  # what is kept must serve training too
def _to_axis(axis: str, n: int, device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """V on all qubits and its inverse; None for the Z axis, which needs none."""
    if axis == "Z":
        return None, None
    product = _TO_AXIS[axis]
    for _ in range(n - 1):
        product = torch.kron(product, _TO_AXIS[axis])
    product = product.to(device)
    return product, product.conj().T.contiguous()
