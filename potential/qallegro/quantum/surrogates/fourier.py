"""Form F: each output as a trigonometric polynomial, contracted feature by feature.

With the functions f of a feature (see `coefficients`), an output is sum c[a_1, .., a_d] f_{a_1}(x_1) .. f_{a_d}(x_d). The functions of the
first few features are multiplied out, which is small, and one matrix product with the coefficients does their sums for all combinations
of the rest; then one feature after the other is contracted. Edges are the last index, so that every operation runs over long rows.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qallegro.quantum.bounds import Bound, fourier_rounding, unit_roundoff
from qallegro.quantum.surrogates.pruning import Pruned

#: rows of E numbers that cost as much as starting the operations of one more group, or of one more feature in it
_GROUP_OVERHEAD, _FEATURE_OVERHEAD = 40, 8


class Group(NamedTuple):
    """Outputs that are evaluated together."""

    features: tuple[int, ...]
    functions: tuple[tuple[int, ...], ...]  #: of each feature, those that occur; 0, the constant, is always there
    outputs: tuple[int, ...]
    tensor: np.ndarray  #: (functions of the first feature, .., of the last, outputs)

    @property
    def sizes(self) -> list[int]:
        """Functions of each feature."""
        return [len(f) for f in self.functions]


def multiplied_features(sizes: list[int], outputs: int) -> int:
    """How many features are multiplied out before the matrix product: fewest rows, and never all of several features."""
    choices = range(1, max(2, len(sizes)))
    return min(choices, key=lambda g: math.prod(sizes[:g]) + math.prod(sizes[g:]) * outputs)


def rows_of(sizes: list[int], outputs: int) -> int:
    """Rows of E numbers that a group writes, forward."""
    split = multiplied_features(sizes, outputs)
    rest = sum(math.prod(sizes[k:]) for k in range(split, len(sizes) + 1)) * outputs
    return 3 * sum(sizes) + sum(math.prod(sizes[: k + 1]) for k in range(1, split)) + rest


def flops_of(sizes: list[int], outputs: int) -> int:
    """Operations an edge, forward."""
    split = multiplied_features(sizes, outputs)
    first, rest = math.prod(sizes[:split]), math.prod(sizes[split:]) * outputs
    return 2 * first * rest + 2 * rows_of(sizes, outputs)


def make_groups(pruned: list[Pruned]) -> list[Group]:
    """Outputs grouped so that together they take the least work: alone, or over the union of their features."""
    parts: list[tuple[dict[int, set[int]], list[int]]] = []
    for entry in pruned:
        cone, tensor = entry.coefficients.cone, entry.coefficients.tensor
        for column, output in enumerate(cone.outputs):
            nonzero = np.nonzero(tensor[..., column])
            used = {f: {0, *np.unique(index).tolist()} for f, index in zip(cone.features, nonzero, strict=True)}
            # A function of one feature is numbered by its frequency, so that features of several degrees have a common numbering.
            named = {f: {_name(a, r) for a in used[f]} for f, r in zip(cone.features, cone.degrees, strict=True) if len(used[f]) > 1}
            if named:
                parts.append((named, [output]))
    merged = True
    while merged and len(parts) > 1:
        merged = False
        best, gain = None, 0.0
        for i in range(len(parts)):
            for j in range(i):
                together = _union(parts[j][0], parts[i][0])
                count = len(parts[i][1]) + len(parts[j][1])
                saved = _cost(*parts[i]) + _cost(*parts[j]) - _cost(together, [0] * count)
                if saved > gain:
                    best, gain = (j, i, together), saved
        if best is not None:
            j, i, together = best
            outputs = parts[j][1] + parts[i][1]
            parts = [p for k, p in enumerate(parts) if k not in (i, j)] + [(together, outputs)]
            merged = True
    return [_assemble(used, sorted(outputs), pruned) for used, outputs in sorted(parts, key=lambda p: min(p[1]))]


class FourierGroup(nn.Module):
    """The outputs of one group: features (F, E) in rad to outputs (O, E)."""

    def __init__(self, group: Group, num_features: int, dtype: torch.dtype) -> None:
        super().__init__()
        sizes = group.sizes
        split = multiplied_features(sizes, len(group.outputs))
        degree = max((f + 1) // 2 for functions in group.functions for f in functions)
        self.features, self.degree, self.split = len(sizes), degree, split
        self.sizes = sizes
        half = torch.zeros(len(sizes) * degree, num_features, dtype=torch.float64)
        for position, feature in enumerate(group.features):
            half[position * degree : (position + 1) * degree, feature] = torch.arange(1, degree + 1, dtype=torch.float64) / 2.0
        self.register_buffer("half_frequencies", half.to(dtype))
        # Rows of the table of functions, feature by feature: 1, sin^2 of each frequency, sin cos of each frequency.
        width = 2 * degree + 1
        picked = [p * width + _row(f, degree) for p, functions in enumerate(group.functions) for f in functions]
        self.all_functions = picked == list(range(len(sizes) * width))
        self.register_buffer("functions", torch.tensor(picked, dtype=torch.int64))
        self.register_buffer("one", torch.ones(len(sizes), 1, 1, dtype=dtype))
        # Rows of the product run over the first feature fastest.
        first = list(reversed(range(split)))
        matrix = group.tensor.transpose(*first, *range(split, group.tensor.ndim)).reshape(math.prod(sizes[:split]), -1).T
        used = np.flatnonzero(np.any(matrix != 0.0, 0))
        self.all_products = len(used) > 0.7 * matrix.shape[1]
        if self.all_products:
            used = np.arange(matrix.shape[1])
        self.register_buffer("products", torch.from_numpy(used))
        self.register_buffer("coefficients", torch.from_numpy(np.ascontiguousarray(matrix[:, used])).to(dtype))

    def forward(self, features: Tensor) -> Tensor:
        """Args: features (F, E). Returns (O, E)."""
        edges = features.shape[1]
        half = torch.mm(self.half_frequencies, features)
        sin = torch.sin(half)
        shape = [self.features, self.degree, edges]
        one = self.one.expand(self.features, 1, edges)
        table = torch.cat([one, (sin * sin).view(shape), (sin * torch.cos(half)).view(shape)], 1)
        if self.all_functions:
            functions = table.unbind(0)
        else:
            functions = torch.split(table.flatten(0, 1).index_select(0, self.functions), self.sizes)
        product = functions[0]
        for k in range(1, self.split):
            # The longer factor inside: the sums of the reverse pass then run over whole blocks of rows.
            product = (functions[k].unsqueeze(1) * product).flatten(0, 1)
        if not self.all_products:
            product = product.index_select(0, self.products)
        sums = torch.mm(self.coefficients, product)
        for k in range(self.split, self.features):
            terms = sums.view(self.sizes[k], sums.shape[0] // self.sizes[k], edges)
            sums = (functions[k].unsqueeze(1) * terms).sum(0)
        return sums


class FourierForm(nn.Module):
    """The circuit as trigonometric polynomials: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs).

    Args:
        groups: from `make_groups`.
        num_features: F.
        num_outputs: O; those in no group are zero.
        dtype: of features and outputs.
    """

    def __init__(self, groups: list[Group], num_features: int, num_outputs: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.groups = nn.ModuleList(FourierGroup(group, num_features, dtype) for group in groups)
        order = [output for group in groups for output in group.outputs]
        self.num_zero = num_outputs - len(order)
        order += sorted(set(range(num_outputs)) - set(order))
        self.in_order = order == list(range(num_outputs))
        self.register_buffer("order", torch.tensor(np.argsort(order), dtype=torch.int64))

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        rows = features.t()
        parts: list[Tensor] = []
        for group in self.groups:
            parts.append(group(rows))
        if self.num_zero > 0:
            # Not new zeros: the outputs stay a function of the features for autograd even where all of them are zero.
            parts.append((rows[:1] * 0.0).expand(self.num_zero, rows.shape[1]))
        outputs = parts[0] if len(parts) == 1 else torch.cat(parts)
        if not self.in_order:
            outputs = outputs.index_select(0, self.order)
        return outputs.t()


def describe_groups(groups: list[Group]) -> list[dict]:
    """The groups for a record: what a reader needs beside the buffers."""
    return [
        {
            "features": list(group.features),
            "functions": [list(f) for f in group.functions],
            "outputs": list(group.outputs),
            "multiplied_features": multiplied_features(group.sizes, len(group.outputs)),
        }
        for group in groups
    ]


def rounding_bound(groups: list[Group], num_features: int, num_outputs: int, dtype: torch.dtype) -> Bound:
    """Bound on the rounding of the evaluation in `dtype` (docs/surrogates.md)."""
    bound = Bound(np.zeros(num_outputs), np.zeros((num_outputs, num_features)))
    for group in groups:
        sizes = group.sizes
        split = multiplied_features(sizes, len(group.outputs))
        first, rest = math.prod(sizes[:split]), math.prod(sizes[split:]) * len(group.outputs)
        # A coefficient's rounding; products and sums of the matrix product; two operations for each function contracted after it.
        forward = 1 + split + first + 2 * sum(sizes[split:])
        # The same once more in reverse, the transposed matrix product, and the sums over outputs and over functions and frequencies.
        backward = 2 * forward + rest + sum(sizes) + 12
        for column, output in enumerate(group.outputs):
            full = _full(group, column)
            value, gradient = fourier_rounding(full, unit_roundoff(dtype), forward, backward)
            bound.value[output] = value
            bound.gradient[output, list(group.features)] = gradient
    return bound


def _full(group: Group, column: int) -> np.ndarray:
    """Coefficients of one output over all functions up to the largest frequency, in the order of `coefficients`."""
    tensor = group.tensor[..., column]
    for axis, functions in enumerate(group.functions):
        degree = max((f + 1) // 2 for f in functions)
        shape = [*tensor.shape]
        shape[axis] = 2 * degree + 1
        wider = np.zeros(shape)
        index: list = [slice(None)] * tensor.ndim
        index[axis] = [_row(f, degree) for f in functions]
        wider[tuple(index)] = tensor
        tensor = wider
    return tensor


def _name(row: int, degree: int) -> int:
    """Number of a function independent of the degree: 0 for 1, 2 k - 1 for sin^2(k x/2), 2 k for sin(k x/2) cos(k x/2)."""
    if row == 0:
        return 0
    return 2 * row - 1 if row <= degree else 2 * (row - degree)


def _row(name: int, degree: int) -> int:
    """Inverse of `_name`."""
    if name == 0:
        return 0
    k = (name + 1) // 2
    return k if name % 2 else degree + k


def _union(a: dict[int, set[int]], b: dict[int, set[int]]) -> dict[int, set[int]]:
    return {f: a.get(f, set()) | b.get(f, set()) for f in sorted({*a, *b})}


def _cost(used: dict[int, set[int]], outputs: list[int]) -> float:
    sizes = [len(functions) for functions in used.values()]
    return 2 * rows_of(sizes, len(outputs)) + flops_of(sizes, len(outputs)) / 16 + _GROUP_OVERHEAD + _FEATURE_OVERHEAD * len(sizes)


def _assemble(used: dict[int, set[int]], outputs: list[int], pruned: list[Pruned]) -> Group:
    features = tuple(sorted(used))
    # The constant, then squares, then products: the order of the table that they are picked from.
    functions = tuple(tuple(sorted(used[f], key=lambda name: (name > 0 and name % 2 == 0, name))) for f in features)
    tensor = np.zeros([*map(len, functions), len(outputs)])
    for entry in pruned:
        cone, source = entry.coefficients.cone, entry.coefficients.tensor
        for column, output in enumerate(cone.outputs):
            if output not in outputs:
                continue
            entries = np.nonzero(source[..., column])
            target = [np.zeros(len(entries[0]), dtype=np.int64) for _ in features]
            for index, feature, degree in zip(entries, cone.features, cone.degrees, strict=True):
                if feature in used:
                    place = {name: k for k, name in enumerate(functions[features.index(feature)])}
                    target[features.index(feature)] = np.array([place[_name(a, degree)] for a in index], dtype=np.int64)
            tensor[(*target, outputs.index(output))] = source[(*entries, column)]
    return Group(features, functions, tuple(outputs), tensor)
