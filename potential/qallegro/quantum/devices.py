"""The circuit on any PennyLane device, with finite shots and noise, differentiated as hardware would: by the parameter-shift rule.

Every encoding gate is exp(-i x P / 2), so that each expectation value f is a sinusoid of that gate's angle, and

    df/dx = (f(x + pi/2) - f(x - pi/2)) / 2

holds for noisy devices too and, on average, for sampled values (Mitarai et al., Phys. Rev. A 98, 032309 (2018); Schuld et al.,
Phys. Rev. A 99, 032331 (2019)). A feature that is encoded several times collects the sum over its gates.

The layer's outputs are <P>(x) - <P>(0). <P>(0) is one constant of the trained circuit, the same for all edges and all time: it is
taken once, exactly, from the same device with the same noise, as a calibration would give it. On a device that only samples it is
measured once with `REFERENCE_SHOTS` times the shots.
"""

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from qallegro.errors import ConfigError
from qallegro.quantum.circuit import encoded_features
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import apply_gates, encoding_angles, expectation_values

#: how many times more shots measure <P>(0) on a device without exact values
REFERENCE_SHOTS = 100

#: bytes of states or samples in one broadcast call, and the largest call
_BATCH_BYTES = 2**24
_BATCH = 1024

#: first word of a device's name, or the whole name -> package that brings it
_PLUGINS = {
    "lightning.gpu": "pennylane-lightning-gpu",
    "lightning.kokkos": "pennylane-lightning-kokkos",
    "lightning.tensor": "pennylane-lightning-tensor",
    "lightning.amdgpu": "pennylane-lightning-amdgpu",
    "lightning": "pennylane-lightning",
    "qiskit": "pennylane-qiskit",
    "cirq": "pennylane-cirq",
    "braket": "amazon-braket-pennylane-plugin",
    "qrack": "pennylane-qrack",
    "ionq": "pennylane-ionq",
    "rigetti": "pennylane-rigetti",
    "quantinuum": "pennylane-quantinuum",
    "qulacs": "pennylane-qulacs",
    "aqt": "pennylane-aqt",
}


class DeviceSettings(NamedTuple):
    """A PennyLane device and how it measures."""

    name: str = "default.qubit"  #: as PennyLane knows it
    shots: int | None = None  #: measurements of each circuit; None: exact
    noise: float = 0.0  #: probability of a depolarising channel after each gate, on each qubit that it touches
    seed: int = 0  #: of the sampling, on devices that take one


