"""Numbers from a ZX diagram by summing over its spiders, independent of PyZX's own tensors.

With every X spider turned into a Z spider, a diagram is a sum over one bit z_v for each spider v,

    scalar * sum_z prod_v exp(i pi phase_v z_v) prod_(u,v) E(z_u, z_v),

E = (-1)^(z_u z_v) / sqrt(2) for a Hadamard edge and a Kronecker delta for a plain one. Bits are summed out one after another, fewest
neighbors first; open ends stay.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

#: 2^20 complex numbers are 16 MiB
MAX_OPEN_BITS = 20
_HADAMARD = np.array([[1.0, 1.0], [1.0, -1.0]], dtype=complex) / math.sqrt(2.0)


class TooWideError(Exception):
    """A sum would need an intermediate array of more than 2^MAX_OPEN_BITS numbers."""


def contract(diagram: Any, phases: Mapping[Any, float] | None = None) -> np.ndarray:
    """The diagram's tensor, without its scalar.

    Args:
        diagram: PyZX graph of Z and X spiders.
        phases: vertex -> phase in units of pi, in place of the diagram's own.

    Returns:
        complex array with one axis of length 2 for each input, then each output.

    Raises:
        TooWideError: summing it takes too much memory.
    """
    from pyzx.utils import EdgeType, VertexType

    boundary = [*diagram.inputs(), *diagram.outputs()]
    red = {v for v in diagram.vertices() if diagram.type(v) == VertexType.X}
    factors: list[tuple[tuple[Any, ...], np.ndarray]] = []
    for v in diagram.vertices():
        if v not in boundary:
            phase = float(diagram.phase(v)) if phases is None else phases[v]
            factors.append(((v,), np.array([1.0, np.exp(1j * math.pi * phase)])))
    for edge in diagram.edges():
        u, v = diagram.edge_st(edge)
        # An X spider is a Z spider with a Hadamard gate on each leg.
        hadamard = (diagram.edge_type(edge) == EdgeType.HADAMARD) ^ (u in red) ^ (v in red)
        matrix = _HADAMARD if hadamard else np.eye(2, dtype=complex)
        factors.append(((u,), np.diag(matrix)) if u == v else ((u, v), matrix))
    remaining = {v for v in diagram.vertices() if v not in boundary}
    while remaining:
        chosen = min(remaining, key=lambda v: (len(_union(f for f in factors if v in f[0])), v))
        touching = [f for f in factors if chosen in f[0]]
        factors = [f for f in factors if chosen not in f[0]]
        keep = tuple(sorted(_union(touching) - {chosen}))
        factors.append((keep, _multiply(touching, keep)))
        remaining.remove(chosen)
    return _multiply(factors, tuple(boundary))


def _union(factors: Any) -> set[Any]:
    return {v for variables, _ in factors for v in variables}


def _multiply(factors: list[tuple[tuple[Any, ...], np.ndarray]], keep: tuple[Any, ...]) -> np.ndarray:
    """Product of factors, summed over all bits but `keep`."""
    variables = sorted(_union(factors) | set(keep))
    if len(variables) > MAX_OPEN_BITS:
        raise TooWideError(f"2^{len(variables)} numbers")
    axis = {v: k for k, v in enumerate(variables)}
    product = np.ones((1,) * len(variables), dtype=complex)
    for names, array in factors:
        order = np.argsort([axis[v] for v in names])
        shape = [1] * len(variables)
        for v in names:
            shape[axis[v]] = 2
        product = product * array.transpose(order).reshape(shape)
    product = np.broadcast_to(product, (2,) * len(variables))
    summed = product.sum(axis=tuple(axis[v] for v in variables if v not in keep))
    left = [v for v in variables if v in keep]
    return summed.transpose([left.index(v) for v in keep])
