"""The C++ runtime with the TorchScript engine gives the numbers of numpy: over edges, over pairs, in any order and state of torch."""

import numpy as np
import pytest
import torch

from qallegro_ase import _runtime
from toy_export import toy_reference, write_toy_file
from toy_runtime import ATOM_TYPES, CUTOFFS, pair_arguments, toy_structures

#: the same float64 sums in another order; float32: rounding of the toy's few operations
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
EVERYTHING = {"want_per_atom_virial": True, "want_per_atom_virial_centroid": True, "want_edge_gradients": True}
REACH = 4.7  # Å, longer than any cutoff, as with a Verlet skin


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory):
    return str(write_toy_file(tmp_path_factory.mktemp("toy") / "toy.qallegro.pth", cutoffs=CUTOFFS))


@pytest.fixture(scope="module")
def potential(toy_file):
    return _runtime.Potential(toy_file)


def check_against_numpy(results, atoms, tolerance):
    expected = toy_reference(atoms, cutoffs=CUTOFFS) if len(atoms) else None
    for name in ("energy", "per_atom_energy", "forces", "virial", "per_atom_virial", "per_atom_virial_centroid"):
        value = getattr(expected, name) if expected else np.zeros_like(results[name])
        np.testing.assert_allclose(results[name], value, rtol=0, atol=tolerance * max(len(atoms), 1), err_msg=name)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", toy_structures())
def test_pairs_give_the_numbers_of_numpy(potential, name, seed):
    atoms = toy_structures()[name]
    results = potential.evaluate_pairs(**pair_arguments(atoms, REACH, seed), **EVERYTHING)
    check_against_numpy(results, atoms, TOLERANCE["float64"])


def test_float32_network_gives_the_numbers_of_numpy(tmp_path):
    potential = _runtime.Potential(str(write_toy_file(tmp_path / "toy.pth", cutoffs=CUTOFFS, dtype="float32")))
    atoms = toy_structures()["bulk"]
    check_against_numpy(potential.evaluate_pairs(**pair_arguments(atoms, REACH), **EVERYTHING), atoms, TOLERANCE["float32"])
    assert "float32" in potential.description


def test_edges_and_pairs_agree_and_edges_keep_their_order(potential):
    atoms = toy_structures()["bulk"]
    pairs, shuffled = pair_arguments(atoms, REACH), pair_arguments(atoms, REACH, seed=5)
    expected = potential.evaluate_pairs(**pairs, **EVERYTHING)
    vectors = pairs["positions"][pairs["pairs"][:, 1]] - pairs["positions"][pairs["pairs"][:, 0]] + pairs["shifts"] @ pairs["cell"]
    results = potential.evaluate(
        np.arange(len(atoms), dtype=np.int32),
        pairs["first_edge"],
        np.ascontiguousarray(pairs["pairs"][:, 1]),
        vectors,
        pairs["atom_types"],
        len(atoms),
        **EVERYTHING,
    )
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=0, atol=1e-13, err_msg=name)
    from_shuffled = potential.evaluate_pairs(**shuffled, **EVERYTHING)["edge_gradients"]
    key = np.lexsort((*shuffled["shifts"].T, *shuffled["pairs"].T[::-1]))
    sorted_key = np.lexsort((*pairs["shifts"].T, *pairs["pairs"].T[::-1]))
    np.testing.assert_allclose(from_shuffled[key], expected["edge_gradients"][sorted_key], rtol=0, atol=1e-13)


def test_shapes_that_change_from_call_to_call_stay_right(potential):
    rng = np.random.default_rng(11)
    structures = toy_structures()
    for name in rng.permutation(list(structures) * 3):
        check_against_numpy(potential.evaluate_pairs(**pair_arguments(structures[name], REACH), **EVERYTHING), structures[name], 1e-12)


def test_only_what_was_asked_for_is_returned(potential):
    results = potential.evaluate_pairs(**pair_arguments(toy_structures()["cluster"], REACH))
    assert set(results) == {"energy", "per_atom_energy", "forces", "virial"}


def test_record_and_timings(potential, toy_file):
    assert potential.record == _runtime.read_record(toy_file)
    assert potential.record["atom_types"] == list(ATOM_TYPES)
    potential.reset_timings()
    atoms = toy_structures()["bulk"]
    arguments = pair_arguments(atoms, REACH)
    potential.evaluate_pairs(**arguments)
    timings = potential.timings
    assert timings["evaluations"] == 1 and 0 < timings["edges"] < len(arguments["pairs"]) and timings["slots"] >= timings["edges"]
    assert all(timings[phase] > 0 for phase in ("pack", "engine", "scatter"))


@pytest.mark.parametrize("state", ["no_grad", "inference_mode", "autocast", "default float64"])
def test_the_state_of_torch_does_not_matter_and_is_left_alone(potential, state):
    atoms = toy_structures()["bulk"]
    contexts = {
        "no_grad": torch.no_grad(),
        "inference_mode": torch.inference_mode(),
        "autocast": torch.autocast("cpu", dtype=torch.bfloat16),
        "default float64": torch.no_grad(),
    }
    earlier = torch.get_default_dtype()
    try:
        if state == "default float64":
            torch.set_default_dtype(torch.float64)
        with contexts[state]:
            before = (
                torch.is_grad_enabled(),
                torch.is_inference_mode_enabled(),
                torch.is_autocast_enabled("cpu"),
                torch.get_default_dtype(),
            )
            results = potential.evaluate_pairs(**pair_arguments(atoms, REACH), **EVERYTHING)
            after = (
                torch.is_grad_enabled(),
                torch.is_inference_mode_enabled(),
                torch.is_autocast_enabled("cpu"),
                torch.get_default_dtype(),
            )
    finally:
        torch.set_default_dtype(earlier)
    assert before == after
    check_against_numpy(results, atoms, TOLERANCE["float64"])


@pytest.mark.parametrize("threads", [1, 3])
def test_torch_threads_are_left_alone(toy_file, threads):
    earlier = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        potential = _runtime.Potential(toy_file, threads=threads)
        assert f"{threads} thread" in potential.description
        atoms = toy_structures()["bulk"]
        check_against_numpy(potential.evaluate_pairs(**pair_arguments(atoms, REACH), **EVERYTHING), atoms, TOLERANCE["float64"])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(earlier)
