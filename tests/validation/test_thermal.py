"""Quasi-harmonic properties and thermal conductivity."""

import importlib.util

import numpy as np
import pytest

from qallegro.validation import conductivity
from qallegro.validation.errors import MissingPackageError, UnstableError
from qallegro.validation.forces import KeptForces, ase_forces
from qallegro.validation.quasi_harmonic import compute_quasi_harmonic
from validation_systems import BOND, DISTANCE, bonds


def test_expansion_of_bonds_between_nearest_neighbors(fcc):
    """Grueneisen: a bond of Lennard-Jones has gamma = 21 / 6, and classically alpha = gamma C_V / (V B)."""
    found = compute_quasi_harmonic(fcc, bonds(), KeptForces(None, ase_forces(bonds())), (2, 2, 2), 0.005, (-0.02, 0.03), 6, 300.0)
    volume, stiffness = DISTANCE**3 / np.sqrt(2.0), 72.0 * BOND / DISTANCE**2
    bulk_modulus = 4.0 / 3.0 * stiffness / (np.sqrt(2.0) * DISTANCE)
    warm = int(np.argmin(np.abs(found.temperatures - 200.0)))
    estimate = 3.5 * 3.0 * 8.617333e-5 / (volume * bulk_modulus)
    assert found.expansion[warm] == pytest.approx(estimate, rel=0.15)
    assert found.volume[0] > volume  # zero-point motion
    assert (np.diff(found.gibbs) < 0).all() and (np.diff(found.bulk_modulus) < 0).all()


def test_a_range_that_is_left_is_refused(fcc):
    with pytest.raises(UnstableError, match="take a (wider|narrower) `--range`|minimum in volume"):
        compute_quasi_harmonic(fcc, bonds(), KeptForces(None, ase_forces(bonds())), (2, 2, 2), 0.005, (-0.02, -0.005), 5, 300.0)


def test_without_phono3py_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(conductivity, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install qallegro\[phono3py\]"):
        conductivity.check_phono3py()


@pytest.mark.skipif(importlib.util.find_spec("phono3py") is None, reason="needs phono3py")
def test_conductivity_of_a_cubic_crystal_is_isotropic_and_falls_with_temperature(fcc):
    found = conductivity.compute_conductivity(
        fcc.atoms, KeptForces(None, ase_forces(bonds())), (2, 2, 2), (4, 4, 4), 0.02, (200.0, 400.0), pair_cutoff=3.0
    )
    tensor = found.tensor
    assert tensor[:, :3] == pytest.approx(np.repeat(tensor[:, :1], 3, axis=1), rel=1e-3)
    assert np.abs(tensor[:, 3:]).max() < 1e-3 * tensor[0, 0]
    assert tensor[0, 0] == pytest.approx(2.0 * tensor[1, 0], rel=0.1)  # classically 1 / T
