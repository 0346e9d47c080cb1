"""Closed-form derivatives of what the network sees of an edge, against autograd through the same functions."""

import pytest
import torch

from qallegro.model.angular import SphericalHarmonics
from qallegro.model.build import build_potential
from qallegro.model.potential import EdgeGradients
from qallegro.model.radial import BesselEmbed, SplineEmbed, polynomial_envelope, polynomial_envelope_slope
from qallegro.model.zbl import ZBL
from systems import CONFIGS, STRUCTURES, make_batch, tiny_config

#: a few roundings of numbers of order l^2 (harmonics), 10^3 (basis near r = 0), 10^2 eV/Å (ZBL)
TOLERANCE = {"rtol": 1e-11, "atol": 1e-11}


def slope_by_autograd(function, x):
    """d function / dx for a function that maps (E,) to (E, ...) edge by edge."""
    x = x.clone().requires_grad_(True)
    columns = function(x).flatten(1)
    return torch.stack([torch.autograd.grad(c.sum(), x, retain_graph=True)[0] for c in columns.unbind(1)], 1)


def test_the_constant_harmonic_has_no_jacobian():
    values, jacobian = SphericalHarmonics(0).with_jacobian(torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert (values == 1.0).all() and values.shape == (3, 1)
    assert (jacobian == 0.0).all() and jacobian.shape == (3, 3, 1)


@pytest.mark.parametrize("l_max", range(1, 7))
def test_jacobian_of_the_harmonics(l_max):
    harmonics = SphericalHarmonics(l_max)
    vectors = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(l_max)).requires_grad_(True)
    r = vectors.norm(dim=1)
    expected = harmonics(vectors / r.unsqueeze(1))
    values, jacobian = harmonics.with_jacobian((vectors / r.unsqueeze(1)).detach(), r.detach())
    torch.testing.assert_close(values, expected.detach(), **TOLERANCE)
    columns = [torch.autograd.grad(c.sum(), vectors, retain_graph=True, allow_unused=True)[0] for c in expected.unbind(1)]
    columns = [torch.zeros_like(vectors) if c is None else c for c in columns]
    torch.testing.assert_close(jacobian, torch.stack(columns, 2), **TOLERANCE)


DISTANCES = torch.tensor([0.05, 0.3, 0.61, 0.97, 1.0 - 1e-9, 1.0, 1.0 + 1e-9, 2.0], dtype=torch.float64)


@pytest.mark.parametrize("p", [2.0, 5.0, 6.0, 6.7])
def test_slope_of_the_envelope(p):
    expected = slope_by_autograd(lambda x: polynomial_envelope(x, p).unsqueeze(1), DISTANCES).squeeze(1)
    found = polynomial_envelope_slope(DISTANCES, p)
    torch.testing.assert_close(found, expected, **TOLERANCE)
    assert (found[DISTANCES >= 1.0] == 0.0).all()


@pytest.mark.parametrize(
    "embedding",
    [
        BesselEmbed(2, 8, 8, False, 6.0, torch.float64),
        BesselEmbed(2, 8, 5, True, 6.7, torch.float64),
        SplineEmbed(2, 8, 16, 12, torch.float64),
        SplineEmbed(2, 8, 6, 6, torch.float64),
    ],
    ids=["bessel", "trainable bessel", "spline", "wide spline"],
)
def test_slope_of_the_radial_basis(embedding):
    values, slope = embedding.basis_with_slope(DISTANCES)
    torch.testing.assert_close(values, embedding.basis(DISTANCES), **TOLERANCE)
    torch.testing.assert_close(slope.detach(), slope_by_autograd(embedding.basis, DISTANCES), **TOLERANCE)
    assert (values[DISTANCES >= 1.0].abs() < 1e-12).all() and (slope[DISTANCES >= 1.0].abs() < 1e-12).all()


def test_slope_of_the_pair_potential():
    zbl = ZBL(["Cu", "H"])
    r, pairs, cutoff = DISTANCES * 4.0, torch.tensor([0, 1, 2, 3, 0, 1, 2, 3]), 4.0
    values, slope = zbl.with_slope(r, r / cutoff, pairs)
    torch.testing.assert_close(values, zbl(r, r / cutoff, pairs), **TOLERANCE)
    expected = slope_by_autograd(lambda r: zbl(r, r / cutoff, pairs).unsqueeze(1), r).squeeze(1)
    torch.testing.assert_close(slope, expected, **TOLERANCE)


@pytest.mark.parametrize("name", CONFIGS)
def test_edge_gradients_are_those_of_autograd_through_the_whole_network(name):
    potential = build_potential(tiny_config(name), seed=3)
    batch = make_batch([STRUCTURES["alloy"](), STRUCTURES["cluster"](), STRUCTURES["lonely"]()], potential.config)
    neighbor_types = batch.types[batch.neighbors]
    vectors = batch.edge_vectors.clone().requires_grad_(True)
    energy = potential.network(batch.types, neighbor_types, vectors)
    expected = torch.autograd.grad(energy.sum(), vectors)[0]
    found_energy, found = EdgeGradients(potential.network)(batch.types, neighbor_types, batch.edge_vectors)
    torch.testing.assert_close(found_energy, energy.detach(), rtol=1e-13, atol=1e-13)
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13 * max(scale, 1.0))
    unused = batch.edge_vectors[..., 0] == 2.0 * potential.config.r_max
    assert unused.any() and (found[unused] == 0.0).all()
