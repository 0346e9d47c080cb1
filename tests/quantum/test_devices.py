"""The circuit on PennyLane devices: parameter shifts, shots, noise, and what a device cannot do."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import pennylane as qml
import pytest
import torch

from qallegro.errors import ConfigError, ModelError
from qallegro.model.build import build_potential
from qallegro.quantum import devices
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.devices import DeviceLayer, DeviceSettings, circuits_for
from qallegro.quantum.pennylane_reference import circuit_layer, with_layer
from qallegro.quantum.statevector import differences, expectations
from random_circuits import NAMED, random_point
from systems import STRUCTURES, make_batch, tiny_config
from tolerances import CIRCUIT, PENNYLANE_FORCES, SAMPLED_SIGMAS, SAMPLED_SPREAD

DEVICES = ("default.qubit", "lightning.qubit", "default.mixed")
SMALL = CircuitConfig(num_qubits=2, num_features=2, depth=1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["paper_y", "reuploaded", "lattice_of_12", "one_qubit", "two_qubits_cz", "no_angles"])
def test_exact_device_gives_values_and_gradients_of_the_training_layer(device: str, name: str) -> None:
    config = CircuitConfig(**NAMED[name])
    angles, features = random_point(config, edges=4)
    weights = torch.linspace(-1.0, 1.5, 4 * config.num_outputs, dtype=torch.float64).view(4, -1)
    values, gradients = [], []
    for function in (lambda x: differences(config, angles, x), DeviceLayer(config, angles, DeviceSettings(device))):
        outputs = function(features)
        values.append(outputs.detach())
        gradients.append(torch.autograd.grad((outputs * weights).sum(), features)[0])
    assert float((values[0] - values[1]).abs().max()) < CIRCUIT["float64"]
    assert float((gradients[0] - gradients[1]).abs().max()) < CIRCUIT["float64"] * max(1.0, float(gradients[0].abs().max()))


@pytest.mark.parametrize("variant", ["qdi", "qdi_reuploading"])
def test_exact_device_gives_energies_and_forces_of_the_potential(variant: str) -> None:
    potential = build_potential(tiny_config(variant), seed=2)
    layer = circuit_layer(potential)
    on_device = with_layer(potential, DeviceLayer(layer.config, layer.all_angles(), DeviceSettings("default.qubit")))
    batch = make_batch([STRUCTURES[name]() for name in ("cluster", "lonely", "single")], potential.config)
    ours, theirs = on_device.predict(batch), potential.predict(batch)
    assert float(theirs.forces.abs().max()) > 1e-3
    assert float((ours.forces - theirs.forces).abs().max()) < PENNYLANE_FORCES
    assert float((ours.energy - theirs.energy).abs().max()) < PENNYLANE_FORCES


@pytest.mark.parametrize("shots", [None, 7])
def test_unused_slots_are_exactly_zero_and_take_no_circuits(shots: int | None) -> None:
    config = CircuitConfig(**NAMED["paper_y"])
    angles, features = random_point(config, edges=6)
    features = features.detach()
    features[[1, 4]] = 0.0
    features.requires_grad_()
    circuits: list[int] = []
    layer = DeviceLayer(config, angles, DeviceSettings("default.qubit", shots), circuits.append)
    outputs = layer(features)
    (slope,) = torch.autograd.grad(outputs.sum(), features)
    assert torch.count_nonzero(outputs[[1, 4]]) == 0 and torch.count_nonzero(slope[[1, 4]]) == 0
    assert bool(outputs[[0, 2, 3, 5]].any(1).all()) and bool(slope[[0, 2, 3, 5]].any(1).all())
    assert sum(circuits) == circuits_for(config, 4) == 4 * 9
    assert layer(features[:0]).shape == (0, 4) and layer(features[[1]]).tolist() == [[0.0] * 4]


def test_long_batches_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    config = CircuitConfig(**NAMED["paper_y"])
    angles, features = random_point(config, edges=11)
    monkeypatch.setattr(devices, "_BATCH", 4)
    layer = DeviceLayer(config, angles, DeviceSettings("default.qubit"))
    assert float((layer(features) - differences(config, angles, features)).detach().abs().max()) < CIRCUIT["float64"]


def sampled(settings: DeviceSettings, edges: int = 1000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs and slopes of many edges with the same features, each (edges, ...), and those features (1, F)."""
    config = CircuitConfig(**NAMED["paper_y"])
    angles, features = random_point(config, edges=1, seed=6)
    many = features.detach().expand(edges, -1).clone().requires_grad_()
    outputs = DeviceLayer(config, angles, settings)(many)
    (slopes,) = torch.autograd.grad(outputs[:, 0].sum(), many)
    return outputs.detach(), slopes, features


