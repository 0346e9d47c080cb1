"""The native training step against torch: the same energies, forces and stress, the same gradient of the loss by every weight."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from qallegro.errors import ConfigError
from qallegro.export.exporter import with_dtype
from qallegro.export.peer_weights import potential_from_peer
from qallegro.model.build import build_potential
from qallegro.native import engine
from qallegro.native.engine import NativeNetwork, choose_engine
from random_models import NUM_COMBINATIONS, random_model
from systems import CONFIGS, STRUCTURES, alloy, cluster, lonely, make_batch, single, slab, tiny_cell, tiny_config
from tolerances import FINITE_DIFFERENCE_LOSS, TRAINING_ENERGIES, WEIGHT_GRADIENTS

FIXTURES = sorted((Path(__file__).parents[2].parent / "shared" / "parity").glob("*.npz"))


def loss_of(prediction, forces=True):
    """A loss on everything, with a weight of its own for each number so that no error cancels."""
    generator = torch.Generator().manual_seed(3)

    def weighted(x):
        return (torch.rand(x.shape, generator=generator, dtype=torch.float64) * (x - 0.1).square()).sum()

    loss = weighted(prediction.energy) / 10 + weighted(prediction.per_atom_energy)
    return loss + weighted(prediction.forces) + weighted(prediction.virial) / 100 if forces else loss


def trainable(potential):
    """All weights train, whatever the configuration says."""
    return potential.requires_grad_(True)


def gradients(potential, predict, batch, forces=True):
    potential.zero_grad()
    loss = loss_of(predict(batch, True, forces), forces)
    loss.backward()
    return float(loss.detach()), {name: p.grad.clone() for name, p in potential.named_parameters() if p.grad is not None}


def check_gradients(potential, batch, tolerance, forces=True, threads=1):
    native = NativeNetwork(potential, threads)
    loss, expected = gradients(potential, potential.predict, batch, forces)
    found_loss, found = gradients(potential, native.predict, batch, forces)
    assert found_loss == pytest.approx(loss, rel=tolerance)
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, theirs in expected.items():
        # A weight without any effect has a gradient of rounding alone.
        scale = max(float(theirs.abs().max()), 1e-6 * largest)
        ours = found.get(name, torch.zeros_like(theirs))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_torch(name):
    potential = trainable(build_potential(tiny_config(name), seed=5))
    check_gradients(potential, make_batch([alloy(), cluster()], potential.config, slots=70), WEIGHT_GRADIENTS["float64"])


@pytest.mark.parametrize("name", ["default", "l3", "qdi", "mlp", "rff"])
def test_gradients_in_single_precision(name):
    potential = trainable(build_potential(tiny_config(name, dtype="float32"), seed=5))
    check_gradients(potential, make_batch([alloy(), cluster()], potential.config), WEIGHT_GRADIENTS["float32"])


@pytest.mark.parametrize("name", ["default", "three_layers", "trainable_bessel", "typed_scales", "spline", "qdi"])
def test_gradients_of_a_loss_on_energies(name):
    potential = trainable(build_potential(tiny_config(name), seed=6))
    check_gradients(potential, make_batch([alloy(), cluster(), single()], potential.config), WEIGHT_GRADIENTS["float64"], forces=False)


def seeds():
    """Every eighth model runs always, the others on request."""
    usable = [seed for seed in range(NUM_COMBINATIONS)]
    return [pytest.param(seed, marks=[] if seed % 8 == 0 else [pytest.mark.slow]) for seed in usable]


@pytest.mark.parametrize("seed", seeds())
def test_gradients_over_the_space_of_models(seed):
    config, _ = random_model(seed)
    potential = trainable(build_potential(config, seed=seed))
    symbols = np.random.default_rng(seed).choice(config.atom_types, 7)
    atoms = cluster()
    atoms.symbols[:] = symbols
    check_gradients(potential, make_batch([atoms], config), WEIGHT_GRADIENTS["float64"])


@pytest.mark.skipif(not FIXTURES, reason="needs the peer's numbers in ../shared/parity")
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_gradients_with_the_weights_of_the_peer(path):
    with np.load(path, allow_pickle=False) as data:
        weights = {k.removeprefix("weights/"): torch.as_tensor(data[k]) for k in data.files if k.startswith("weights/")}
        potential = trainable(with_dtype(potential_from_peer(json.loads(str(data["config"])), weights), "float64"))
    atoms = cluster()
    types = potential.config.atom_types
    atoms.symbols[:] = [types[k % len(types)] for k in range(len(atoms))]
    check_gradients(potential, make_batch([atoms], potential.config), WEIGHT_GRADIENTS["float64"])


@pytest.mark.parametrize("name", ["default", "three_layers", "mlp", "qdi", "rff"])
def test_gradient_is_the_slope_of_the_loss(name):
    """Finite differences along a random direction of all weights, without torch's derivatives."""
    potential = trainable(build_potential(tiny_config(name), seed=8))
    batch = make_batch([alloy()], potential.config)
    predict = NativeNetwork(potential).predict
    _, found = gradients(potential, predict, batch)
    generator = torch.Generator().manual_seed(1)
    direction = {n: torch.randn(p.shape, generator=generator, dtype=p.dtype) for n, p in potential.named_parameters()}
    start = {n: p.detach().clone() for n, p in potential.named_parameters()}
    step, losses = 1e-5, []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for n, p in potential.named_parameters():
                p.copy_(start[n] + sign * step * direction[n])
        losses.append(float(loss_of(predict(batch, False, True))))
    expected = sum(float((found[n] * direction[n]).sum()) for n in found)
    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(expected, rel=FINITE_DIFFERENCE_LOSS)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_predictions_are_those_of_torch(name, dtype):
    potential = build_potential(tiny_config("zbl", dtype=dtype), seed=7)
    batch = make_batch([STRUCTURES[name](), single()], potential.config)
    ours, theirs = NativeNetwork(potential).predict(batch), potential.predict(batch)
    for field, a, b in zip(ours._fields, ours, theirs, strict=True):
        assert not a.requires_grad
        size = max(1.0, float(b.abs().max()))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=TRAINING_ENERGIES[dtype] * size, err_msg=field)


