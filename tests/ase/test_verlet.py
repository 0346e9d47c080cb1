"""The neighbor list: whole on every cell, whole for as long as it is kept, and kept for long."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from ase.neighborlist import primitive_neighbor_list

from ase_systems import ASE_STRUCTURES, heat
from qallegro_ase import QAllegroCalculator, StructureError
from qallegro_ase.verlet import VerletList
from systems import alloy, slab

R_MAX = 4.0


def pairs_of_ase(atoms, r_max):
    i, j, shifts = primitive_neighbor_list("ijS", atoms.pbc, atoms.cell.complete(), atoms.positions, r_max)
    return set(zip(i.tolist(), j.tolist(), map(tuple, shifts.tolist()), strict=True))


def pairs_of(pair_list):
    return [(i, j, tuple(shift)) for (i, j), shift in zip(pair_list.pairs.tolist(), pair_list.shifts.tolist(), strict=True)]


def random_structure(seed):
    """A few atoms in a random cell, often small or sheared, with random periodic directions, in and out of the cell."""
    rng = np.random.default_rng(seed)
    while True:
        cell = rng.normal(size=(3, 3)) * rng.choice([1.5, 3.0, 8.0])
        if abs(np.linalg.det(cell)) > 0.1 * np.prod(np.linalg.norm(cell, axis=1)):
            break
    n = rng.integers(1, 9)
    return Atoms(f"Cu{n}", scaled_positions=rng.uniform(-1.5, 2.5, (n, 3)), cell=cell, pbc=rng.random(3) < 0.6)


@pytest.mark.parametrize("structure", ASE_STRUCTURES)
def test_list_is_that_of_ase(structure):
    check_list(ASE_STRUCTURES[structure]())


def test_list_is_that_of_ase_in_random_cells():
    for seed in range(60):
        check_list(random_structure(seed), seed)


def check_list(atoms, seed=None):
    pair_list = VerletList(R_MAX, 0.7, None).update(atoms)
    pairs = pairs_of(pair_list)
    assert len(pairs) == len(set(pairs)), seed
    assert set(pairs) == pairs_of_ase(atoms, R_MAX + 0.7), seed
    assert pairs == sorted(pairs), seed
    assert pair_list.first_edge.tolist() == [sum(i < atom for i, _, _ in pairs) for atom in range(len(atoms) + 1)], seed


@pytest.mark.parametrize("scale", [0.003, 0.03])
@pytest.mark.parametrize("structure", ["alloy", "tiny_cell", "slab", "slab_without_height", "wire", "left_handed", "cluster"])
def test_no_pair_is_missed_while_atoms_move_and_cells_change(structure, scale):
    rng = np.random.default_rng(17)
    atoms = ASE_STRUCTURES[structure]()
    verlet = VerletList(R_MAX, 1.0, None)
    for step in range(60):
        strain = np.eye(3) + rng.normal(0.0, scale / 4.0, (3, 3)) * (step % 3 > 0)
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=bool(step % 2))
        atoms.positions += rng.normal(0.0, 2.0 * scale, atoms.positions.shape) + rng.normal(0.0, 0.5, 3)
        kept = set(pairs_of(verlet.update(atoms)))
        assert pairs_of_ase(atoms, R_MAX) <= kept, step
    assert verlet.builds < 60


def test_list_is_rebuilt_once_an_atom_has_moved_half_the_skin():
    atoms = alloy()
    share = 1.0 - 1.0 / len(atoms)  # of one atom's motion that is not a translation of all
    verlet = VerletList(R_MAX, 1.0, None)
    verlet.update(atoms)
    atoms.positions[3, 1] += 0.499 / share
    verlet.update(atoms)
    assert verlet.builds == 1
    atoms.positions[3, 1] += 0.002 / share
    verlet.update(atoms)
    assert verlet.builds == 2


def test_list_survives_strains_within_the_skin():
    atoms = alloy()
    verlet = VerletList(R_MAX, 0.5, None)
    verlet.update(atoms)
    compressed = atoms.copy()
    compressed.set_cell(atoms.cell * 0.9, scale_atoms=True)  # 4.0 Å now were 4.44 Å
    verlet.update(compressed)
    assert verlet.builds == 1
    compressed.set_cell(atoms.cell * 0.88, scale_atoms=True)  # 4.0 Å now were 4.55 Å
    verlet.update(compressed)
    assert verlet.builds == 2


def test_translation_of_all_atoms_keeps_the_list():
    atoms = alloy()
    verlet = VerletList(R_MAX, 0.5, None)
    verlet.update(atoms)
    atoms.positions += [30.0, -2.0, 11.0]
    assert pairs_of_ase(atoms, R_MAX) <= set(pairs_of(verlet.update(atoms)))
    assert verlet.builds == 1


@pytest.mark.parametrize("structure", [alloy, slab])
def test_skin_gives_the_trajectory_that_no_skin_gives(structure, exported):
    """To the last bit, since sums are taken in an order that does not depend on when the list was built."""
    atoms = structure()
    heat(atoms, 900)
    atoms.calc = QAllegroCalculator(exported())
    fresh = QAllegroCalculator(exported(), skin=0)
    dynamics = VelocityVerlet(atoms, 2.0 * units.fs)
    for _ in range(60):
        dynamics.run(1)
        for name in ("energy", "energies", "forces", "stress"):
            np.testing.assert_array_equal(atoms.calc.results[name], fresh.get_property(name, atoms))
    assert atoms.calc.timings["neighbor_list_builds"] < 15
    assert fresh.timings["neighbor_list_builds"] >= 60
    assert atoms.calc.timings["evaluations"] == 61


def test_every_change_of_a_structure_is_seen(model):
    calc = QAllegroCalculator(model)
    atoms = slab()

    def wrap():
        atoms.positions[:, 0] += atoms.cell[0, 0] / 2.0
        atoms.wrap()

    def swap_species():
        atoms.symbols[[0, 3]] = ["Li", "Cu"]

    changes = {
        "numbers": swap_species,
        "positions": lambda: atoms.rattle(0.05, seed=1),
        "cell": lambda: atoms.set_cell(atoms.cell * [1.01, 0.98, 1.0], scale_atoms=True),
        "cell alone": lambda: atoms.set_cell(atoms.cell * 1.02, scale_atoms=False),
        "pbc": lambda: atoms.set_pbc([True, False, True]),
        "wrap": wrap,
        "more atoms": lambda: atoms.append("Li") or atoms.positions.__setitem__(-1, [1.0, 1.0, 9.0]),
        "fewer atoms": lambda: atoms.__delitem__(1),
    }
    last = calc.get_potential_energy(atoms)
    for name, change in changes.items():
        change()
        fresh = QAllegroCalculator(model, skin=0)
        for quantity in ("energy", "forces", "stresses"):
            np.testing.assert_allclose(
                calc.get_property(quantity, atoms), fresh.get_property(quantity, atoms), rtol=0, atol=1e-12, err_msg=name
            )
        assert name == "wrap" or calc.results["energy"] != last, name
        last = calc.results["energy"]


def test_other_species_at_the_same_places_keep_the_list(model):
    calc = QAllegroCalculator(model)
    atoms = alloy()
    calc.get_potential_energy(atoms)
    atoms.symbols[:] = "Li"
    calc.get_potential_energy(atoms)
    assert calc.timings["neighbor_list_builds"] == 1


def test_nothing_is_computed_twice(model):
    calc = QAllegroCalculator(model)
    atoms = alloy()
    atoms.calc = calc
    for _ in range(2):
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), atoms.get_potential_energies()
    assert calc.timings["evaluations"] == 1
    atoms.get_stresses(), atoms.get_stresses(), atoms.get_forces()
    assert calc.timings["evaluations"] == 2  # stresses cost more, so they are made when they are asked for
    atoms.set_initial_charges(np.ones(len(atoms)))
    atoms.get_forces()
    assert calc.timings["evaluations"] == 2


def test_list_is_right_after_an_error(model):
    calc = QAllegroCalculator(model)
    atoms = alloy()
    energy = calc.get_potential_energy(atoms)
    place = atoms.positions[5].copy()
    atoms.positions[5] = atoms.positions[9]
    for _ in range(2):
        with pytest.raises(StructureError, match="on top of one another"):
            calc.get_potential_energy(atoms)
    atoms.positions[5] = place
    assert calc.get_potential_energy(atoms) == energy
