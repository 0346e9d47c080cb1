"""Forms U and G: the state vector in real arithmetic, its blocks fused into one matrix each (U) or applied gate by gate (G).

Like the training layer they carry delta(x) = psi(x) - psi(0), so that the outputs delta (delta + 2 psi(0)), summed with signs, are exactly
zero at x = 0. Amplitudes are rows, real parts first, and edges the last index. With phases phi = b . x,

    exp(i phi) - 1 = 2 i sin(phi/2) exp(i phi/2) = -2 sin^2(phi/2) + 2 i sin(phi/2) cos(phi/2).
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from qallegro.quantum.bounds import Bound, block_error, gamma, kron_error, matrix_error, state_bound, unit_roundoff
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.fusion import feature_bits, observable_signs
from qallegro.quantum.surrogates.steps import Complex, Step, apply_block, blocks, encoded_columns, permutation, start_state

#: qubits whose rotations form G multiplies into one matrix
GROUPED_QUBITS = 3


def minus_turned(real: Tensor, imag: Tensor, half: Tensor) -> Tensor:
    """(1 - exp(i phi)) (real + i imag) / 2 from phi/2 (D, E), as rows [re, im] (2 D, E)."""
    sin = torch.sin(half)
    square, product = sin * sin, sin * torch.cos(half)
    return torch.cat([torch.addcmul(square * real, product, imag), torch.addcmul(square * imag, product, real, value=-1.0)])


class UnitaryForm(nn.Module):
    """The circuit as fused unitaries: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs)."""

    def __init__(self, config: CircuitConfig, angles: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        made = blocks(config, angles)
        dim = 2**config.num_qubits
        self.dim = dim
        references = _references(config, made)
        unitaries = [apply_block(block, np.eye(dim, dtype=Complex)) for block in made[1:]]
        half = _half_phases(config)
        # The first encoding acts on a constant state: its phases enter linearly, and the first basis state has none.
        first = unitaries[0] * references[0][:, 0]
        turned = 2 * np.concatenate([-first, 1j * first], 1)[:, [k for k in range(2 * dim) if k % dim]]
        by_phase = np.concatenate([turned.real, turned.imag])
        self.register_buffer("first_half_phases", half[0, 1:].to(dtype))
        self.register_buffer("first_squares", _tensor(by_phase[:, : dim - 1], dtype))
        self.register_buffer("first_products", _tensor(by_phase[:, dim - 1 :], dtype))
        self.register_buffer("half_phases", half[1:].to(dtype))
        matrices = np.zeros((0, 2 * dim, 2 * dim)) if len(unitaries) == 1 else np.stack([_real_matrix(u) for u in unitaries[1:]])
        self.register_buffer("unitaries", _tensor(matrices, dtype))
        self.register_buffer("twice_references", _tensor(np.stack([2 * _rows(r) for r in references[1:]]), dtype))
        signs = observable_signs(config).to(dtype)
        self.register_buffer("signs", torch.cat([signs, signs], 1))
        self.num_later = len(unitaries) - 1

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        rows = features.t()
        half = torch.mm(self.first_half_phases, rows)
        sin = torch.sin(half)
        delta = torch.addmm(torch.mm(self.first_squares, sin * sin), self.first_products, sin * torch.cos(half))
        for k in range(self.num_later):
            real, imag = torch.split(self.twice_references[k] + 2.0 * delta, self.dim)
            delta = delta - minus_turned(real, imag, torch.mm(self.half_phases[k], rows))
            delta = torch.mm(self.unitaries[k], delta)
        return torch.mm(self.signs, delta * (delta + self.twice_references[-1])).t()


class GatesForm(nn.Module):
    """The circuit gate by gate: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs).

    The encodings of all qubits are one diagonal; between two entanglers the rotations of up to `GROUPED_QUBITS` qubits are one matrix;
    entanglers are permutations of rows with signs.
    """

    def __init__(self, config: CircuitConfig, angles: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        made = blocks(config, angles)
        self.dim = 2**config.num_qubits
        references = _references(config, made)
        self.register_buffer("half_phases", _half_phases(config).to(dtype))
        self.register_buffer("twice_references", _tensor(np.stack([2 * _rows(r) for r in references]), dtype))
        signs = observable_signs(config).to(dtype)
        self.register_buffer("signs", torch.cat([signs, signs], 1))
        self.blocks = nn.ModuleList(GateBlock(block, config.num_qubits, dtype) for block in made[1:])

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        rows = features.t()
        delta = rows
        for k, block in enumerate(self.blocks):
            reference = self.twice_references[k]
            half = torch.mm(self.half_phases[k], rows)
            if k == 0:
                real, imag = torch.split(reference, self.dim)
                delta = -minus_turned(real, imag, half)
            else:
                real, imag = torch.split(reference + 2.0 * delta, self.dim)
                delta = delta - minus_turned(real, imag, half)
            delta = block(delta)
        return torch.mm(self.signs, delta * (delta + self.twice_references[-1])).t()

    def describe(self) -> list[list[str]]:
        """Kinds of the steps of each block, in the order of their buffers."""
        return [["rotations" if isinstance(step, Rotations) else "entanglers" for step in block.steps] for block in self.blocks]


class GateBlock(nn.Module):
    """The fixed gates between two encodings, on amplitudes (2 D, E)."""

    def __init__(self, block: list[Step], n: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for layer in _layers(block):
            for qubits in qubit_groups(n) if layer.singles else []:
                self.steps.append(Rotations(_kron(layer.singles, qubits), 2**n, dtype))
            if layer.entanglers:
                self.steps.append(Entanglers(layer.entanglers, n, dtype))

    def forward(self, amplitudes: Tensor) -> Tensor:
        """Args: amplitudes (2 D, E). Returns (2 D, E)."""
        for step in self.steps:
            amplitudes = step(amplitudes)
        return amplitudes


class Rotations(nn.Module):
    """A matrix on the leading qubits, which then become the last: after one for every group the order of qubits is the old one."""

    def __init__(self, matrix: np.ndarray, dim: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.size, self.rest = matrix.shape[0], dim // matrix.shape[0]
        self.register_buffer("matrix", _tensor(_real_matrix(matrix), dtype))

    def forward(self, amplitudes: Tensor) -> Tensor:
        """Args: amplitudes (2 D, E). Returns (2 D, E)."""
        edges = amplitudes.shape[1]
        turned = torch.mm(self.matrix, amplitudes.view(2 * self.size, self.rest * edges))
        if self.rest == 1:
            return turned
        return turned.view(2, self.size, self.rest, edges).transpose(1, 2).reshape(2 * self.size * self.rest, edges)


class Entanglers(nn.Module):
    """Entangling gates in a row, as one signed permutation of amplitudes."""

    def __init__(self, gates: list[Step], n: int, dtype: torch.dtype) -> None:
        super().__init__()
        source, sign = np.arange(2**n), np.ones(2**n)
        for gate in gates:
            next_source, next_sign = permutation(gate, n)
            source, sign = source[next_source], next_sign * sign[next_source]
        self.permutes, self.signs_change = bool(np.any(source != np.arange(2**n))), bool(np.any(sign < 0))
        self.register_buffer("source", torch.from_numpy(np.concatenate([source, source + 2**n])))
        self.register_buffer("sign", _tensor(np.concatenate([sign, sign])[:, None], dtype))

    def forward(self, amplitudes: Tensor) -> Tensor:
        """Args: amplitudes (2 D, E). Returns (2 D, E)."""
        if self.permutes:
            amplitudes = amplitudes.index_select(0, self.source)
        if self.signs_change:
            amplitudes = amplitudes * self.sign
        return amplitudes


class _Layer:
    """Single-qubit matrices, then entangling gates."""

    def __init__(self) -> None:
        self.singles: dict[int, Step] = {}
        self.entanglers: list[Step] = []


def qubit_groups(n: int) -> list[range]:
    """Qubits in as few groups of at most `GROUPED_QUBITS` as there can be, of nearly equal size."""
    count = math.ceil(n / GROUPED_QUBITS)
    edges = [k * n // count for k in range(count + 1)]
    return [range(a, b) for a, b in zip(edges, edges[1:], strict=False)]


def layers_of_blocks(config: CircuitConfig) -> int:
    """Layers of rotations after the first encoding, those of changes of basis included."""
    made = blocks(config, torch.zeros(config.num_angles))
    return sum(bool(layer.singles) for block in made[1:] for layer in _layers(block))


def unitary_bounds(config: CircuitConfig, angles: Tensor, dtype: torch.dtype) -> tuple[Bound, Bound]:
    """Form U: bound on what its constants are off by before they are stored, and on the rounding of constants and evaluation."""
    made, u = blocks(config, angles), unit_roundoff(dtype)
    root = math.sqrt(2**config.num_qubits)
    # Columns of a fused block are states, each off by `block_error`, so the matrix by at most sqrt(D) times that (Frobenius).
    made_off = [root * block_error(block) for block in made[1:]]
    made_off[0] += root * kron_error(2)  # psi(0) multiplied into the first block
    # Rounded once, then a sum of 2 D products: |A| as a real matrix has norm sqrt(2 D) at most.
    stored_off = [e + (u + gamma(2 * 2**config.num_qubits + 1, u)) * math.sqrt(2.0) * root for e in made_off]
    return _bounds(config, made, made_off, stored_off, u)


def gates_bounds(config: CircuitConfig, angles: Tensor, dtype: torch.dtype) -> tuple[Bound, Bound]:
    """Form G: the same two bounds."""
    made, u = blocks(config, angles), unit_roundoff(dtype)
    made_off, stored_off = [], []
    for block in made[1:]:
        off = rounding = 0.0
        for layer in _layers(block):
            off += sum(matrix_error(step.merged) for step in layer.singles.values())
            if layer.singles:
                for qubits in qubit_groups(config.num_qubits):
                    size = 2 ** len(qubits)
                    off += kron_error(len(qubits))
                    rounding += (u + gamma(2 * size + 1, u)) * math.sqrt(2.0 * size)
        made_off.append(off)
        stored_off.append(off + rounding)
    return _bounds(config, made, made_off, stored_off, u)


def _bounds(config: CircuitConfig, made: list[list[Step]], made_off: list[float], stored_off: list[float], u: float) -> tuple[Bound, Bound]:
    encodings_of = np.zeros(config.num_features)
    for columns in encoded_columns(config):
        encodings_of[list(columns)] += 1
    reference = sum(map(block_error, made))
    arguments = (config.num_qubits, encodings_of, config.num_outputs)
    approximation = state_bound(made_off, reference, *arguments, u=0.0)
    total = state_bound(stored_off, reference + u, *arguments, u=u)
    return approximation, Bound(total.value - approximation.value, total.gradient - approximation.gradient)


def _references(config: CircuitConfig, made: list[list[Step]]) -> list[np.ndarray]:
    """psi_0(0) .. psi_K(0), each (D, 1) complex."""
    states = [apply_block(made[0], start_state(config))]
    for block in made[1:]:
        states.append(apply_block(block, states[-1]))
    return states


def _half_phases(config: CircuitConfig) -> Tensor:
    """(K, D, num_features) float64: row b of entry k times the features is b . x^(k) / 2."""
    bits = feature_bits(config).T
    half = torch.zeros(config.num_encodings, bits.shape[0], config.num_features, dtype=torch.float64)
    for k, columns in enumerate(encoded_columns(config)):
        half[k, :, columns.start : columns.stop] = bits / 2.0
    return half


def _layers(block: list[Step]) -> list[_Layer]:
    """Steps of a block in layers: a single-qubit matrix moves ahead of the entangling gates that do not touch its qubit."""
    layers = [_Layer()]
    for step in block:
        if step.matrix is None:
            layers[-1].entanglers.append(step)
            continue
        touched = {q for gate in layers[-1].entanglers for q in gate.qubits}
        if step.qubits[0] in touched or step.qubits[0] in layers[-1].singles:
            layers.append(_Layer())
        layers[-1].singles[step.qubits[0]] = step
    return layers


def _kron(singles: dict[int, Step], qubits: range) -> np.ndarray:
    product = np.ones((1, 1), dtype=Complex)
    for qubit in qubits:
        product = np.kron(product, singles[qubit].matrix if qubit in singles else np.eye(2, dtype=Complex))
    return product


def _rows(state: np.ndarray) -> np.ndarray:
    return np.concatenate([state.real, state.imag])


def _real_matrix(matrix: np.ndarray) -> np.ndarray:
    """X with X [re; im] = [re; im] of `matrix` applied to columns."""
    return np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])


def _tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    # Through float64: torch has no longer float; the second rounding of a float32 is 2^-29 of the first.
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)).to(dtype)