@pytest.mark.parametrize(("device", "edges"), [("default.qubit", 1000), ("lightning.qubit", 300)])
def test_shots_are_independent_unbiased_and_as_noisy_as_a_binomial(device: str, edges: int) -> None:
    config = CircuitConfig(**NAMED["paper_y"])
    angles, point = random_point(config, edges=1, seed=6)
    exact, value = differences(config, angles, point), expectations(config, angles, point).detach()
    (slope,) = torch.autograd.grad(exact[:, 0].sum(), point)
    shots = 50
    outputs, slopes, _ = sampled(DeviceSettings(device, shots, seed=1), edges)
    # A mean of `shots` outcomes of +1 and -1.
    spread = ((1.0 - value.square()) / shots).sqrt()[0]
    wide = SAMPLED_SPREAD * (1000 / edges) ** 0.5
    assert bool(((outputs.std(0) / spread - 1.0).abs() < wide).all())
    assert bool(((outputs.mean(0) - exact[0]).detach().abs() < SAMPLED_SIGMAS * spread / edges**0.5).all())
    assert bool(((slopes.mean(0) - slope[0]).abs() < SAMPLED_SIGMAS * slopes.std(0) / edges**0.5).all())
    # Edges side by side have nothing to do with each other: their correlation is of order 1 / sqrt(edges).
    centred = (outputs - outputs.mean(0)) / outputs.std(0)
    assert bool(((centred[1:] * centred[:-1]).mean(0).abs() < SAMPLED_SIGMAS / edges**0.5).all())


def test_spread_falls_with_the_root_of_shots() -> None:
    few, many = (sampled(DeviceSettings("default.qubit", shots, seed=3)) for shots in (20, 2000))
    for a, b in zip(few[:2], many[:2], strict=True):
        active = b.std(0) > 0.0
        assert bool(active.any())
        assert bool(((a.std(0) / b.std(0))[active] / 10.0 - 1.0).abs().max() < 1.5 * SAMPLED_SPREAD)


@pytest.mark.parametrize("device", DEVICES)
def test_seed_repeats_a_run_and_evaluations_differ(device: str) -> None:
    config = CircuitConfig(**NAMED["paper_y"])
    angles, features = random_point(config, edges=3)

    def two(seed: int) -> list[torch.Tensor]:
        layer = DeviceLayer(config, angles, DeviceSettings(device, 100, seed=seed))
        return [layer(features).detach() for _ in range(2)]

    first, again, other = two(5), two(5), two(6)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], other[0])


def test_depolarisation_shrinks_each_pauli_by_its_gates() -> None:
    """Each channel multiplies a Pauli string by l = 1 - 4 p / 3 for every qubit it acts on and the string covers."""
    p = 0.06
    shrink = 1.0 - 4.0 * p / 3.0
    one = CircuitConfig(num_qubits=1, num_features=1, encoding_axis="X", depth=0, observables="Z")
    x = torch.tensor([[0.7], [2.1], [-1.2]], dtype=torch.float64)
    layer = DeviceLayer(one, torch.zeros(0), DeviceSettings("default.mixed", noise=p))
    assert float((layer(x) - shrink * (x.cos() - 1.0)).abs().max()) < CIRCUIT["float64"]
    # RX on both qubits, then Rot(0, 0, 0) and CNOT 0-1, CNOT 1-0. Backwards Z_0 is Z_0, Z_0 Z_1, Z_1, ..., and Z_1 is Z_1, Z_1, Z_0 Z_1, ...
    two = CircuitConfig(num_qubits=2, num_features=2, encoding_axis="X", depth=[0, 1], observables="Z")
    x = torch.tensor([[0.7, 1.9], [-2.2, 0.4]], dtype=torch.float64)
    layer = DeviceLayer(two, torch.zeros(6), DeviceSettings("default.mixed", noise=p))
    expected = torch.stack([shrink**7 * (x[:, 1].cos() - 1.0), shrink**10 * (x.cos().prod(1) - 1.0)], 1)
    assert float((layer(x) - expected).abs().max()) < CIRCUIT["float64"]


