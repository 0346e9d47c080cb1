"""Elastic constants against energies, symmetry, and closed forms."""

import numpy as np
import pytest
from ase.build import bulk

from qallegro.validation.elastic import compute_elastic, polycrystal, summarize, symmetrized, young_moduli
from qallegro.validation.equation_of_state import birch_murnaghan, compute_equation_of_state, fit_birch_murnaghan
from qallegro.validation.errors import StructureError, UnstableError
from qallegro.validation.relaxation import as_given
from qallegro.validation.structures import conventional, rotations
from validation_systems import BOND, DISTANCE, bonds


def stiffness() -> float:
    """Of one bond, eV/Å^2."""
    return 72.0 * BOND / DISTANCE**2


def test_central_bonds_of_fcc_have_the_constants_of_the_lattice_sum(fcc):
    """C_11 = 2 C_12 = 2 C_44 = 2 k / a with a = sqrt(2) DISTANCE: the sum over 12 neighbors of k r_a r_b r_c r_d / (2 r^2 V)."""
    found = compute_elastic(fcc, bonds(), strain=2e-3)
    expected = stiffness() / (np.sqrt(2.0) * DISTANCE) * np.array([2.0, 1.0, 1.0])
    assert found.constants[[0, 0, 3], [0, 1, 3]] == pytest.approx(expected, rel=2e-3)
    assert found.stable and found.cubic
    assert found.asymmetry < 1e-3 * expected[0]


def test_bulk_modulus_agrees_with_the_equation_of_state(fcc):
    state = compute_equation_of_state(fcc, bonds(), span=0.02, points=7)
    expected = 4.0 / 3.0 * stiffness() / (np.sqrt(2.0) * DISTANCE)
    assert state.bulk_modulus == pytest.approx(expected, rel=5e-3)
    assert state.volume == pytest.approx(DISTANCE**3 / np.sqrt(2.0), rel=1e-4)


def test_young_moduli_of_a_cubic_crystal_have_their_closed_form(fcc):
    """1/E = s11 - 2 (s11 - s12 - s44 / 2) (a²b² + b²c² + c²a²) along (a, b, c)."""
    c11, c12, c44 = 1.1, 0.8, 0.5
    constants = np.diag([c11 - c12] * 3 + [c44] * 3)
    constants[:3, :3] += c12
    s = np.linalg.inv(constants)
    directions = np.random.default_rng(3).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squares = directions**2
    mixed = squares[:, 0] * squares[:, 1] + squares[:, 1] * squares[:, 2] + squares[:, 2] * squares[:, 0]
    expected = 1.0 / (s[0, 0] - 2.0 * (s[0, 0] - s[0, 1] - 0.5 * s[3, 3]) * mixed)
    assert young_moduli(constants, directions) == pytest.approx(expected, rel=1e-12)
    # Of a crystal: axes that are alike may change places.
    found = compute_elastic(fcc, bonds(), strain=2e-3)
    turned = young_moduli(found.constants, directions[:, [1, 2, 0]])
    assert turned == pytest.approx(young_moduli(found.constants, directions), rel=1e-9)


def test_fit_finds_the_parameters_that_made_the_energies():
    volumes = np.linspace(10.0, 13.0, 9)
    found = fit_birch_murnaghan(volumes, birch_murnaghan(volumes, -3.5, 0.8, 4.7, 11.6))
    assert (found.energy, found.bulk_modulus, found.derivative, found.volume) == pytest.approx((-3.5, 0.8, 4.7, 11.6), rel=1e-6)


def test_a_range_without_minimum_is_refused():
    volumes = np.linspace(10.0, 11.0, 9)
    with pytest.raises(UnstableError, match="minimum inside the range"):
        fit_birch_murnaghan(volumes, birch_murnaghan(volumes, -3.5, 0.8, 4.7, 11.6))


def test_hexagonal_symmetry():
    noisy = np.random.default_rng(2).normal(size=(6, 6)) + 5.0 * np.eye(6)
    c = symmetrized(noisy, rotations(conventional(bulk("Mg"))))
    assert c[5, 5] == pytest.approx(0.5 * (c[0, 0] - c[0, 1]))
    assert c[3, 3] == pytest.approx(c[4, 4])
    assert np.abs(c[0, 3:]).max() < 1e-12
    assert np.allclose(c, c.T)


def test_moduli_of_an_isotropic_solid():
    bulk_modulus, shear = 1.1, 0.4
    c = np.zeros((6, 6))
    c[:3, :3] = bulk_modulus - 2.0 / 3.0 * shear
    c += shear * np.diag([2, 2, 2, 1, 1, 1])
    m = polycrystal(c)
    assert (m.bulk_voigt, m.bulk_reuss, m.shear_voigt, m.shear_reuss) == pytest.approx((1.1, 1.1, 0.4, 0.4))
    assert m.young == pytest.approx(2.0 * shear * (1.0 + m.poisson))
    assert m.anisotropy == pytest.approx(0.0, abs=1e-12)


def test_a_soft_shear_is_unstable():
    c = np.diag([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
    c[:3, :3] += 1.2 - 1.2 * np.eye(3)
    found = summarize(c, c, 0.005, cubic=True)
    assert not found.stable and found.moduli is None
    assert found.smallest_eigenvalue == pytest.approx(-0.2)


def test_a_crystal_under_stress_is_refused():
    with pytest.raises(StructureError, match="free of stress"):
        compute_elastic(as_given(bulk("Cu", "fcc", a=1.38 * DISTANCE), bonds()), bonds())
