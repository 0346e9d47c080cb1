"""Surfaces, vacancies and stacking faults of a crystal of nearest-neighbor bonds, by counting bonds."""

import numpy as np
import pytest
from ase.build import bulk

from qallegro.validation.errors import StructureError
from qallegro.validation.relaxation import as_given, relax_crystal
from qallegro.validation.stacking_faults import compute_stacking_fault
from qallegro.validation.structures import conventional
from qallegro.validation.surfaces import compute_surfaces, slabs
from qallegro.validation.vacancies import compute_vacancies
from validation_systems import DISTANCE, bond_energy, bonds


def test_surfaces_cost_half_of_their_broken_bonds(fcc):
    """Bonds that an atom loses, 3, 4 and 6 in all for a cell of (111), (100) and (110), over the area of the cell."""
    found = compute_surfaces(fcc, bonds(), thickness=8.0, vacuum=6.0)
    areas = DISTANCE**2 * np.array([np.sqrt(3.0) / 2.0, 1.0, np.sqrt(2.0)])
    expected = 0.5 * bond_energy() * np.array([3, 4, 6]) / areas
    assert [one.unrelaxed for one in found] == pytest.approx(expected, rel=1e-3)
    assert all(one.energy <= one.unrelaxed for one in found)


def test_a_diamond_slab_is_cut_where_fewest_bonds_break():
    cuts = slabs(conventional(bulk("Si")), (1, 1, 1), 9.0, 10.0)
    tops = [np.sort(cut.positions[:, 2])[::-1] for cut in cuts]
    first_gaps = {round(float(z[0] - z[z < z[0] - 0.1][0]), 1) for z in tops}
    assert first_gaps == {0.8, 2.4}  # after the double layer, and within it
    assert all(len(cut) == len(cuts[0]) for cut in cuts)


def test_a_plane_needs_indices(fcc):
    with pytest.raises(StructureError, match="must not all be zero"):
        compute_surfaces(fcc, bonds(), [(0, 0, 0)])


def test_a_vacancy_costs_six_bonds(fcc):
    """Twelve bonds break; the atom gets six of them back at a kink of the surface."""
    found = compute_vacancies(fcc, bonds(), [(2, 2, 2), (3, 3, 3)])
    assert [one.sites for one in found] == [32, 108]
    assert found[-1].unrelaxed == pytest.approx(6.0 * bond_energy(), rel=1e-3)
    assert found[-1].energy <= found[-1].unrelaxed


def test_a_vacancy_of_a_compound_is_refused():
    crystal = as_given(bulk("CuLi", "cesiumchloride", a=1.15 * DISTANCE), bonds())
    with pytest.raises(StructureError, match="chemical potentials"):
        compute_vacancies(crystal, bonds())


def test_the_intrinsic_fault_breaks_no_bond_and_sliding_does(fcc):
    found = compute_stacking_fault(fcc, bonds(), layers=6, points=5)
    assert found.intrinsic == pytest.approx(0.0, abs=1e-5)
    assert found.energies[0] == pytest.approx(0.0, abs=1e-6)
    assert 1 <= int(found.energies.argmax()) <= 3 and found.unstable > 1e-3
    assert (found.energies <= found.unrelaxed + 1e-9).all()


def test_stacking_faults_want_fcc(fcc):
    crystal = relax_crystal(bulk("Cu", "sc", a=DISTANCE), bonds())
    with pytest.raises(StructureError, match="fcc crystals of one element"):
        compute_stacking_fault(crystal, bonds())
    with pytest.raises(StructureError, match="multiple of three"):
        compute_stacking_fault(fcc, bonds(), layers=7)
