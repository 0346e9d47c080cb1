"""ASE's drivers run on the calculator, and what comes out is physics: on the toy crystal, which has a minimum, and on Allegro."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from ase.md.langevin import Langevin
from ase.md.nptberendsen import NPTBerendsen
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS, FIRE
from ase.phonons import Phonons

from ase_systems import heat
from qallegro_ase import QAllegroCalculator
from systems import alloy
from tolerances import NVE_DRIFT


@pytest.fixture
def calc(toy):
    return QAllegroCalculator(toy)


@pytest.fixture(scope="module")
def lattice_constant(toy):
    """Of fcc Cu in the toy potential, from the primitive cell under symmetric strain."""
    atoms = bulk("Cu", a=3.1)
    atoms.calc = QAllegroCalculator(toy)
    assert BFGS(FrechetCellFilter(atoms, hydrostatic_strain=True), logfile=None).run(fmax=1e-6, steps=100)
    return float((4.0 * atoms.get_volume()) ** (1 / 3))


@pytest.mark.parametrize("optimizer", [BFGS, FIRE])
def test_optimizers_find_the_perfect_crystal(optimizer, calc, lattice_constant):
    perfect = bulk("Cu", a=lattice_constant, cubic=True) * 2
    perfect.calc = calc
    lowest = perfect.get_potential_energy()
    atoms = perfect.copy()
    atoms.rattle(0.1, seed=1)
    atoms.calc = calc
    assert optimizer(atoms, logfile=None).run(fmax=1e-3, steps=300)
    # Forces of 1e-3 eV/Å against force constants of 1 eV/Å^2 and more leave some 1e-6 eV an atom.
    assert atoms.get_potential_energy() == pytest.approx(lowest, rel=0, abs=1e-6 * len(atoms))
    assert calc.timings["neighbor_list_builds"] < 10


def test_cell_filter_relaxes_cell_and_positions(calc, lattice_constant):
    atoms = bulk("Cu", a=3.3, cubic=True) * 2
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.03, 0.0], [0.0, 0.98, 0.02], [0.0, 0.0, 1.01]], scale_atoms=True)
    atoms.rattle(0.03, seed=2)
    atoms.calc = calc
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3, steps=300)
    assert (atoms.get_volume() / 8.0) ** (1 / 3) == pytest.approx(lattice_constant, rel=1e-4)
    np.testing.assert_allclose(atoms.get_stress(), 0.0, atol=1.4e-4)  # the filter divides by 32 atoms: fmax * 32 / 234 Å^3
    assert calc.timings["neighbor_list_builds"] < calc.timings["evaluations"] / 3


def test_equation_of_state_agrees_with_cell_relaxation_and_stress(calc, lattice_constant):
    volumes, energies, pressures = [], [], []
    for scale in np.linspace(0.99, 1.01, 9):
        atoms = bulk("Cu", a=lattice_constant * scale)
        atoms.calc = calc
        volumes.append(atoms.get_volume())
        energies.append(atoms.get_potential_energy())
        pressures.append(-atoms.get_stress()[:3].mean())
    v0, e0, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    assert (4.0 * v0) ** (1 / 3) == pytest.approx(lattice_constant, rel=1e-4)
    assert e0 == pytest.approx(energies[4], rel=0, abs=1e-5)
    assert bulk_modulus == pytest.approx(-v0 * np.polyfit(np.array(volumes) - v0, pressures, 4)[-2], rel=0.01)
    assert pressures == sorted(pressures, reverse=True)


def test_energy_is_conserved_and_better_so_with_shorter_steps(calc, lattice_constant):
    spread = {}
    for step in (4.0, 2.0):
        atoms = bulk("Cu", a=lattice_constant, cubic=True) * 2
        heat(atoms, 600)
        atoms.calc = calc
        energies = []
        dynamics = VelocityVerlet(atoms, step * units.fs)
        dynamics.attach(lambda atoms=atoms, energies=energies: energies.append(atoms.get_total_energy() / len(atoms)))
        dynamics.run(int(800 / step))
        energies = np.array(energies)
        spread[step] = energies.std()
        assert abs(np.polyfit(np.linspace(0.0, 0.8, len(energies)), energies, 1)[0]) < NVE_DRIFT
    assert spread[4.0] / spread[2.0] == pytest.approx(4.0, rel=0.25)  # velocity Verlet is of second order


def test_allegro_conserves_energy(exported):
    atoms = alloy()
    heat(atoms, 300)
    atoms.calc = QAllegroCalculator(exported("zbl"))
    energies, kinetic = [], []
    dynamics = VelocityVerlet(atoms, 1.0 * units.fs)
    dynamics.attach(lambda: energies.append(atoms.get_total_energy() / len(atoms)))
    dynamics.attach(lambda: kinetic.append(atoms.get_kinetic_energy() / len(atoms)))
    dynamics.run(200)
    assert abs(np.polyfit(np.linspace(0.0, 0.2, len(energies)), energies, 1)[0]) < NVE_DRIFT
    assert np.ptp(energies) < 0.05 * np.ptp(kinetic)


def test_langevin_thermostat_holds_its_temperature(calc, lattice_constant):
    atoms = bulk("Cu", a=lattice_constant, cubic=True) * 2
    heat(atoms, 600)
    atoms.calc = calc
    dynamics = Langevin(atoms, 4.0 * units.fs, temperature_K=300, friction=0.05 / units.fs, fixcm=False, rng=np.random.default_rng(3))
    dynamics.run(100)
    temperatures = []
    dynamics.attach(lambda: temperatures.append(atoms.get_temperature()))
    dynamics.run(500)
    # 96 degrees of freedom fluctuate by 43 K; 2 ps at a correlation time of some 20 fs leave an error of the mean near 5 K
    assert np.mean(temperatures) == pytest.approx(300, abs=25)


def test_changing_cells_of_constant_pressure_keep_the_neighbor_list(calc, lattice_constant):
    atoms = bulk("Cu", a=1.01 * lattice_constant, cubic=True) * 2
    heat(atoms, 300)
    atoms.calc = calc
    before = abs(atoms.get_stress()[:3].mean())
    dynamics = NPTBerendsen(
        atoms,
        2.0 * units.fs,
        temperature_K=300,
        pressure_au=0.0,
        taut=50 * units.fs,
        taup=100 * units.fs,
        compressibility_au=1.0,  # Å^3/eV: a bulk modulus of 160 GPa
    )
    pressures = []
    dynamics.attach(lambda: pressures.append(atoms.get_stress(include_ideal_gas=True)[:3].mean()))
    dynamics.run(300)
    assert abs(np.mean(pressures[150:])) < before / 3.0
    assert calc.timings["neighbor_list_builds"] < 30


def test_phonons_obey_the_sum_rule_and_agree_with_a_frozen_wave(calc, lattice_constant, tmp_path):
    crystal = bulk("Cu", a=lattice_constant)
    phonons = Phonons(crystal, calc, supercell=(4, 4, 4), delta=0.005, name=str(tmp_path / "phonon"))
    phonons.run()
    phonons.read(acoustic=False)
    gamma, x = phonons.band_structure([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(gamma, 0.0, atol=2e-4)  # eV; nothing but the translation that the calculator leaves free makes these zero
    assert (phonons.band_structure(np.random.default_rng(1).uniform(-0.5, 0.5, (40, 3))) > 0).all()

    # The longitudinal wave at X moves planes along z in turn: its energy is N M omega^2 u^2 / 2.
    atoms = bulk("Cu", a=lattice_constant, cubic=True) * 2
    atoms.calc = calc
    rest = atoms.get_potential_energy()
    amplitude = 0.01
    planes = np.rint(atoms.positions[:, 2] / (lattice_constant / 2.0))
    atoms.positions[:, 2] += amplitude * np.cos(np.pi * planes)
    omega = np.sqrt(2.0 * (atoms.get_potential_energy() - rest) / (len(atoms) * crystal.get_masses()[0] * amplitude**2))
    frozen = omega * units._hbar * units.J * units.s  # eV
    assert x.max() == pytest.approx(frozen, rel=0.005)