def test_noise_keeps_zero_at_zero_and_takes_all_information_at_three_quarters() -> None:
    config = CircuitConfig(**NAMED["paper_y"])
    angles, features = random_point(config, edges=3)
    tiny = 1e-9 * features.detach()
    # Not exactly zero, so that the circuits run: a reference without noise would leave a difference.
    assert float(DeviceLayer(config, angles, DeviceSettings("default.mixed", noise=0.02))(tiny).abs().max()) < 1e-8
    exact = differences(config, angles, features).detach()
    sizes = [
        float(DeviceLayer(config, angles, DeviceSettings("default.mixed", noise=p))(features).detach().norm())
        for p in (0.0, 0.01, 0.05, 0.75)
    ]
    assert abs(sizes[0] - float(exact.norm())) < CIRCUIT["float64"] * 10
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] and sizes[3] < CIRCUIT["float64"]


def test_parameter_shifts_hold_with_noise() -> None:
    config = CircuitConfig(num_qubits=2, num_features=2, num_reuploads=2, depth=1)
    angles, features = random_point(config, edges=2)
    layer = DeviceLayer(config, angles, DeviceSettings("default.mixed", noise=0.03))
    (slope,) = torch.autograd.grad(layer(features).sum(), features)
    step = 1e-5
    for k in range(2):
        shift = torch.zeros(1, 2, dtype=torch.float64)
        shift[0, k] = step
        central = (layer(features + shift) - layer(features - shift)).detach().sum(1) / (2.0 * step)
        # Error of central differences: step^2 times a third derivative of order one, and rounding over the step.
        assert float((slope[:, k] - central).abs().max()) < 1e-8


def test_noisy_shots_scatter_around_the_noisy_value() -> None:
    angles, features = random_point(SMALL, edges=1)
    many = features.detach().expand(400, -1)
    exact = DeviceLayer(SMALL, angles, DeviceSettings("default.mixed", noise=0.1))(features).detach()
    outputs = DeviceLayer(SMALL, angles, DeviceSettings("default.mixed", 100, 0.1))(many)
    error = outputs.std(0) / 20.0
    assert bool(((outputs.mean(0) - exact[0]).abs() < SAMPLED_SIGMAS * error).all())
    clean = differences(SMALL, angles, features).detach()[0]
    assert bool(((outputs.mean(0) - clean).abs() > SAMPLED_SIGMAS * error).any())


