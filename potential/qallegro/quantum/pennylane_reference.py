"""The circuit in PennyLane: witness for the training layer and for every surrogate, for drawing and for devices."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from qallegro.errors import ModelError
from qallegro.quantum.circuit import encoded_features, gates, pauli_strings
from qallegro.quantum.config import CircuitConfig

if TYPE_CHECKING:
    from qallegro.model.potential import Potential


def encoding_angles(config: CircuitConfig, features: Tensor) -> Tensor:
    """Angles of the encoding gates, in order: features (E, num_features) to (E, K n), a column for each of K encodings and n qubits."""
    return torch.cat([features[:, encoded_features(config, k)] for k in range(config.num_encodings)], 1)


def apply_gates(config: CircuitConfig, angles: Any, encoded: Any, noise: float = 0.0) -> None:
    """Queue all gates of the circuit in PennyLane.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        encoded: (E, K n) rad, as from `encoding_angles`; PennyLane broadcasts over E. (K n,) is one circuit.
        noise: probability p of a depolarising channel (X, Y or Z with p / 3 each) after each gate, on each qubit that it touches.
    """
    import pennylane as qml

    for gate in gates(config):
        operation = getattr(qml, gate.name)
        if gate.angle is not None:
            operation(angles[gate.angle], wires=gate.qubits)
        elif gate.feature is not None:
            operation(encoded[..., gate.encoding * config.num_qubits + gate.qubits[0]], wires=gate.qubits)
        else:
            operation(wires=gate.qubits)
        if noise > 0.0:
            for qubit in gate.qubits:
                qml.DepolarizingChannel(noise, wires=qubit)


def expectation_values(config: CircuitConfig) -> list[Any]:
    """PennyLane's expectation value of every observable, in the order of `pauli_strings`."""
    import pennylane as qml

    return [qml.expval(qml.pauli.string_to_pauli_word(pauli)) for pauli in pauli_strings(config)]


def quantum_function(config: CircuitConfig) -> Callable[[Tensor, Tensor], list[Any]]:
    """The circuit as a PennyLane quantum function of angles (num_angles,) and features (E, num_features) or (num_features,), in rad."""

    def circuit(angles: Tensor, features: Tensor) -> list[Any]:
        columns = [feature for k in range(config.num_encodings) for feature in encoded_features(config, k)]
        apply_gates(config, angles, features[..., columns])
        return expectation_values(config)

    return circuit


def circuit_qnode(config: CircuitConfig) -> Any:
    """QNode of `quantum_function` on default.qubit: exact, differentiated by torch to any order; returns a list of (E,)."""
    import pennylane as qml

    device = qml.device("default.qubit", wires=config.num_qubits)
    return qml.QNode(quantum_function(config), device, interface="torch", diff_method="backprop")


def pennylane_expectations(config: CircuitConfig, angles: Tensor, features: Tensor, qnode: Any = None) -> Tensor:
    """<P>(x) of every observable on default.qubit, in float64.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        features: (E, num_features) rad; E may be 0.
        qnode: from `circuit_qnode`, to save making it.

    Returns:
        (E, num_outputs) float64, twice differentiable.
    """
    angles, features = angles.to(torch.float64), features.to(torch.float64)
    if features.shape[0] == 0:
        # PennyLane cannot broadcast over nothing; the sums keep the graph, as the training layer does.
        return features.new_zeros(0, config.num_outputs) + 0.0 * (features.sum() + angles.sum())
    values = (qnode or circuit_qnode(config))(angles, features)
    return torch.stack([value.expand(features.shape[0]) for value in values], 1)


class PennyLaneLayer(nn.Module):
    """The circuit on default.qubit in place of `QuantumLayer`: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs).

    Args:
        config: the circuit.
        angles: (num_angles,) rad, trainable here if they require a gradient.
    """

    def __init__(self, config: CircuitConfig, angles: Tensor) -> None:
        super().__init__()
        self.config = config
        self.angles = nn.Parameter(angles.detach().clone(), requires_grad=angles.requires_grad)
        self._qnode: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_qnode": None}

    def all_angles(self) -> Tensor:
        """(num_angles,) rad."""
        return self.angles

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs) in their precision."""
        if self._qnode is None:
            self._qnode = circuit_qnode(self.config)
        # <P>(0) comes as one more row of the same call.
        rows = torch.cat([features, features.new_zeros(1, features.shape[1])])
        values = pennylane_expectations(self.config, self.all_angles(), rows, self._qnode)
        return (values[:-1] - values[-1]).to(features.dtype)


def circuit_layer(potential: "Potential", purpose: str = "PennyLane") -> nn.Module:
    """The module that runs the circuit in a potential.

    Raises:
        ModelError: the potential has no circuit.
    """
    variant = potential.config.variant
    if variant != "allegro_qdi":
        raise ModelError(
            f"the model must have a circuit (`variant: allegro_qdi`) for {purpose}, got `variant: {variant}`; "
            "train one with `model.variant=allegro_qdi`"
        )
    return potential.network.readout.layer


def with_pennylane(potential: "Potential") -> "Potential":
    """A deep copy of a hybrid potential that runs its circuit in PennyLane's default.qubit.

    Raises:
        ModelError: the potential has no circuit.
    """
    layer = circuit_layer(potential)
    return with_layer(potential, PennyLaneLayer(layer.config, layer.all_angles()))


def with_layer(potential: "Potential", layer: nn.Module) -> "Potential":
    """A deep copy of a hybrid potential with another circuit layer, which is not copied."""
    replaced = copy.deepcopy(potential)
    replaced.network.readout.layer = layer
    return replaced
