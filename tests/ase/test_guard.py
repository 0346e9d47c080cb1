"""Guards by distances and numbers of neighbors, against ranges counted by hand."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, chemical_symbols

from native_files import random_potential, write_native_file
from qallegro.data.neighbors import neighbor_table
from qallegro.data.pair_ranges import pair_ranges
from qallegro_ase import ExtrapolationError, ExtrapolationWarning, QAllegroCalculator, SetupError
from systems import tiny_config

SPECIES = ["Cu", "Li"]


def ranges_of(*structures: Atoms):
    """Of a training set with the cutoff 4 Å."""
    type_of = np.full(len(chemical_symbols), -1)
    type_of[[atomic_numbers[s] for s in SPECIES]] = range(2)
    tables = [neighbor_table(a.positions, a.cell.array, a.pbc, 4.0) for a in structures]
    return pair_ranges([type_of[a.numbers] for a in structures], tables, SPECIES)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Trained on fcc Cu of two lattice constants, 12 neighbors in one and 18 in the other, and on bcc Li of 3.5 Å."""
    ranges = ranges_of(bulk("Cu", a=4.1), bulk("Cu", a=3.7), bulk("Li", "bcc", a=3.5))
    path = tmp_path_factory.mktemp("guard") / "model.pth"
    provenance = {"provenance": {"statistics": ranges._asdict()}}
    write_native_file(path, random_potential(tiny_config()), record_changes=provenance)
    return path


def test_ranges_are_those_of_the_crystals():
    found = ranges_of(bulk("Cu", a=4.1), bulk("Cu", a=3.7), bulk("Li", "bcc", a=3.5))
    assert found.shortest_distances["Cu"]["Cu"] == pytest.approx(3.7 / 2**0.5)
    assert found.shortest_distances["Li"]["Li"] == pytest.approx(3.5 * 0.75**0.5)
    assert found.shortest_distances["Cu"]["Li"] is None
    assert found.neighbor_counts == {"Cu": {"Cu": [12, 18], "Li": [0, 0]}, "Li": {"Cu": [0, 0], "Li": [14, 14]}}


def test_inside_nothing_is_told(model):
    atoms = bulk("Cu", a=3.75, cubic=True)
    atoms.calc = QAllegroCalculator(model, guard="error")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ExtrapolationWarning)
        atoms.get_forces()
    assert not atoms.calc.results["distance_below_training"].any() and not atoms.calc.results["neighbors_outside_training"].any()


def test_a_shorter_distance_is_told_once_until_the_structure_comes_back(model):
    atoms = bulk("Cu", a=3.7, cubic=True)
    atoms.calc = QAllegroCalculator(model, guard="warn")
    told = []
    for lattice_constant in (3.75, 3.6, 3.59, 3.75, 3.6):
        atoms.set_cell([lattice_constant] * 3, scale_atoms=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            atoms.get_forces()
        told.append([str(w.message) for w in caught if w.category is ExtrapolationWarning])
    assert [len(texts) for texts in told] == [0, 1, 0, 0, 1]
    assert "atom 0 (Cu) has a neighbor 0.0707 Å nearer" in told[1][0]
    np.testing.assert_allclose(atoms.calc.results["distance_below_training"], 0.1 / 2**0.5)


def test_numbers_of_neighbors_and_pairs_that_never_met(model):
    calculator = QAllegroCalculator(model, guard="error")
    with pytest.raises(ExtrapolationError, match="has 6 neighbors Cu, in training Cu had 12 to 18; .*train anew"):
        calculator.get_potential_energy(bulk("Cu", "sc", a=3.3))
    calculator.set(guard="warn")
    mixed = bulk("CuLi", "cesiumchloride", a=3.6)
    with pytest.warns(ExtrapolationWarning, match="nearer than any pair of these species"):
        calculator.get_potential_energy(mixed)
    np.testing.assert_allclose(calculator.results["distance_below_training"], 4.0 - 3.6 * 0.75**0.5)
    assert calculator.results["neighbors_outside_training"].tolist() == [8, 8]


def test_a_file_without_ranges_is_refused(tmp_path):
    write_native_file(tmp_path / "old.pth", random_potential(tiny_config()))
    with pytest.raises(SetupError, match="does not hold what its training set has seen"):
        QAllegroCalculator(tmp_path / "old.pth", guard="warn")
    with pytest.raises(SetupError, match="`guard` must be one of off, warn, error"):
        QAllegroCalculator(tmp_path / "old.pth", guard="maybe")
