"""What any potential must obey, seen through the calculator."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.geometry import wrap_positions
from ase.stress import full_3x3_to_voigt_6_stress
from scipy.spatial.transform import Rotation

from ase_systems import ASE_STRUCTURES, left_handed
from qallegro_ase import QAllegroCalculator
from systems import alloy, lonely, slab
from tolerances import CALCULATOR, FINITE_DIFFERENCE_FORCES, FINITE_DIFFERENCE_STEP, FINITE_DIFFERENCE_STRESS, NET_FORCE

EXACT = CALCULATOR["float64"]
PERIODIC = ["alloy", "tiny_cell", "left_handed", "outside_the_cell", "primitive", "slab"]


@pytest.fixture(scope="module")
def calc(exported):
    return QAllegroCalculator(exported())


@pytest.mark.parametrize("structure", ["alloy", "tiny_cell", "slab", "wire", "cluster", "left_handed"])
def test_forces_are_the_derivative_of_the_energy(structure, calc):
    atoms = ASE_STRUCTURES[structure]()
    atoms.calc = calc
    some = range(0, len(atoms), 3)
    numerical = calculate_numerical_forces(atoms, eps=FINITE_DIFFERENCE_STEP, iatoms=some)
    np.testing.assert_allclose(atoms.get_forces()[some], numerical, rtol=0, atol=FINITE_DIFFERENCE_FORCES)


@pytest.mark.parametrize("structure", PERIODIC)
def test_stress_is_the_derivative_of_the_energy(structure, calc):
    atoms = ASE_STRUCTURES[structure]()
    atoms.calc = calc
    numerical = calculate_numerical_stress(atoms, eps=FINITE_DIFFERENCE_STEP)
    np.testing.assert_allclose(atoms.get_stress(), numerical, rtol=0, atol=FINITE_DIFFERENCE_STRESS)


@pytest.mark.parametrize("structure", PERIODIC)
def test_parts_sum_to_the_whole(structure, model):
    atoms = ASE_STRUCTURES[structure]()
    atoms.calc = QAllegroCalculator(model)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=0, abs=len(atoms) * EXACT.energy)
    np.testing.assert_allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress(), rtol=0, atol=EXACT.stress)
    np.testing.assert_allclose(atoms.get_forces().sum(axis=0), 0.0, atol=NET_FORCE["float64"])


@pytest.mark.parametrize("structure", ["alloy", "slab", "cluster", "left_handed"])
def test_rotation_turns_forces_and_stress(structure, calc):
    atoms = ASE_STRUCTURES[structure]()
    rotation = Rotation.random(random_state=4).as_matrix()
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ rotation.T)
    turned.positions = atoms.positions @ rotation.T
    for image in (atoms, turned):
        image.calc = calc
    forces, energies = atoms.get_forces(), atoms.get_potential_energies()
    np.testing.assert_allclose(turned.get_potential_energies(), energies, rtol=0, atol=EXACT.energy)
    np.testing.assert_allclose(turned.get_forces(), forces @ rotation.T, rtol=0, atol=EXACT.forces)
    if atoms.cell.rank == 3:
        expected = rotation @ atoms.get_stress(voigt=False) @ rotation.T
        np.testing.assert_allclose(turned.get_stress(), full_3x3_to_voigt_6_stress(expected), rtol=0, atol=EXACT.stress)


def test_translation_and_wrapping_change_nothing(calc):
    atoms = left_handed()
    same = atoms.copy()
    same.positions = wrap_positions(atoms.positions + [7.7, -3.1, 12.9], atoms.cell, atoms.pbc)
    compare(atoms, same, calc)


def test_permutation_permutes_the_results(calc):
    atoms = alloy()
    order = np.random.default_rng(8).permutation(len(atoms))
    compare(atoms, atoms[order], calc, order)


def test_a_supercell_repeats_the_results(calc):
    atoms = ASE_STRUCTURES["tiny_cell"]()
    once, many = calc.get_property("energies", atoms), calc.get_property("energies", atoms * (2, 1, 3))
    np.testing.assert_allclose(many, np.tile(once, 6), rtol=0, atol=EXACT.energy)


def compare(atoms: Atoms, same: Atoms, calc, order=slice(None)):
    for name, tolerance in (("energies", EXACT.energy), ("forces", EXACT.forces), ("stresses", EXACT.stress)):
        expected, got = calc.get_property(name, atoms), calc.get_property(name, same)
        np.testing.assert_allclose(got, expected[order], rtol=0, atol=tolerance)
    np.testing.assert_allclose(calc.get_property("stress", same), calc.get_property("stress", atoms), rtol=0, atol=EXACT.stress)


def test_an_atom_beyond_all_cutoffs_feels_nothing(calc):
    atoms = lonely()
    alone = atoms[2:]
    forces = calc.get_property("forces", atoms)
    assert (forces[2] == 0.0).all()
    assert calc.get_property("energies", atoms)[2] == pytest.approx(calc.get_property("energy", alone), rel=0, abs=EXACT.energy)


def test_energy_and_forces_are_smooth_where_a_pair_reaches_the_cutoff(calc):
    """The force of a dimer goes to zero as (r_max - r)^2 or faster, and is exactly zero from r_max on."""
    dimer = Atoms("CuLi", positions=np.zeros((2, 3)))
    force = {}
    for gap in (0.04, 0.02, 0.01, 0.0, -0.01):
        dimer.positions[1, 0] = calc.r_max - gap
        force[gap] = abs(calc.get_property("forces", dimer)[0, 0])
    assert force[0.0] == force[-0.01] == 0.0
    assert 0.0 < force[0.01] < force[0.02] / 3.5 < force[0.04] / 12.0


def test_a_vacuum_slab_has_the_stress_of_its_volume(calc):
    """Twice the empty height, half the stress in the plane: stress is virial over the volume of the cell."""
    atoms = slab()
    atoms.cell[2, 2] = 20.0
    taller = atoms.copy()
    taller.cell[2, 2] = 40.0
    stress = calc.get_property("stress", atoms)
    np.testing.assert_allclose(calc.get_property("stress", taller), stress / 2.0, rtol=0, atol=EXACT.stress)
