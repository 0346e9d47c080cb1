"""What a potential must do, whatever its network: derivatives that are derivatives, smoothness at the cutoff, virials that sum up."""

import numpy as np
import pytest

from native_files import (
    EdgeResult,
    check_agreement,
    evaluate_rows,
    native_result,
    random_potential,
    random_rows,
    rows_of,
    write_native_file,
)
from qallegro.export.exporter import with_dtype
from qallegro_ase import _runtime
from systems import CONFIGS, STRUCTURES, tiny_config
from tolerances import FINITE_DIFFERENCE_FORCES, FINITE_DIFFERENCE_STEP, NET_FORCE, PARITY
from toy_runtime import pair_arguments

STEP = FINITE_DIFFERENCE_STEP
EVERYTHING = {"want_per_atom_virial": True, "want_per_atom_virial_centroid": True}
#: eV of virials of cells with some 1e3 edges next to differences of the energy: the error of a force times distances of up to 10 Å
FINITE_DIFFERENCE_VIRIAL = 10 * FINITE_DIFFERENCE_FORCES
#: eV: sums of some 1e3 edges in another order, float64 whatever the network's precision
SUM_OF_VIRIALS = 1e-11
#: tables are off by 3e-7 of the size of their functions, no more than the roundings of the float32 network that takes them
TABLE = PARITY["float32"]


def native(folder, potential):
    write_native_file(folder / "model.pth", potential)
    return _runtime.Potential(str(folder / "model.pth"), engine="native")


@pytest.fixture(scope="module", params=CONFIGS)
def potential(request, tmp_path_factory):
    return native(tmp_path_factory.mktemp("physics"), random_potential(tiny_config(request.param)))


def arguments(name):
    return pair_arguments(STRUCTURES[name](), 4.5)


def test_forces_are_slopes_of_the_energy(potential):
    given = arguments("cluster")
    forces = potential.evaluate_pairs(**given)["forces"]
    for atom, axis in np.ndindex(3, 3):
        energies = []
        for sign in (1.0, -1.0):
            moved = given["positions"].copy()
            moved[atom, axis] += sign * STEP
            energies.append(potential.evaluate_pairs(**given | {"positions": moved})["energy"])
        slope = (energies[0] - energies[1]) / (2 * STEP)
        assert abs(forces[atom, axis] + slope) < FINITE_DIFFERENCE_FORCES * max(1.0, np.abs(forces).max())


@pytest.mark.parametrize("structure", ["alloy", "tiny_cell"])
def test_virial_is_the_slope_by_strain(potential, structure):
    given = arguments(structure)
    virial = potential.evaluate_pairs(**given)["virial"]
    for a, b in ((0, 0), (1, 2), (2, 0)):
        energies = []
        for sign in (1.0, -1.0):
            strain = np.eye(3)
            strain[a, b] += sign * STEP
            strained = {"positions": given["positions"] @ strain, "cell": given["cell"] @ strain}
            energies.append(potential.evaluate_pairs(**given | strained)["energy"])
        slope = (energies[0] - energies[1]) / (2 * STEP)
        assert abs(virial[a, b] + slope) < FINITE_DIFFERENCE_VIRIAL * max(1.0, np.abs(virial).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_sums(structure, dtype, tmp_path):
    """Per-atom energies and virials sum to the totals, forces to nothing."""
    potential = native(tmp_path, random_potential(tiny_config("typed_cutoffs", dtype=dtype)))
    result = potential.evaluate_pairs(**arguments(structure), **EVERYTHING)
    size = max(1.0, np.abs(result["virial"]).max())
    np.testing.assert_allclose(result["per_atom_energy"].sum(), result["energy"], rtol=0, atol=SUM_OF_VIRIALS)
    for name in EVERYTHING:
        total = result[name.removeprefix("want_")].sum(0)
        np.testing.assert_allclose(total, result["virial"], rtol=0, atol=SUM_OF_VIRIALS * size)
    np.testing.assert_allclose(result["forces"].sum(0), 0.0, atol=NET_FORCE[dtype] * size)


@pytest.mark.parametrize("name", ["default", "spline", "trainable_bessel", "typed_cutoffs", "zbl", "qdi"])
def test_smooth_at_the_cutoff(name, tmp_path):
    """Value, first and second derivative vanish: the deviation falls as the third power of the distance to the cutoff."""
    config = tiny_config(name)
    potential = native(tmp_path, random_potential(config))
    near = np.array([[1.7, 0.6, -0.5], [-0.9, 1.4, 1.1]])
    cutoff = config.cutoffs()[0][1]
    alone = native_result(potential, rows_of([0], [[0, 1]], [near])).energies[0]

    def at(gap):
        edge = np.array([[0.0, 0.6, 0.8]]) * (cutoff - gap)
        result = native_result(potential, rows_of([0], [[0, 1, 1]], [np.concatenate([near, edge])]))
        return abs(result.energies[0] - alone), np.abs(result.gradients[2]).max()

    gaps = 0.08 / 2.0 ** np.arange(4)
    energies, gradients = np.array([at(gap) for gap in gaps]).T
    assert energies[0] > 1e-12  # it is felt, or the rest would say nothing
    assert np.all(energies[1:] / energies[:-1] < 2.0**-2.5)
    assert np.all(gradients[1:] / gradients[:-1] < 2.0**-1.5)


@pytest.mark.parametrize(
    "name", ["default", "scalar", "three_layers", "spline", "trainable_bessel", "typed_cutoffs", "deep_mish", "output_normalized"]
)
def test_tables_over_the_whole_range(name, tmp_path):
    """The tabulated float32 network next to the computed float64 one of the same weights, every 5 mÅ down to 0.3 Å."""
    single = random_potential(tiny_config(name, dtype="float32"))
    tabulated = native(tmp_path, single)
    computed = native(tmp_path, with_dtype(single, "float64"))
    assert "tabulated" in tabulated.description and "computed" in computed.description
    near = [[1.2, 1.3, 0.4]]
    lengths = np.arange(0.3, 4.0, 0.005)
    for a, b in np.ndindex(2, 2):
        rows = rows_of([a] * len(lengths), [[b, 0]] * len(lengths), [[[0.48 * r, -0.6 * r, 0.64 * r], *near] for r in lengths])
        found, expected = native_result(tabulated, rows), native_result(computed, rows)
        # What happens between atoms that cannot be so close must not loosen what is asked for where they can.
        for part in (lengths < 1.0, lengths >= 1.0):
            edges = np.repeat(part, 2)
            check_agreement(
                EdgeResult(found.energies[part], found.gradients[edges]),
                EdgeResult(expected.energies[part], expected.gradients[edges]),
                TABLE,
            )


def test_rotations_and_mirrors_change_nothing(potential):
    config = tiny_config("default")
    rows = random_rows(config, [4, 20, 1, 7])
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    mirror = rotation @ np.diag([1.0, 1.0, -1.0])
    expected = native_result(potential, rows)
    for change in (rotation, mirror):
        found = native_result(potential, rows._replace(vectors=rows.vectors @ change))
        check_agreement(found, EdgeResult(expected.energies, expected.gradients @ change), PARITY["float64"])


def test_only_the_requested_arrays(potential):
    assert "edge_gradients" not in evaluate_rows(potential, random_rows(tiny_config("default"), [3]))
