"""Quasi-harmonic properties and thermal conductivity."""

import importlib.util

import numpy as np
import pytest
from ase import units

from qallegro.validation import conductivity
from qallegro.validation.errors import MissingPackageError, UnstableError
from qallegro.validation.forces import KeptForces, ase_forces
from qallegro.validation.quasi_harmonic import compute_quasi_harmonic
from validation_systems import DISTANCE, bonds


def test_expansion_of_bonds_between_nearest_neighbors(fcc):
    """Grueneisen: alpha = gamma C / (V B); the trace of the dynamical matrix, sum of V'' + 2 V' / r, gives gamma = 7 / 2 - 1 / 3."""
    found = compute_quasi_harmonic(fcc, bonds(), KeptForces(None, ase_forces(bonds())), (2, 2, 2), 0.005, (-0.02, 0.03), 6, 300.0)
    warm = int(np.argmin(np.abs(found.temperatures - 250.0)))
    capacity = found.heat_capacity[warm] / (units.mol / units.J)  # eV/K and atom
    estimate = (7.0 / 2.0 - 1.0 / 3.0) * capacity / (found.volume[warm] * found.bulk_modulus[warm])
    assert found.expansion[warm] == pytest.approx(estimate, rel=0.15)
    assert found.volume[0] > DISTANCE**3 / np.sqrt(2.0)  # zero-point motion
    assert found.gibbs[-1] < found.gibbs[0] and found.bulk_modulus[-1] < found.bulk_modulus[0]


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
        fcc.atoms, KeptForces(None, ase_forces(bonds())), (2, 2, 2), (4, 4, 4), 0.02, (600.0, 1200.0), pair_cutoff=3.0
    )
    tensor = found.tensor
    assert tensor[:, :3] == pytest.approx(np.repeat(tensor[:, :1], 3, axis=1), rel=1e-3)
    assert np.abs(tensor[:, 3:]).max() < 1e-3 * tensor[0, 0]
    assert tensor[0, 0] == pytest.approx(2.0 * tensor[1, 0], rel=0.1)  # classically 1 / T