def test_two_threads_and_lone_atoms():
    potential = trainable(build_potential(tiny_config("three_layers"), seed=2))
    batch = make_batch([lonely(), single(), tiny_cell(), slab(), single(), alloy()], potential.config)
    check_gradients(potential, batch, WEIGHT_GRADIENTS["float64"], threads=2)
    native = NativeNetwork(potential, 2)
    first, second = (gradients(potential, native.predict, batch)[1] for _ in range(2))
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_nothing_but_lone_atoms():
    potential = trainable(build_potential(tiny_config(), seed=2))
    native = NativeNetwork(potential, 2)
    batch = make_batch([single(), single()], potential.config)
    _, found = gradients(potential, native.predict, batch)
    assert float(found["network.shifts"].abs().max()) > 0
    assert all(float(g.abs().max()) == 0 for name, g in found.items() if name != "network.shifts")


def test_weights_that_change_are_seen():
    potential = trainable(build_potential(tiny_config(), seed=2))
    native, batch = NativeNetwork(potential), make_batch([cluster()], tiny_config())
    for _ in range(2):
        expected = potential.predict(batch).energy
        np.testing.assert_allclose(native.predict(batch).energy, expected, rtol=1e-11)
        with torch.no_grad():
            for p in potential.parameters():
                p *= 1.1


def test_frozen_weights_have_no_gradient():
    potential = build_potential(tiny_config(), seed=2)
    potential.network.layers[0].path_weights.requires_grad_(False)
    _, found = gradients(potential, NativeNetwork(potential).predict, make_batch([cluster()], potential.config))
    assert "network.layers.0.path_weights" not in found and "network.shifts" not in found and "network.tensor_embed.weight" in found


def test_engine_that_is_taken():
    potential = build_potential(tiny_config(), seed=2)
    assert choose_engine(potential, "auto", "cpu")[0] == "native"
    assert choose_engine(potential, "torch", "cpu")[0] == "torch"
    assert choose_engine(potential, "auto", "cuda")[0] == "torch"
    with pytest.raises(ConfigError, match="`engine` native runs on the CPU, got device cuda; use torch"):
        choose_engine(potential, "native", "cuda")


@pytest.mark.parametrize("forces", [True, False])
@pytest.mark.parametrize("name", ["qdi", "qdi_reuploading"])
def test_a_circuit_that_keeps_its_own_layer(name, forces, monkeypatch):
    monkeypatch.setattr(engine, "MOST_COEFFICIENTS", 2)
    potential = trainable(build_potential(tiny_config(name, pair_potential="zbl"), seed=5))
    batch = make_batch([alloy(), cluster(), single()], potential.config, slots=70)
    check_gradients(potential, batch, WEIGHT_GRADIENTS["float64"], forces=forces, threads=2)
    ours, theirs = NativeNetwork(potential).predict(batch), potential.predict(batch)
    for field, a, b in zip(ours._fields, ours, theirs, strict=True):
        size = max(1.0, float(b.abs().max()))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=TRAINING_ENERGIES["float64"] * size, err_msg=field)


def test_a_circuit_of_many_coefficients_keeps_its_own_layer():
    circuit = {"num_qubits": 4, "num_features": 8, "depth": 1}
    potential = trainable(build_potential(tiny_config("qdi", qdi={"circuit": circuit, "width": 8}), seed=2))
    check_gradients(potential, make_batch([cluster()], potential.config), WEIGHT_GRADIENTS["float64"])
