"""Threads of engine `native`: the same bits at every repetition, the same numbers at every number of threads and from every caller."""

from concurrent.futures import ThreadPoolExecutor

import ase.build
import numpy as np
import pytest

from native_files import random_potential, write_native_file
from qallegro_ase import _runtime
from systems import tiny_config
from toy_runtime import pair_arguments, rattled

EVERYTHING = {"want_per_atom_virial": True, "want_per_atom_virial_centroid": True, "want_edge_gradients": True}
#: eV and eV/Å: float64 sums over threads in another order, whatever the network's precision
ORDER_OF_SUMS = 1e-11


@pytest.fixture(scope="module", params=["default-float64", "default-float32", "qdi-float32"])
def path(request, tmp_path_factory):
    name, dtype = request.param.split("-")
    path = tmp_path_factory.mktemp("threads") / "model.pth"
    write_native_file(path, random_potential(tiny_config(name, dtype=dtype)))
    return str(path)


@pytest.fixture(scope="module")
def systems():
    """Enough blocks for several threads, fewer centers than threads, and a vacuum that makes rows uneven."""
    uneven = ase.build.bulk("Cu", a=3.7, cubic=True) * (4, 4, 4)
    uneven.cell[2, 2] += 20.0
    systems = [uneven, ase.build.bulk("Cu", a=3.7, cubic=True) * (3, 3, 3), ase.Atoms("CuLi", [[0, 0, 0], [2.2, 0.3, 0]])]
    return [pair_arguments(rattled(atoms), 4.5) for atoms in systems]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_repeated_runs_give_the_same_bits(path, systems, threads):
    potential, other = (_runtime.Potential(path, engine="native", threads=threads) for _ in range(2))
    assert f"{threads} thread" in potential.description
    for given in systems:
        first = potential.evaluate_pairs(**given, **EVERYTHING)
        for again in (potential, other, potential, other):
            repeated = again.evaluate_pairs(**given, **EVERYTHING)
            for name, value in first.items():
                np.testing.assert_array_equal(repeated[name], value, err_msg=name)


def test_numbers_of_threads_agree(path, systems):
    one, *more = (_runtime.Potential(path, engine="native", threads=threads) for threads in (1, 2, 3, 7))
    for given in systems:
        expected = one.evaluate_pairs(**given, **EVERYTHING)
        for potential in more:
            found = potential.evaluate_pairs(**given, **EVERYTHING)
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=0, atol=ORDER_OF_SUMS * max(1.0, np.abs(value).max()), err_msg=name)


def test_sizes_that_change_from_call_to_call(path, systems):
    """Buffers that a larger system has left behind must not show."""
    expected = [_runtime.Potential(path, engine="native", threads=2).evaluate_pairs(**given, **EVERYTHING) for given in systems]
    potential = _runtime.Potential(path, engine="native", threads=2)
    for k in (2, 0, 1, 2, 1, 0, 2):
        found = potential.evaluate_pairs(**systems[k], **EVERYTHING)
        for name, value in expected[k].items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("shared", [True, False])
def test_callers_on_two_threads(path, systems, shared):
    one = _runtime.Potential(path, engine="native", threads=2)
    potentials = [one, one if shared else _runtime.Potential(path, engine="native", threads=2)]
    expected = [one.evaluate_pairs(**given, **EVERYTHING) for given in systems]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda k: potentials[k % 2].evaluate_pairs(**systems[k % 3], **EVERYTHING), range(24)))
    for k, found in enumerate(results):
        for name, value in expected[k % 3].items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
