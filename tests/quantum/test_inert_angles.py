"""Angles that cannot act: found, frozen, without effect on what the layer gives."""

import pytest
import torch

from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.inert import find_inert
from qallegro.quantum.pennylane_reference import PennyLaneLayer
from qallegro.quantum.statevector import QuantumLayer, differences, expectations
from random_circuits import NAMED, PAPER, random_circuits, random_point
from tolerances import CIRCUIT

CIRCUITS = random_circuits() | {name: CircuitConfig(**keys) for name, keys in NAMED.items()}

# The first RZ on |0> of each qubit; measuring Z also the last RZ, which commutes with it behind the CNOT ring.
FIRST_ON_ZERO = (0, 3, 6, 9)


@pytest.mark.parametrize(("observable", "count"), [("Y", 4), ("Z", 8)])
def test_papers_circuit_has_as_many_inert_angles_as_were_measured(observable: str, count: int) -> None:
    config = CircuitConfig(**PAPER, observables=observable)
    assert config.num_angles == 24
    inert = find_inert(config)
    assert len(inert.of_outputs) == count and set(FIRST_ON_ZERO) <= set(inert.of_outputs)
    assert inert.of_differences == inert.of_outputs and inert.features == ()


@pytest.mark.parametrize("name", CIRCUITS)
def test_inert_angles_do_nothing_and_all_others_do(name: str) -> None:
    config = CIRCUITS[name]
    inert = find_inert(config)
    angles, features = random_point(config, edges=4, seed=3)
    for function, found in ((expectations, inert.of_outputs), (differences, inert.of_differences)):
        values = function(config, angles, features)
        moved = angles.detach().clone()
        moved[list(found)] += torch.linspace(0.3, 2.9, len(found), dtype=torch.float64)
        assert float((function(config, moved, features) - values).detach().abs().max()) < CIRCUIT["float64"]
        weights = torch.linspace(0.5, 1.7, values.numel(), dtype=torch.float64).view_as(values)
        (slope,) = torch.autograd.grad((values * weights).sum(), angles, allow_unused=True, materialize_grads=True)
        active = [k for k in range(config.num_angles) if k not in found]
        assert bool((slope[active].abs() > 1e-9).all())
    assert set(inert.of_outputs) <= set(inert.of_differences)


@pytest.mark.parametrize(("observable", "count"), [("Y", 20), ("Z", 16)])
def test_frozen_angles_stay_at_zero_in_training(observable: str, count: int) -> None:
    torch.manual_seed(0)
    config = CircuitConfig(**PAPER, observables=observable)
    layer = QuantumLayer(config, torch.float64)
    inert = list(layer.inert.of_differences)
    assert sum(p.numel() for p in layer.parameters()) == count
    start = layer.all_angles().detach().clone()
    features = random_point(config, edges=16)[1].detach().requires_grad_()
    target = torch.randn(16, 4, dtype=torch.float64)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        outputs = layer(features)
        (slope,) = torch.autograd.grad(outputs.sum(), features, create_graph=True)
        loss = (outputs - target).square().mean() + slope.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    after = layer.all_angles().detach()
    assert losses[-1] < losses[0]
    assert torch.count_nonzero(after[inert]) == 0
    active = layer.active
    assert bool(((after - start)[active].abs() > 1e-6).all())
    # Whatever the frozen angles were, the layer would give the same.
    moved = after.clone()
    moved[inert] = 1.3
    with torch.no_grad():
        assert float((PennyLaneLayer(config, moved)(features) - layer(features)).abs().max()) < CIRCUIT["float64"]


def test_all_angles_train_where_freezing_is_switched_off() -> None:
    layer = QuantumLayer(CircuitConfig(**PAPER), torch.float32, freeze_inert=False)
    assert layer.angles.shape == (24,) and layer.angles.requires_grad
    assert torch.equal(layer.all_angles(), layer.angles)
    frozen = QuantumLayer(CircuitConfig(**PAPER), torch.float32, trainable=False)
    assert not any(p.requires_grad for p in frozen.parameters())
