"""The weights of a network as the kernels want them: every chain of linear maps folded into one, in one list of numbers.

No linear map has a bias, so a scalar s_k is a linear function of what came out of activations before it ("sources": the radial network,
t_k, the last hidden features of each latent perceptron). Every input of an activation, and every tensor weight, is a sum of one matrix
product for each source. cpp/src/native/plan.cpp folds an exported file in the same way; the order here is that of
cpp/src/native/training_kernel.hpp. Folding is plain torch, so that gradients of the folded matrices reach the weights by autograd.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from qallegro.model.allegro import Allegro
from qallegro.model.linear import MLP, Linear
from qallegro.model.radial import BesselEmbed
from qallegro.model.readout import HiddenMLPHead, PeriodicHead
from qallegro.native.circuit import CircuitCoefficients
from qallegro.quantum.statevector import QuantumLayer

_RADIAL = 0

#: source -> matrix
Combination = dict[int, Tensor]


class _Target(NamedTuple):
    value: Combination
    width: int
    row: int


class Folding:
    """Folds the weights of a network.

    Args:
        network: what is folded, with the weights it has at each call.
        circuit: coefficients of the network's circuit, if it has one that the kernels evaluate; a circuit without them ends the network
            before its head's angles.
    """

    def __init__(self, network: Allegro, circuit: CircuitCoefficients | None) -> None:
        self.network = network
        self.circuit = circuit

    def weights(self) -> Tensor:
        """(W,) float64, differentiable by the network's parameters."""
        network = self.network
        maps = torch.cat([part.reshape(-1) for part in self._maps()]).to(torch.float64)
        frequencies = [network.radial_embed.frequencies] if isinstance(network.radial_embed, BesselEmbed) else []
        return torch.cat([*frequencies, maps, network.scales, network.shifts])

    def _maps(self) -> list[Tensor]:
        network = self.network
        features = network.features
        embed = _linears(network.scalar_embed)
        pairs = self._pairs()
        if len(embed) > 1:
            pairs = torch.matmul(pairs, embed[0])
        parts = [pairs, *embed[1:-1]]
        h = embed[-1]
        projected = torch.mm(h, _matrix(network.first_projection))
        scalars: list[Combination] = [{_RADIAL: projected[:, :features]}]
        environment: list[Combination] = [{_RADIAL: projected[:, features:]}]
        pre: list[Combination] = []
        hidden: list[list[Tensor]] = []
        for k, layer in enumerate(network.layers):
            linears = _linears(layer.latent)
            first = _concatenated(scalars, linears[0][: features * (k + 1)])
            first[_tensor_source(k)] = linears[0][features * (k + 1) :]
            if len(linears) == 1:
                z, inner = first, {}
            else:
                z, inner = {_hidden_source(k): linears[-1]}, first
            pre.append(inner)
            hidden.append(linears[1:-1])
            scalars.append({source: w[:, :features] for source, w in z.items()})
            if k + 1 < network.num_layers:
                environment.append({source: w[:, features:] for source, w in z.items()})

        head, stages = self._head()
        values = [
            {_RADIAL: torch.mm(h, _matrix(network.tensor_embed))},
            environment[0],
            *pre,
            _concatenated(scalars, head),
            *environment[1:],
        ]
        targets, row = [], 0
        for value in values:
            width = next(iter(value.values())).shape[1] if value else 0
            targets.append(_Target(value, width, row))
            row += width
        written = [False] * len(targets)
        parts += _ops(_RADIAL, targets, written)
        for k, layer in enumerate(network.layers):
            paths = layer.path_weights
            parts.append(paths.t().expand(paths.shape[1], network.channels))
            parts += _ops(_tensor_source(k), targets, written)
            parts += hidden[k]
            parts += _ops(_hidden_source(k), targets, written)
        return parts + stages

    def _pairs(self) -> Tensor:
        """(nt^2, radial functions, C)"""
        embed = self.network.radial_embed
        if isinstance(embed, BesselEmbed):
            n = embed.num_types
            table = torch.cat([embed.center_embed.repeat_interleave(n, 0), embed.neighbor_embed.repeat(n, 1)], 1)
            return _matrix(embed.basis_linear) * table.unsqueeze(1)
        return embed.class_embed.view(-1, embed.dim, embed.num_splines).transpose(1, 2).to(embed.dtype)

    def _head(self) -> tuple[Tensor, list[Tensor]]:
        """The map of the scalars, and those of the stages after it, neighbors merged."""
        head = self.network.readout
        if isinstance(head, MLP):
            first, *rest = _linears(head)
            return first, _stages(_perceptron(head.nonlinearity, rest))
        if isinstance(head, HiddenMLPHead):
            first = torch.mm(_matrix(head.project), _matrix(head.first))
            between = [head.nonlinearity, _matrix(head.second), head.nonlinearity]
            return first, _stages(between + _linears(head.final)[:1] + _perceptron(head.final.nonlinearity, _linears(head.final)[1:]))
        assert isinstance(head, PeriodicHead)
        first = _matrix(head.project) * head.feature_scale
        coefficients: list[Tensor] = []
        if isinstance(head.layer, QuantumLayer):
            if self.circuit is None:
                return first, []
            coefficients = self.circuit.matrices(head.layer)
        after = [_matrix(head.expand), head.nonlinearity, *_linears(head.final)[:1]]
        return first, coefficients + _stages(after + _perceptron(head.final.nonlinearity, _linears(head.final)[1:]))


def _tensor_source(k: int) -> int:
    return 1 + 2 * k


def _hidden_source(k: int) -> int:
    return 2 + 2 * k


def _matrix(linear: Linear) -> Tensor:
    return linear.weight * linear.alpha


def _linears(mlp: MLP) -> list[Tensor]:
    return [_matrix(mlp.first), *(_matrix(linear) for linear in mlp.rest)]


def _concatenated(inputs: list[Combination], w: Tensor) -> Combination:
    """Concatenated inputs times W: each input meets its own rows of W."""
    result: Combination = {}
    for x, rows in zip(inputs, w.chunk(len(inputs)), strict=True):
        for source, matrix in x.items():
            term = torch.mm(matrix, rows)
            result[source] = result[source] + term if source in result else term
    return result


def _ops(source: int, targets: list[_Target], written: list[bool]) -> list[Tensor]:
    """Products of one source with all targets that hold it; neighboring rows become one matrix."""
    ops: list[tuple[bool, int, list[Tensor]]] = []
    for index, target in enumerate(targets):
        if source not in target.value or target.width == 0:
            continue
        add, matrix = written[index], target.value[source]
        written[index] = True
        if ops and ops[-1][0] == add and ops[-1][1] == target.row:
            ops[-1] = (add, target.row + target.width, [*ops[-1][2], matrix])
        else:
            ops.append((add, target.row + target.width, [matrix]))
    return [torch.cat(matrices, 1) for _, _, matrices in ops]


def _perceptron(nonlinearity: str, linears: list[Tensor]) -> list[str | Tensor]:
    """Each map with the activation before it."""
    return [part for linear in linears for part in (nonlinearity, linear)]


def _stages(stages: list[str | Tensor]) -> list[Tensor]:
    """The linear maps, with those that no activation parts multiplied."""
    result: list[Tensor] = []
    parted = True
    for stage in stages:
        if isinstance(stage, str):
            parted = parted or stage != "identity"
        elif parted or not result:
            result.append(stage)
            parted = False
        else:
            result[-1] = torch.mm(result[-1], stage)
    return result