def test_second_derivatives_are_refused() -> None:
    angles, features = random_point(SMALL)
    layer = DeviceLayer(SMALL, angles, DeviceSettings("default.qubit"))
    (slope,) = torch.autograd.grad(layer(features).square().sum(), features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


class OnlySamples(qml.devices.DefaultQubit):
    """A simulator that behaves like hardware: no exact values."""

    def execute(self, circuits, execution_config=None):
        if any(not circuit.shots for circuit in circuits):
            raise qml.exceptions.DeviceError("analytic execution is not supported")
        return super().execute(circuits, execution_config)


def test_device_that_only_samples_measures_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_open", lambda settings, qubits: OnlySamples(wires=qubits, seed=1))
    angles, features = random_point(SMALL, edges=1)
    layer = DeviceLayer(SMALL, angles, DeviceSettings("hardware", 200))
    many = features.detach().expand(500, -1)
    exact = differences(SMALL, angles, features).detach()[0]
    error = (layer(many).var(0) / 500 + 1.0 / (200 * devices.REFERENCE_SHOTS)).sqrt()
    assert bool(((layer(many).mean(0) - exact).abs() < SAMPLED_SIGMAS * error).all())
    with pytest.raises(ConfigError, match="exact expectation values where `shots` is not given, hardware does not: analytic execution"):
        DeviceLayer(SMALL, angles, DeviceSettings("hardware"))


class NeverSamples(qml.devices.DefaultQubit):
    """A simulator of exact values only."""

    def execute(self, circuits, execution_config=None):
        if any(circuit.shots for circuit in circuits):
            raise qml.exceptions.DeviceError("finite shots are not supported")
        return super().execute(circuits, execution_config)


def test_device_that_never_samples_refuses_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_open", lambda settings, qubits: NeverSamples(wires=qubits))
    angles, _ = random_point(SMALL)
    DeviceLayer(SMALL, angles, DeviceSettings("exact.only"))
    with pytest.raises(ConfigError, match="must sample where `shots` is given, exact.only does not: finite shots.*leave out `shots`"):
        DeviceLayer(SMALL, angles, DeviceSettings("exact.only", 10))


# settings -> parts of the message
REFUSED: list[tuple[DeviceSettings, tuple[str, ...]]] = [
    (DeviceSettings("default.qbit"), ("`device` must be a PennyLane device that is installed, got 'default.qbit'", "lightning.qubit")),
    (DeviceSettings("qiskit.aer"), ("got 'qiskit.aer'", "install its plugin, pennylane-qiskit")),
    (DeviceSettings("lightning.amdgpu"), ("got 'lightning.amdgpu'", "install its plugin, pennylane-lightning-amdgpu")),
    (DeviceSettings("default.qutrit"), ("must run this circuit of 2 qubits", "default.qutrit does not", "take lightning.qubit or default.qubit")),
    (DeviceSettings("default.gaussian", 10), ("must run this circuit of 2 qubits", "default.gaussian does not")),
    (DeviceSettings(shots=0), ("`shots` must be 1 or more, got 0", "leave it out")),
    (DeviceSettings(shots=-5), ("`shots` must be 1 or more, got -5",)),
    (DeviceSettings("default.mixed", noise=1.2), ("`noise` must be a probability between 0 and 1, got 1.2",)),
    (DeviceSettings("default.mixed", noise=float("nan")), ("`noise` must be a probability between 0 and 1, got nan",)),
    (DeviceSettings("default.qubit", noise=0.1), ("must simulate noise channels", "default.qubit does not", "take default.mixed")),
    (DeviceSettings("lightning.qubit", 10, 0.1), ("must simulate noise channels", "lightning.qubit does not", "take default.mixed")),
    (DeviceSettings(seed=-1), ("`seed` must be 0 or more, got -1",)),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "parts"), REFUSED, ids=str)
def test_device_is_refused(settings: DeviceSettings, parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        DeviceLayer(SMALL, torch.zeros(SMALL.num_angles), settings)
    for part in parts:
        assert part in str(caught.value)


def test_device_that_lacks_a_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, **_: object) -> None:
        raise ImportError(f"{name} requires quimb,\n  pip install quimb")

    monkeypatch.setattr(qml, "device", missing)
    with pytest.raises(
        ConfigError, match=r"all it needs installed, default.tensor lacks a package: default.tensor requires quimb, pip install quimb"
    ):
        DeviceLayer(SMALL, torch.zeros(SMALL.num_angles), DeviceSettings("default.tensor"))


@pytest.mark.parametrize("variant", ["default", "mlp", "rff"])
def test_models_without_a_circuit_are_refused(variant: str) -> None:
    potential = build_potential(tiny_config(variant), seed=0)
    with pytest.raises(ModelError, match=f"`variant: allegro_qdi`.*got `variant: {potential.config.variant}`; train one with"):
        circuit_layer(potential, "a quantum device")
