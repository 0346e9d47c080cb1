"""The forms of the quantum layer that are timed, all made from one training layer with its angles."""

import warnings
from importlib.metadata import version
from typing import NamedTuple

import torch
from torch import Tensor, nn

from forms import NAMES, make_forms
from qallegro.quantum.pennylane_reference import quantum_function
from qallegro.quantum.statevector import QuantumLayer

#: methods whose angles can train
TRAINED = ("TorchLayer", "training layer")
METHODS = (*TRAINED, *NAMES)
#: largest deviation from the training layer, of values and derivatives: rounding of some hundred operations on numbers of order one
AGREEMENT = {"float32": 2e-4, "float64": 1e-11}


class Scripted(nn.Module):
    """A form as the exported file runs it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates TorchScript; qallegro.export.torchscript says what pins it
            self.scripted = torch.jit.script(module.eval())

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        with torch.jit.optimized_execution(False):
            return self.scripted(features)


class Methods(NamedTuple):
    """One circuit in every form."""

    modules: dict[str, nn.Module]
    refused: dict[str, str]  #: why there is none of the others
    picked: str | None  #: the form that `qallegro export` takes
    inexact: list[str]  #: forms that `qallegro export` takes only within a given tolerance


def make_methods(layer: QuantumLayer, names: list[str], edges: int) -> Methods:
    """Args: edges: number of edges for which export times the forms."""
    modules: dict[str, nn.Module] = {}
    if "TorchLayer" in names:
        modules["TorchLayer"] = torch_layer(layer)
    if "training layer" in names:
        modules["training layer"] = layer
    wanted = [name for name in NAMES if name in names]
    if not wanted:
        return Methods(modules, {}, None, [])
    forms = make_forms(layer, edges)
    return Methods(
        modules | {name: Scripted(module) for name, module in forms.modules.items() if name in wanted},
        {name: why for name, why in forms.refused.items() if name in wanted},
        forms.picked,
        forms.inexact,
    )


def torch_layer(layer: QuantumLayer) -> nn.Module:
    """PennyLane's own layer on default.qubit, differentiated by torch. It gives <P>(x) without the constant <P>(0)."""
    import pennylane as qml

    config, circuit = layer.config, quantum_function(layer.config)

    def of_inputs(inputs: Tensor, angles: Tensor) -> list:
        return circuit(angles, inputs)

    device = qml.device("default.qubit", wires=config.num_qubits)
    qnode = qml.QNode(of_inputs, device, interface="torch", diff_method="backprop")
    made = qml.qnn.TorchLayer(qnode, {"angles": (config.num_angles,)})
    made.angles.data = layer.all_angles().detach().clone()
    return made


def check_agreement(made: dict[str, nn.Module], layer: QuantumLayer, features: Tensor, dtype: str) -> dict[str, float]:
    """Largest deviation from the training layer in values and derivatives.

    Raises:
        SystemExit: a form computes something else.
    """

    def evaluate(name: str, module: nn.Module) -> tuple[Tensor, Tensor]:
        x = features.clone().requires_grad_(True)
        y = module(x)
        if name == "TorchLayer":
            y = y - module(torch.zeros_like(features[:1]))
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    expected = evaluate("training layer", layer)
    found = {}
    for name, module in made.items():
        found[name] = max(float((a - b).abs().max()) for a, b in zip(evaluate(name, module), expected, strict=True))
        if not found[name] <= AGREEMENT[dtype]:
            raise SystemExit(
                f"error: all forms must agree within {AGREEMENT[dtype]:.0e}, {name} is off by {found[name]:.1e} for {layer.config}"
            )
    return found


def versions() -> dict[str, str]:
    """Of what is timed."""
    return {name: version(name) for name in ("qallegro", "torch", "pennylane")}
