"""The weights of a network as the kernels want them: every chain of linear maps folded into one, in one list of numbers.

No linear map has a bias, so a scalar s_k is a linear function of what came out of activations before it ("sources": the radial network,
t_k, the last hidden features of each latent perceptron). Every input of an activation, and every tensor weight, is a sum of one matrix
product for each source. cpp/src/native/plan.cpp folds an exported file in the same way; the order here is that of
cpp/src/native/training_kernel.hpp. What is multiplied with what depends on hyperparameters alone: it is written down once, and
cpp/src/native/kernels/folding_kernel.hpp runs it at every step, forward and backward.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from qallegro.model.allegro import Allegro
from qallegro.model.linear import MLP, Linear
from qallegro.model.radial import BesselEmbed
from qallegro.model.readout import HiddenMLPHead, PeriodicHead
from qallegro.native.circuit import CircuitCoefficients
from qallegro.quantum.statevector import QuantumLayer

_RADIAL = 0


class _Node(NamedTuple):
    """A matrix of the program."""

    number: int
    rows: int
    columns: int


#: source -> matrix
Combination = dict[int, _Node]


class _Target(NamedTuple):
    value: Combination
    width: int
    row: int


class _Recorder:
    """Writes down instructions; shapes are known, numbers are not."""

    def __init__(self) -> None:
        self.parameters: list[Tensor] = []
        self.kinds: list[str] = []
        self.inputs: list[list[int]] = []
        self.numbers: list[list[int]] = []
        self.scales: list[float] = []
        self.shapes: list[list[int]] = []

    def parameter(self, tensor: Tensor, scale: float = 1.0) -> _Node:
        self.parameters.append(tensor)
        rows, columns = tensor.shape if tensor.dim() == 2 else (1, tensor.shape[0])
        return self._node("parameter", [len(self.parameters) - 1], [], rows, columns, scale)

    def linear(self, linear: Linear) -> _Node:
        return self.parameter(linear.weight, linear.alpha)

    def linears(self, mlp: MLP) -> list[_Node]:
        return [self.linear(mlp.first), *(self.linear(linear) for linear in mlp.rest)]

    def product(self, a: _Node, b: _Node) -> _Node:
        return self._node("product", [a.number, b.number], [], a.rows, b.columns)

    def columns(self, a: _Node, first: int, count: int) -> _Node:
        return self._node("columns", [a.number], [first], a.rows, count)

    def rows(self, a: _Node, first: int, count: int) -> _Node:
        return self._node("rows", [a.number], [first], count, a.columns)

    def sum(self, a: _Node, b: _Node) -> _Node:
        return self._node("sum", [a.number, b.number], [], a.rows, a.columns)

    def joined(self, parts: list[_Node]) -> _Node:
        if len(parts) == 1:
            return parts[0]
        return self._node("joined", [p.number for p in parts], [], parts[0].rows, sum(p.columns for p in parts))

    def scaled_columns(self, a: _Node, scales: _Node) -> _Node:
        return self._node("scaled_columns", [a.number, scales.number], [], a.rows, a.columns)

    def spread(self, a: _Node, channels: int) -> _Node:
        """(channels or 1, paths) to (paths, channels)"""
        return self._node("spread", [a.number], [], a.columns, channels)

    def pairs(self, basis: _Node, center: _Node, neighbor: _Node) -> _Node:
        """(N, C) and twice (nt, C/2) to (nt^2 N, C): the map of the radial functions for each pair of types."""
        return self._node("pairs", [basis.number, center.number, neighbor.number], [], center.rows**2 * basis.rows, basis.columns)

    def splines(self, a: _Node, dim: int, count: int) -> _Node:
        """(nt^2, C K) to (nt^2 K, C)"""
        return self._node("splines", [a.number], [dim, count], a.rows * count, dim)

    def _node(self, kind: str, inputs: list[int], numbers: list[int], rows: int, columns: int, scale: float = 1.0) -> _Node:
        self.kinds.append(kind)
        self.inputs.append(inputs)
        self.numbers.append(numbers)
        self.scales.append(scale)
        self.shapes.append([rows, columns])
        return _Node(len(self.kinds) - 1, rows, columns)


class _Folded(torch.autograd.Function):
    """Parameters -> outputs of a program, one after the other (W,) float64."""

    @staticmethod
    def forward(ctx: Any, program: Any, *parameters: Tensor) -> Tensor:
        ctx.program = program
        ctx.save_for_backward(*parameters)
        return program.run(list(parameters))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.program.backward(gradient, list(ctx.saved_tensors))


class Folding:
    """Folds the weights of a network.

    Args:
        network: what is folded, with the weights it has at each call.
        circuit: coefficients of the network's circuit, if it has one that the kernels evaluate; a circuit without them ends the network
            before its head's angles.
        program_class: `torch.classes.qallegro.FoldingProgram`.
    """

    def __init__(self, network: Allegro, circuit: CircuitCoefficients | None, program_class: Any) -> None:
        self.network = network
        self.circuit = circuit
        self._recorder = _Recorder()
        outputs = [node.number for node in self._maps()]
        recorder = self._recorder
        instructions = (recorder.kinds, recorder.inputs, recorder.numbers, recorder.scales, recorder.shapes)
        self._program = program_class(*instructions, outputs, network.dtype == torch.float32)

    def weights(self) -> Tensor:
        """(W,) float64, differentiable once by the network's parameters."""
        network = self.network
        parameters = list(self._recorder.parameters)
        if self.circuit is not None:
            coefficients = self.circuit.matrices(network.readout.layer)
            parameters[len(parameters) - len(coefficients) :] = coefficients
        maps = _Folded.apply(self._program, *parameters)
        frequencies = [network.radial_embed.frequencies] if isinstance(network.radial_embed, BesselEmbed) else []
        return torch.cat([*frequencies, maps, network.scales, network.shifts])

    def _maps(self) -> list[_Node]:
        network, recorder = self.network, self._recorder
        features, weights = network.features, network.channels * network.degrees
        embed = recorder.linears(network.scalar_embed)
        pairs = self._pairs()
        if len(embed) > 1:
            pairs = recorder.product(pairs, embed[0])
        parts = [pairs, *embed[1:-1]]
        h = embed[-1]
        projected = recorder.product(h, recorder.linear(network.first_projection))
        scalars: list[Combination] = [{_RADIAL: recorder.columns(projected, 0, features)}]
        environment: list[Combination] = [{_RADIAL: recorder.columns(projected, features, weights)}]
        pre: list[Combination] = []
        hidden: list[list[_Node]] = []
        for k, layer in enumerate(network.layers):
            linears = recorder.linears(layer.latent)
            first = self._concatenated(scalars, linears[0])
            first[_tensor_source(k)] = recorder.rows(linears[0], features * (k + 1), network.channels)
            if len(linears) == 1:
                z, inner = first, {}
            else:
                z, inner = {_hidden_source(k): linears[-1]}, first
            pre.append(inner)
            hidden.append(linears[1:-1])
            scalars.append({source: recorder.columns(w, 0, features) for source, w in z.items()})
            if k + 1 < network.num_layers:
                environment.append({source: recorder.columns(w, features, weights) for source, w in z.items()})

        head, stages = self._head()
        tensors = {_RADIAL: recorder.product(h, recorder.linear(network.tensor_embed))}
        values = [tensors, environment[0], *pre, self._concatenated(scalars, head), *environment[1:]]
        targets, row = [], 0
        for value in values:
            width = next(iter(value.values())).columns if value else 0
            targets.append(_Target(value, width, row))
            row += width
        written = [False] * len(targets)
        parts += self._ops(_RADIAL, targets, written)
        for k, layer in enumerate(network.layers):
            parts.append(recorder.spread(recorder.parameter(layer.path_weights), network.channels))
            parts += self._ops(_tensor_source(k), targets, written)
            parts += hidden[k]
            parts += self._ops(_hidden_source(k), targets, written)
        return parts + self._coefficients() + stages

    def _pairs(self) -> _Node:
        """(nt^2 radial functions, C)"""
        embed, recorder = self.network.radial_embed, self._recorder
        if isinstance(embed, BesselEmbed):
            vectors = recorder.parameter(embed.center_embed), recorder.parameter(embed.neighbor_embed)
            return recorder.pairs(recorder.linear(embed.basis_linear), *vectors)
        return recorder.splines(recorder.parameter(embed.class_embed), embed.dim, embed.num_splines)

    def _head(self) -> tuple[_Node, list[_Node]]:
        """The map of the scalars, and those of the stages after it, neighbors merged."""
        head, recorder = self.network.readout, self._recorder
        if isinstance(head, MLP):
            first, *rest = recorder.linears(head)
            return first, self._stages(_perceptron(head.nonlinearity, rest))
        if isinstance(head, HiddenMLPHead):
            first = recorder.product(recorder.linear(head.project), recorder.linear(head.first))
            between = [head.nonlinearity, recorder.linear(head.second), head.nonlinearity]
            start, *rest = recorder.linears(head.final)
            return first, self._stages([*between, start, *_perceptron(head.final.nonlinearity, rest)])
        assert isinstance(head, PeriodicHead)
        first = recorder.scaled_columns(recorder.linear(head.project), recorder.parameter(head.feature_scale))
        if isinstance(head.layer, QuantumLayer) and self.circuit is None:
            return first, []
        start, *rest = recorder.linears(head.final)
        after = [recorder.linear(head.expand), head.nonlinearity, start]
        return first, self._stages([*after, *_perceptron(head.final.nonlinearity, rest)])

    def _coefficients(self) -> list[_Node]:
        """Coefficients of the circuit, the last parameters, which are worked out anew at each call."""
        if self.circuit is None:
            return []
        return [self._recorder.parameter(matrix.detach()) for matrix in self.circuit.matrices(self.network.readout.layer)]

    def _concatenated(self, inputs: list[Combination], w: _Node) -> Combination:
        """Concatenated inputs times the first rows of W: each input meets its own."""
        recorder, features = self._recorder, self.network.features
        result: Combination = {}
        for k, x in enumerate(inputs):
            rows = recorder.rows(w, k * features, features)
            for source, matrix in x.items():
                term = recorder.product(matrix, rows)
                result[source] = recorder.sum(result[source], term) if source in result else term
        return result

    def _ops(self, source: int, targets: list[_Target], written: list[bool]) -> list[_Node]:
        """Products of one source with all targets that hold it; neighboring rows become one matrix."""
        ops: list[tuple[bool, int, list[_Node]]] = []
        for index, target in enumerate(targets):
            if source not in target.value or target.width == 0:
                continue
            add, matrix = written[index], target.value[source]
            written[index] = True
            if ops and ops[-1][0] == add and ops[-1][1] == target.row:
                ops[-1] = (add, target.row + target.width, [*ops[-1][2], matrix])
            else:
                ops.append((add, target.row + target.width, [matrix]))
        return [self._recorder.joined(matrices) for _, _, matrices in ops]

    def _stages(self, stages: list[str | _Node]) -> list[_Node]:
        """The linear maps, with those that no activation parts multiplied."""
        result: list[_Node] = []
        parted = True
        for stage in stages:
            if isinstance(stage, str):
                parted = parted or stage != "identity"
            elif parted or not result:
                result.append(stage)
                parted = False
            else:
                result[-1] = self._recorder.product(result[-1], stage)
        return result


def _tensor_source(k: int) -> int:
    return 1 + 2 * k


def _hidden_source(k: int) -> int:
    return 2 + 2 * k


def _perceptron(nonlinearity: str, linears: list[_Node]) -> list[str | _Node]:
    """Each map with the activation before it."""
    return [part for linear in linears for part in (nonlinearity, linear)]
