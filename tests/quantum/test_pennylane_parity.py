"""The training layer against PennyLane's default.qubit: values, gradients, double gradients."""

from collections import Counter

import pytest
import torch

from qallegro.model.build import build_potential
from qallegro.quantum import circuit
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import PennyLaneLayer, circuit_qnode, pennylane_expectations, with_pennylane
from qallegro.quantum.statevector import QuantumLayer, differences, expectations
from random_circuits import AXES, ENTANGLERS, NAMED, OBSERVABLES, random_circuits, random_point
from systems import STRUCTURES, make_batch, tiny_config
from tolerances import CIRCUIT, CIRCUIT_ROWS, PARITY, PENNYLANE_FORCES

CIRCUITS = random_circuits() | {name: CircuitConfig(**keys) for name, keys in NAMED.items()}


def test_random_circuits_cover_the_description() -> None:
    configs = list(random_circuits().values())
    assert len(configs) >= 40
    seen = {name: Counter(getattr(c, name) for c in configs) for name in ("num_qubits", "encoding_axis", "entangler", "observables")}
    assert set(seen["num_qubits"]) == set(range(1, 9))
    assert set(seen["encoding_axis"]) == set(AXES)
    assert set(seen["entangler"]) == set(ENTANGLERS)
    assert set(seen["observables"]) == set(OBSERVABLES)
    assert any(c.num_reuploads > 1 for c in configs) and any(c.num_features > c.num_qubits for c in configs)
    assert sum(len(set(c.depths)) > 1 for c in configs) >= 10
    assert any(c.entangler == "strongly_entangling" and c.num_qubits > 2 and max(c.depths) > 2 for c in configs)


def chain(values: torch.Tensor, angles: torch.Tensor, features: torch.Tensor) -> dict[str, torch.Tensor]:
    """Values, gradients of a random sum of them, and gradients of a random sum of the gradient with respect to features."""
    generator = torch.Generator().manual_seed(9)
    weights = torch.randn(values.shape, generator=generator, dtype=torch.float64)
    direction = torch.randn(features.shape, generator=generator, dtype=torch.float64)
    result = {"value": values}
    first = torch.autograd.grad((values * weights).sum(), [features, angles], create_graph=True, allow_unused=True, materialize_grads=True)
    result |= {"d/dx": first[0], "d/dtheta": first[1]}
    contracted = (first[0] * direction).sum()
    # Without trainable angles the second derivative may not depend on them at all.
    second = torch.autograd.grad(contracted, [features, angles], retain_graph=True, allow_unused=True, materialize_grads=True)
    result |= {"d2/dx dx": second[0], "d2/dx dtheta": second[1]}
    return {name: tensor.detach() for name, tensor in result.items()}


@pytest.mark.parametrize("name", CIRCUITS)
def test_agrees_with_default_qubit(name: str) -> None:
    config = CIRCUITS[name]
    angles, features = random_point(config, seed=len(name))
    qnode = circuit_qnode(config)
    reference = pennylane_expectations(config, angles, torch.cat([features, torch.zeros_like(features[:1])]), qnode)
    for function, expected in ((expectations, reference[:-1]), (differences, reference[:-1] - reference[-1])):
        ours = chain(function(config, angles, features), angles, features)
        theirs = chain(expected, angles, features)
        for what, tensor in theirs.items():
            scale = max(1.0, float(tensor.abs().max()) if tensor.numel() else 0.0)
            torch.testing.assert_close(
                ours[what], tensor, rtol=0.0, atol=CIRCUIT["float64"] * scale, msg=lambda m, w=what, f=function: f"{f.__name__} {w}: {m}"
            )


def test_reference_circuit_is_built_of_the_gates_that_the_description_lists() -> None:
    for config in CIRCUITS.values():
        angles, features = random_point(config)
        tape = circuit_qnode(config)
        import pennylane as qml

        queued = qml.workflow.construct_tape(tape)(angles, features)
        names = [(op.name, tuple(op.wires)) for op in queued.operations]
        assert names == [(gate.name, gate.qubits) for gate in circuit.gates(config)]
        assert len(queued.measurements) == config.num_outputs == len(circuit.pauli_strings(config))


