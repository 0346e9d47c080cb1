"""Holes of potentials, conservation of energy, and functions of a trajectory."""

import ase
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed
from ase.calculators.lj import LennardJones

from qallegro.validation.dynamics import compute_drift, run_all, run_bath, warm_crystal
from qallegro.validation.energy_curves import compute_cold_curve, compute_dimer, judged
from qallegro.validation.errors import StructureError
from qallegro.validation.observables import mean_square_displacement, radial_distribution, velocity_autocorrelation
from qallegro.validation.sections import curves_section, dynamics_section
from validation_systems import DISTANCE, bonds

X = np.linspace(1.0, 6.0, 251)


def well(x, centre, depth, width=0.3):
    return -depth * np.exp(-(((x - centre) / width) ** 2))


def test_one_well_with_a_wall_is_sound():
    found = judged("pair", X, 5.0 * np.exp(-3.0 * (X - 1.0)) + well(X, 2.5, 1.0))
    assert found.minima == [pytest.approx(2.5, abs=0.05)] and found.collapse is None
    assert not curves_section("dimer", "", [found], "eV").warnings


def test_a_second_well_is_told_and_a_ripple_is_not():
    wall = 5.0 * np.exp(-3.0 * (X - 1.0))
    assert len(judged("pair", X, wall + well(X, 2.5, 1.0) + well(X, 4.5, 0.1)).minima) == 2
    assert len(judged("pair", X, wall + well(X, 2.5, 1.0) + well(X, 4.5, 0.01)).minima) == 1


def test_a_hole_is_told():
    found = judged("pair", X, 5.0 * np.exp(-3.0 * (X - 1.0)) - 0.9 / (X - 0.9) + well(X, 2.5, 1.0))
    assert found.collapse is not None and found.collapse < 2.0
    assert any("a hole" in text for text in curves_section("dimer", "", [found], "eV").warnings)


def test_distances_without_an_energy_are_told():
    class Fails(LennardJones):
        def calculate(self, atoms=None, properties=None, system_changes=None):
            super().calculate(atoms, properties, system_changes)
            if len(atoms) == 2 and atoms.get_distance(0, 1) < 0.95:
                raise CalculationFailed("not finite")

    found = compute_dimer("Cu", "Cu", Fails(epsilon=0.4, sigma=2.3, rc=6.0), (0.8, 5.0), 43)
    assert max(found.failed) < 1.0 and len(found.failed) == 2


def test_curves_of_a_known_pair_and_its_crystal(fcc):
    pair = compute_dimer("Cu", "Cu", bonds(), (2.0, 4.0), 81)
    assert pair.minima == [pytest.approx(DISTANCE, abs=0.03)]
    crystal = compute_cold_curve(fcc, bonds(), (0.9, 1.15), 51)
    assert crystal.minima == [pytest.approx(DISTANCE, abs=0.03)]
    assert np.nanmin(crystal.energies) == pytest.approx(fcc.energy / 4, abs=1e-3)


def test_drift_grows_with_the_time_step_and_explosions_are_told(fcc):
    cell = warm_crystal(fcc.atoms, 6.0, 300.0, seed=3)
    fine, coarse, wild = compute_drift(cell, bonds(), (1.0, 8.0, 120.0), duration=240.0)
    assert fine.stable and coarse.stable and not wild.stable
    assert fine.fluctuation < 0.1 * coarse.fluctuation
    assert "exploded" in dynamics_section([fine, coarse, wild], [], None, 300.0).warnings[0]


def test_half_of_the_kinetic_energy_goes_into_the_springs(fcc):
    cell = warm_crystal(fcc.atoms, 7.0, 300.0, seed=3)
    bath, _ = run_bath(cell, bonds(), 300.0, "nvt", 4.0, 800.0)
    assert bath.stable and bath.mean_temperature == pytest.approx(300.0, rel=0.25)


def test_all_runs(fcc):
    drifts, baths, motion = run_all(fcc.atoms, bonds(), 200.0, (4.0,), 80.0, 4.0, ("nvt", "npt"), 6.0)
    assert [bath.ensemble for bath in baths] == ["nvt", "npt"] and len(drifts) == 1
    r, g = motion.radial
    assert r[g.argmax()] == pytest.approx(DISTANCE, abs=0.15)


def test_a_temperature_must_be_positive(fcc):
    with pytest.raises(StructureError, match="above 0 K"):
        warm_crystal(fcc.atoms, 6.0, -5.0, 1)


def test_g_of_an_ideal_gas_is_one_and_of_a_crystal_has_its_shells():
    rng = np.random.default_rng(1)
    gas = [ase.Atoms("Cu400", positions=rng.uniform(0.0, 12.0, (400, 3)), cell=[12.0] * 3, pbc=True) for _ in range(5)]
    r, g = radial_distribution(gas, bins=12)
    assert g[4:] == pytest.approx(1.0, abs=0.05)
    r, g = radial_distribution([bulk("Cu", "fcc", a=3.6, cubic=True) * 3], bins=100)
    assert r[np.flatnonzero(g)[0]] == pytest.approx(3.6 / 2**0.5, abs=0.06)


def test_atoms_that_fly_free():
    start = ase.Atoms("Cu2", positions=[[0, 0, 0], [5, 5, 5]], cell=[50] * 3, pbc=True)
    speed = 0.003  # Å/fs
    start.set_velocities(np.array([[speed, 0, 0], [-speed, 0, 0]]) / units.fs)
    frames = []
    for k in range(9):
        frame = start.copy()
        frame.positions += 10.0 * k * speed * np.array([[1, 0, 0], [-1, 0, 0]])
        frames.append(frame)
    times, squares = mean_square_displacement(frames, 10.0)
    assert squares == pytest.approx((speed * times) ** 2)
    assert velocity_autocorrelation(frames, 10.0)[1] == pytest.approx(1.0)
