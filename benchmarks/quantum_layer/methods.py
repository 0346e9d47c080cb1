"""The forms of the quantum layer that are timed, all made from one training layer with its angles."""

from collections.abc import Callable
from importlib.metadata import version

import torch
from torch import Tensor, nn

from qallegro.quantum.pennylane_reference import quantum_function
from qallegro.quantum.statevector import QuantumLayer

#: methods whose angles can train
TRAINED = ("TorchLayer", "training layer")
#: largest deviation from the training layer, of values and derivatives: rounding of some hundred operations on numbers of order one
AGREEMENT = {"float32": 2e-4, "float64": 1e-11}


def torch_layer(layer: QuantumLayer) -> nn.Module:
    """PennyLane's own layer on default.qubit, differentiated by torch. It gives <P>(x) without the constant <P>(0)."""
    import pennylane as qml

    config, circuit = layer.config, quantum_function(layer.config)

    def of_inputs(inputs: Tensor, angles: Tensor) -> list:
        return circuit(angles, inputs)

    device = qml.device("default.qubit", wires=config.num_qubits)
    qnode = qml.QNode(of_inputs, device, interface="torch", diff_method="backprop")
    made = qml.qnn.TorchLayer(qnode, {"angles": (config.num_angles,)})
    with torch.no_grad():
        made.angles.data = layer.all_angles().detach().clone()
    return made


def training_layer(layer: QuantumLayer) -> nn.Module:
    """The state vector of fused blocks, as `qallegro train` uses it."""
    return layer


METHODS: dict[str, Callable[[QuantumLayer], nn.Module]] = {"TorchLayer": torch_layer, "training layer": training_layer}


def picked_form(layer: QuantumLayer, edges: int) -> str | None:
    """Name of the method that `qallegro export` takes for this circuit."""
    return None


def check_agreement(made: dict[str, nn.Module], layer: QuantumLayer, features: Tensor, dtype: str) -> dict[str, float]:
    """Largest deviation from the training layer in values and derivatives.

    Raises:
        SystemExit: a form computes something else.
    """

    def evaluate(module: nn.Module) -> tuple[Tensor, Tensor]:
        x = features.clone().requires_grad_(True)
        y = module(x)
        if isinstance(module, nn.Module) and type(module).__name__ == "TorchLayer":
            y = y - module(torch.zeros_like(x[:1]))
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    expected = evaluate(layer)
    found = {}
    for name, module in made.items():
        found[name] = max(float((a - b).abs().max()) for a, b in zip(evaluate(module), expected, strict=True))
        if not found[name] <= AGREEMENT[dtype]:
            raise SystemExit(
                f"error: all forms must agree within {AGREEMENT[dtype]}, {name} is off by {found[name]:.1e} for {layer.config}"
            )
    return found


def versions() -> dict[str, str]:
    """Of what is timed."""
    return {name: version(name) for name in ("qallegro", "torch", "pennylane")}
