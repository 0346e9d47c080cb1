"""Units real against units metal: the same physics in kcal/mol, fs and atmospheres."""

import numpy as np
import pytest

from lammps_runner import observe_lines, pressure_tensor, run_well, snapshot, system_lines, write_data
from lammps_systems import NAMES, alloy

KCAL_PER_MOL = 23.060549  # an eV in LAMMPS's own conversion from metal to real
BAR_PER_ATM = 1.01325
STEPS = 20
EXACT = 1e-13  # relative: one multiplication
# The two sets of constants of LAMMPS (masses times velocities, pressures) agree to seven digits.
CONSTANTS = 2e-6


@pytest.fixture(scope="module")
def both(toy, tmp_path_factory):
    """(units, first or last) -> snapshot of a short NVE run without initial velocities, over the same time."""
    folder = tmp_path_factory.mktemp("units")
    write_data(folder / "alloy.data", alloy(), NAMES)
    script = ""
    for units, timestep in (("metal", 0.001), ("real", 1.0)):
        script += system_lines(alloy(), "alloy.data", units) + f"pair_style qallegro\npair_coeff * * {toy} Cu Li\n"
        script += f"fix move all nve\ntimestep {timestep}\n" + observe_lines(units) + f"run {STEPS}\n"
    run_well(script, folder)
    return {(units, frame): snapshot(folder, "in.log", units, frame) for units in ("metal", "real") for frame in (0, -1)}


def test_energies_and_forces_are_converted(both):
    metal, real = both["metal", 0], both["real", 0]
    assert real.thermo["PotEng"] == pytest.approx(KCAL_PER_MOL * metal.thermo["PotEng"], rel=EXACT)
    np.testing.assert_allclose(real.per_atom_energy, KCAL_PER_MOL * metal.per_atom_energy, rtol=EXACT)
    np.testing.assert_allclose(real.forces, KCAL_PER_MOL * metal.forces, rtol=EXACT, atol=1e-12)


def test_virials_are_converted(both):
    metal, real = both["metal", 0], both["real", 0]
    for name in ("per_atom_virial", "per_atom_virial_centroid"):
        in_bar, in_atm = getattr(metal, name), getattr(real, name)
        np.testing.assert_allclose(BAR_PER_ATM * in_atm, in_bar, rtol=CONSTANTS, atol=CONSTANTS * np.abs(in_bar).max())
    in_bar = pressure_tensor(metal.thermo)
    np.testing.assert_allclose(BAR_PER_ATM * pressure_tensor(real.thermo), in_bar, atol=CONSTANTS * np.abs(in_bar).max())


def test_atoms_move_alike(both):
    moved = both["metal", -1].positions - both["metal", 0].positions
    assert np.abs(moved).max() > 0.005, "the atoms must move"
    np.testing.assert_allclose(both["real", -1].positions - both["real", 0].positions, moved, atol=1e-5 * np.abs(moved).max())
