"""Engine `native` on edges of every number, length and direction, next to the network in Python."""

from itertools import product

import numpy as np
import pytest

from native_files import check_agreement, eager_result, native_result, random_potential, random_rows, rows_of, write_native_file
from qallegro_ase import _runtime
from systems import tiny_config
from tolerances import PARITY

AXES = np.concatenate([np.eye(3), -np.eye(3)])
#: lanes of the widest vector are 16: all remainders, twice
NUMBERS = range(34)


class Case:
    def __init__(self, folder, name, dtype, **changes):
        self.config = tiny_config(name, dtype=dtype, **changes)
        self.network = write_native_file(folder / "model.pth", random_potential(self.config))
        self.native = _runtime.Potential(str(folder / "model.pth"), engine="native")
        self.tolerance = PARITY[dtype]

    def agree(self, rows):
        found = native_result(self.native, rows)
        check_agreement(found, eager_result(self.network, rows), self.tolerance)
        return found


@pytest.fixture(scope="module", params=product(["l3", "typed_cutoffs", "zbl"], ["float64", "float32"]), ids="-".join)
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("edges"), *request.param)


@pytest.mark.parametrize("count", NUMBERS)
def test_one_center_with_any_number_of_edges(case, count):
    case.agree(random_rows(case.config, [count], seed=count))


def test_many_centers_with_the_same_number_of_edges(case):
    for count in NUMBERS:
        case.agree(random_rows(case.config, [count] * 5, seed=count))


def test_isolated_atoms_among_others(case):
    rows = random_rows(case.config, [0, 4, 0, 0, 21, 1, 0, 2, 0])
    energies = case.agree(rows).energies
    shifts = case.network.shifts.detach().numpy()[rows.center_types]
    alone = np.diff(rows.first_edge) == 0
    np.testing.assert_array_equal(energies[alone], shifts[alone])


def test_thousands_of_neighbors(case):
    # So many atoms cannot all be near: the sum over them must not lose digits.
    case.agree(random_rows(case.config, [3000, 3, 1700], seed=4, closest=2.5))


def test_no_centers_at_all(case):
    found = native_result(case.native, random_rows(case.config, []))
    assert found.energies.shape == (0,) and found.gradients.shape == (0, 3)


def test_edges_along_the_axes(case):
    for length in (0.7, 1.5, 2.9):
        case.agree(rows_of([0, 1], [[0, 1, 0, 1, 0, 1], [1] * 6], [length * AXES, length * AXES]))
        for axis in AXES:
            case.agree(rows_of([1], [[0]], [length * axis[None]]))


def test_coincident_directions(case):
    """Neighbors behind one another, and two at the same place."""
    direction = np.array([0.6, -0.48, 0.64])
    lengths = np.array([1.1, 1.9, 1.9, 2.4, 3.0])
    for along in (direction, *AXES):
        case.agree(rows_of([0], [[0, 1, 0, 1, 1]], [lengths[:, None] * along]))


def test_edges_at_the_cutoff(case):
    """At the cutoff and beyond they are no edges, just below they count next to nothing."""
    near = np.array([[1.9, 0.3, 0.4]])
    for a, b in product(range(2), range(2)):
        cutoff = case.config.cutoffs()[a][b]
        alone = case.agree(rows_of([a], [[0]], [near])).energies
        for length in (cutoff * (1 + 1e-12), cutoff, np.nextafter(cutoff, 0), cutoff * (1 - 1e-9), cutoff - 1e-5):
            for axis in AXES:
                found = case.agree(rows_of([a], [[0, b]], [np.concatenate([near, length * axis[None]])]))
                assert abs(found.energies - alone) < case.tolerance.energy
                assert np.abs(found.gradients[1]).max() < case.tolerance.forces
                if length >= cutoff:
                    np.testing.assert_array_equal(found.energies, alone)
                    np.testing.assert_array_equal(found.gradients[1], 0.0)


def test_edges_from_very_short_to_the_cutoff(case):
    lengths = np.geomspace(0.3, 3.99, 300)
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    types = rng.integers(0, 2, 300)
    case.agree(rows_of(types, 1 - types[:, None], (lengths[:, None] * directions)[:, None]))


@pytest.mark.parametrize("species", [["Cu"], ["Cu", "Li", "H", "O", "U"]])
def test_one_type_and_several(species, tmp_path):
    for dtype in ("float64", "float32"):
        case = Case(tmp_path, "default", dtype, atom_types=species)
        case.agree(random_rows(case.config, [3, 0, 25, 40, 8, 1]))


def test_order_of_centers_does_not_matter(case):
    """Centers share vectors with others: which ones must change nothing but roundings."""
    rows = random_rows(case.config, [5, 0, 60, 1, 17, 33, 2, 2, 9])
    found = native_result(case.native, rows)
    for c in range(len(rows.center_types)):
        mine = slice(rows.first_edge[c], rows.first_edge[c + 1])
        alone = native_result(case.native, rows_of(rows.center_types[c : c + 1], [rows.neighbor_types[mine]], [rows.vectors[mine]]))
        check_agreement(type(found)(found.energies[c : c + 1], found.gradients[mine]), alone, case.tolerance)