@pytest.mark.parametrize("name", NAMED)
def test_float32_layer_stays_within_rounding(name: str) -> None:
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=20)
    single_angles, single = (t.detach().float().requires_grad_() for t in (angles, features))
    ours = differences(config, single_angles, single)
    assert ours.dtype == torch.float32
    theirs = PennyLaneLayer(config, single_angles.double())(single.double())
    assert float((ours - theirs).detach().abs().max()) < CIRCUIT["float32"]
    gradients = [torch.autograd.grad(y.square().sum(), single)[0] for y in (ours, theirs)]
    assert float((gradients[0] - gradients[1]).abs().max()) < 4 * CIRCUIT["float32"] * max(1.0, float(gradients[1].abs().max()))


def layers(config: CircuitConfig) -> list[torch.nn.Module]:
    """The training layer and PennyLane with the same angles."""
    layer = QuantumLayer(config, torch.float64)
    return [layer, PennyLaneLayer(config, layer.all_angles())]


@pytest.mark.parametrize("name", ["paper_y", "reuploaded", "two_qubits_cz"])
def test_empty_batches_run_and_differentiate_twice(name: str) -> None:
    config = CIRCUITS[name]
    for layer in layers(config):
        features = torch.zeros(0, config.num_features, dtype=torch.float64, requires_grad=True)
        outputs = layer(features)
        assert outputs.shape == (0, config.num_outputs)
        (slope,) = torch.autograd.grad(outputs.sum(), features, create_graph=True)
        assert slope.shape == features.shape
        loss = outputs.sum() + slope.square().sum()
        loss.backward()
        assert all(p.grad is None or not p.grad.any() for p in layer.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CIRCUITS)
def test_outputs_at_zero_are_exactly_zero(name: str, dtype: torch.dtype) -> None:
    config = CIRCUITS[name]
    angles, features = random_point(config)
    features = features.detach().to(dtype)
    features[1] = 0.0
    assert torch.count_nonzero(differences(config, angles.detach().to(dtype), features)[1]) == 0


@pytest.mark.parametrize("name", ["paper_y", "lattice_of_12", "eight_qubits"])
def test_an_edge_does_not_feel_the_batch_it_is_in(name: str) -> None:
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=33)
    with torch.no_grad():
        together = differences(config, angles, features)
        alone = torch.cat([differences(config, angles, row[None]) for row in features])
        shuffled = differences(config, angles, features.flip(0)).flip(0)
    assert float((together - alone).abs().max()) < CIRCUIT_ROWS and float((together - shuffled).abs().max()) < CIRCUIT_ROWS


@pytest.mark.parametrize("variant", ["qdi", "qdi_reuploading"])
def test_potential_with_pennylane_in_the_loop_gives_the_same_energies_and_forces(variant: str) -> None:
    potential = build_potential(tiny_config(variant), seed=4)
    before = {name: tensor.clone() for name, tensor in potential.state_dict().items()}
    batch = make_batch([make() for make in STRUCTURES.values()], potential.config)
    reference = with_pennylane(potential)
    assert isinstance(reference.network.readout.layer, PennyLaneLayer)
    ours, theirs = potential.predict(batch), reference.predict(batch)
    assert float(theirs.forces.abs().max()) > 1e-3
    assert float((ours.forces - theirs.forces).abs().max()) < PENNYLANE_FORCES
    tolerance = PARITY["float64"].energy * float(theirs.per_atom_energy.abs().max())
    assert float((ours.per_atom_energy - theirs.per_atom_energy).abs().max()) < tolerance
    # The original is left alone.
    assert isinstance(potential.network.readout.layer, QuantumLayer)
    assert all(torch.equal(before[name], tensor) for name, tensor in potential.state_dict().items())


def test_potential_with_pennylane_in_the_loop_trains_on_forces() -> None:
    potential = build_potential(tiny_config("qdi"), seed=4)
    reference = with_pennylane(potential)
    batch = make_batch([STRUCTURES["cluster"]()], potential.config)
    gradients = []
    for model in (potential, reference):
        prediction = model.predict(batch, training=True)
        (prediction.energy.sum() + prediction.forces.square().sum()).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    angles = gradients[1].pop("network.readout.layer.angles")
    active = potential.network.readout.layer.active
    ours = gradients[0].pop("network.readout.layer.angles")
    largest = max(float(g.abs().max()) for g in gradients[0].values())
    assert float((angles[active] - ours).abs().max()) < PENNYLANE_FORCES * max(1.0, largest)
    for name, gradient in gradients[0].items():
        assert float((gradient - gradients[1][name]).abs().max()) < PENNYLANE_FORCES * max(1.0, largest), name