class DeviceLayer(nn.Module):
    """The circuit on a device in place of `QuantumLayer`: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs).

    First derivatives with respect to features come from the parameter-shift rule, measured on the device in backward; angles are
    constants. A row of features that are all zero is an unused slot: it gives exactly zero, without a circuit.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        settings: the device.
        advance: called with the number of circuits just run.

    Raises:
        ConfigError: a setting is out of its range, the device is unknown, or it cannot do what is asked for.
    """

    def __init__(
        self, config: CircuitConfig, angles: Tensor, settings: DeviceSettings, advance: Callable[[int], None] | None = None
    ) -> None:
        super().__init__()
        _check(settings)
        self.config = config
        self.settings = settings
        self.advance = advance
        self._angles = angles.detach().cpu().double().numpy()
        self._device = _open(settings, config.num_qubits)
        state = 4**config.num_qubits if settings.noise > 0.0 or "mixed" in settings.name else 2**config.num_qubits
        samples = 8 * config.num_qubits * (settings.shots or 0)
        self._batch = max(1, min(_BATCH, _BATCH_BYTES // max(16 * state, samples)))
        self._at_zero = self._calibrate()

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        return _OnDevice.apply(features, self)

    def outputs(self, features: Tensor) -> Tensor:
        """`forward` without a derivative."""
        result = features.new_zeros(features.shape[0], self.config.num_outputs)
        used = used_rows(features)
        values = self._run(_encoded(self.config, features[used])) - self._at_zero
        result[used] = torch.from_numpy(values).to(result)
        return result

    def feature_gradient(self, features: Tensor, weights: Tensor) -> Tensor:
        """Derivative of sum(weights * outputs) with respect to features, by parameter shifts.

        Args:
            features: (E, num_features) rad.
            weights: (E, num_outputs).

        Returns:
            (E, num_features).
        """
        result = features.new_zeros(features.shape)
        used = used_rows(features)
        encoded = _encoded(self.config, features[used])
        weights_used = weights[used].detach().cpu().double().numpy()
        gradient = np.zeros((len(encoded), self.config.num_features))
        columns = [feature for k in range(self.config.num_encodings) for feature in encoded_features(self.config, k)]
        for gate, feature in enumerate(columns):
            shift = np.zeros(encoded.shape[1])
            shift[gate] = 0.5 * math.pi
            slope = 0.5 * (self._run(encoded + shift) - self._run(encoded - shift))
            gradient[:, feature] += (slope * weights_used).sum(1)
        result[used] = torch.from_numpy(gradient).to(result)
        return result

    def _run(self, encoded: np.ndarray) -> np.ndarray:
        """(E, K n) rad to <P> (E, num_outputs), in calls of bounded memory."""
        values = np.empty((len(encoded), self.config.num_outputs))
        for start in range(0, len(encoded), self._batch):
            rows = slice(start, start + self._batch)
            values[rows] = self._execute(encoded[rows], self.settings.shots, self.settings.noise)
            if self.advance is not None:
                self.advance(len(values[rows]))
        return values

    def _execute(self, encoded: np.ndarray, shots: int | None, noise: float) -> np.ndarray:
        import pennylane as qml

        def circuit() -> list[Any]:
            apply_gates(self.config, self._angles, encoded, noise)
            return expectation_values(self.config)

        # Devices that cannot broadcast get one circuit a row from PennyLane.
        qnode = qml.QNode(circuit, self._device, interface=None, diff_method=None, shots=shots)
        # A sampling device drops the axis of a batch of one.
        return np.stack([np.reshape(value, len(encoded)) for value in qnode()], 1)

    def _calibrate(self) -> np.ndarray:
        """<P>(0) (num_outputs,), after trying out whether the device can do what the settings ask for."""
        name, shots, noise, _ = self.settings
        zero = np.zeros((1, self.config.num_encodings * self.config.num_qubits))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PennyLane's hints on gates that the device lacks; the error says it better
            _, no_exact = _attempt(lambda: self._execute(zero, None, 0.0))
            if shots is None and no_exact:
                raise ConfigError(
                    f"`device` must run this circuit of {self.config.num_qubits} qubits with exact expectation values where `shots` is not "
                    f"given, {name} does not: {no_exact}; give `shots`, or take lightning.qubit or default.qubit"
                )
            if shots is not None:
                _, no_shots = _attempt(lambda: self._execute(zero, shots, 0.0))
                if no_shots and no_exact:
                    raise ConfigError(
                        f"`device` must run this circuit of {self.config.num_qubits} qubits, {name} does not: {no_shots}; "
                        "take lightning.qubit or default.qubit"
                    )
                if no_shots:
                    raise ConfigError(
                        f"`device` must sample where `shots` is given, {name} does not: {no_shots}; leave out `shots` for exact values, or "
                        "take lightning.qubit or default.qubit"
                    )
            if noise > 0.0:
                _, no_noise = _attempt(lambda: self._execute(zero, shots, noise))
                if no_noise:
                    raise ConfigError(
                        f"`device` must simulate noise channels where `noise` is larger than 0, {name} does not: {no_noise}; "
                        "take default.mixed, or leave out `noise`"
                    )
            value, failed = _attempt(lambda: self._execute(zero, None, noise))
            if failed and shots is not None:
                value = self._execute(zero, REFERENCE_SHOTS * shots, noise)
        return value[0]


class _OnDevice(torch.autograd.Function):
    """Outputs of a `DeviceLayer` with measured derivatives; no second derivative."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, layer: DeviceLayer) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(features)
        return layer.outputs(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        return ctx.layer.feature_gradient(features, weights), None


def used_rows(features: Tensor) -> Tensor:
    """(E,) bool: rows of features (E, num_features) that are not all exactly zero, as those of unused slots are."""
    return (features != 0.0).any(1)


def circuits_for(config: CircuitConfig, edges: int) -> int:
    """Circuits that energies and forces of so many edges take: one for the values, two for each encoding gate."""
    return edges * (1 + 2 * config.num_encodings * config.num_qubits)


def _encoded(config: CircuitConfig, features: Tensor) -> np.ndarray:
    return encoding_angles(config, features.detach()).cpu().double().numpy()


def _check(settings: DeviceSettings) -> None:
    if settings.shots is not None and settings.shots < 1:
        raise ConfigError(f"`shots` must be 1 or more, got {settings.shots}; leave it out for exact expectation values")
    if not 0.0 <= settings.noise <= 1.0:
        raise ConfigError(f"`noise` must be a probability between 0 and 1, got {settings.noise}")
    if settings.seed < 0:
        raise ConfigError(f"`seed` must be 0 or more, got {settings.seed}")


def _open(settings: DeviceSettings, num_qubits: int) -> Any:
    import pennylane as qml

    name = settings.name
    try:
        kind = qml.plugin_devices[name].load() if name in qml.plugin_devices else None
        takes_seed = kind is not None and "seed" in inspect.signature(kind).parameters
        # Other numbers of shots must not draw from the same stream.
        seed = int(np.random.SeedSequence([settings.seed, settings.shots or 0]).generate_state(1)[0])
        return qml.device(name, wires=num_qubits, **({"seed": seed} if takes_seed else {}))
    except ImportError as error:
        raise ConfigError(f"`device` must have all it needs installed, {name} lacks a package: {' '.join(str(error).split())}") from error
    except Exception as error:
        if name in qml.plugin_devices:
            raise ConfigError(f"`device` must open with {num_qubits} qubits, {name} does not: {_first_line(error)}") from error
        package = _PLUGINS.get(name, _PLUGINS.get(name.partition(".")[0]))
        known = ", ".join(sorted(qml.plugin_devices))
        hint = f"install its plugin, {package}, or take one of" if package else "installed are"
        raise ConfigError(f"`device` must be a PennyLane device that is installed, got {name!r}; {hint} {known}") from error


def _attempt(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, str]:
    """What `run` gives and "", or nothing and the reason."""
    try:
        return run(), ""
    except Exception as error:  # every plugin fails in its own way
        return np.empty((1, 0)), _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
