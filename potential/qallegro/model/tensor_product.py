"""Irreps kept between layers, coupling paths, and the coupling coefficients of a layer (e3nn irreps and 3j symbols)."""

import math
from typing import NamedTuple

import torch
from e3nn import o3
from torch import Tensor

Irreps = list[tuple[int, int]]  # (l, parity)


class Coupling(NamedTuple):
    """The tensor product of one layer."""

    irreps_in: Irreps
    irreps_out: Irreps
    paths: list[tuple[int, int, int]]  #: indices into (irreps_out, irreps_in, environment irreps)
    coefficients: Tensor  #: (P, D_env, D_in, D_out) float64, sqrt(2 l_o + 1) C


def dimension(irreps: Irreps) -> int:
    """Number of components."""
    return sum(2 * degree + 1 for degree, _ in irreps)


def couplings(l_max: int, parity: bool, num_layers: int) -> list[Coupling]:
    """The tensor products of all layers, with irreps that no output needs removed.

    Forward, layer k may hold what its inputs reach (with `parity` both parities up to l_max, else the irreps of the spherical
    harmonics), the last layer only the scalar 0e; then backward, an irrep is dropped when nothing kept after it can be reached.
    """
    environment: Irreps = [(degree, (-1) ** degree) for degree in range(l_max + 1)]
    both: Irreps = [(degree, p) for degree in range(l_max + 1) for p in (1, -1)]
    allowed = both if parity else environment
    kept = [environment]
    for k in range(num_layers):
        targets = [(0, 1)] if k == num_layers - 1 else allowed
        kept.append([o for o in targets if any(_couples(i, e, o) for i in kept[-1] for e in environment)])
    for k in range(num_layers - 1, 0, -1):
        kept[k] = [i for i in kept[k] if any(_couples(i, e, o) for e in environment for o in kept[k + 1])]
    return [_coupling(kept[k], environment, kept[k + 1]) for k in range(num_layers)]


def _couples(a: tuple[int, int], b: tuple[int, int], out: tuple[int, int]) -> bool:
    return abs(a[0] - b[0]) <= out[0] <= a[0] + b[0] and a[1] * b[1] == out[1]


def _coupling(irreps_in: Irreps, environment: Irreps, irreps_out: Irreps) -> Coupling:
    paths = [
        (o, i, e)
        for o in range(len(irreps_out))
        for i in range(len(irreps_in))
        for e in range(len(environment))
        if _couples(irreps_in[i], environment[e], irreps_out[o])
    ]
    c = torch.zeros(len(paths), dimension(environment), dimension(irreps_in), dimension(irreps_out), dtype=torch.float64)
    for p, (o, i, e) in enumerate(paths):
        lo, li, le = irreps_out[o][0], irreps_in[i][0], environment[e][0]
        w3j = o3.wigner_3j(li, le, lo, dtype=torch.float64) * math.sqrt(2 * lo + 1)
        c[p, _slot(environment, e), _slot(irreps_in, i), _slot(irreps_out, o)] = w3j.permute(1, 0, 2)
    return Coupling(irreps_in, irreps_out, paths, c)


def _slot(irreps: Irreps, index: int) -> slice:
    start = dimension(irreps[:index])
    return slice(start, start + 2 * irreps[index][0] + 1)
