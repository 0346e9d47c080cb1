"""Which engine a potential trains and is evaluated with, and the native one: kernels in C++ behind torch's autograd."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from qallegro.data.batch import Batch
from qallegro.errors import ConfigError
from qallegro.model.potential import Potential, Prediction, predict_from
from qallegro.native.circuit import MOST_COEFFICIENTS, CircuitCoefficients, num_coefficients
from qallegro.native.folding import Folding
from qallegro.native.names import EngineName

#: (batch, training, forces) -> prediction, as `Potential.predict`
Predict = Callable[[Batch, bool, bool], Prediction]


class _Predicted(torch.autograd.Function):
    """Folded weights (W,) -> per-atom energies (N,), forces (N, 3), virials (B, 3, 3), differentiable once by the weights.

    Where forces are not wanted they and the virials are None.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, network: Any, structure: list[Tensor], n_frames: int, forces: bool) -> tuple[Tensor | None, ...]:
        ctx.network, ctx.structure, ctx.n_frames = network, structure, n_frames
        ctx.save_for_backward(weights)
        ctx.set_materialize_grads(False)
        return network.evaluate(weights, structure, n_frames, forces)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *by: Tensor | None) -> tuple[Tensor | None, ...]:
        (weights,) = ctx.saved_tensors
        by = tuple(None if b is None else b.contiguous() for b in by)
        return ctx.network.differentiate(weights, ctx.structure, ctx.n_frames, *by), None, None, None, None


class _Features(torch.autograd.Function):
    """Folded weights (W,) -> features of a head (N, K, F), differentiable once by the weights."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, network: Any, structure: list[Tensor]) -> Tensor:
        ctx.network, ctx.structure = network, structure
        ctx.save_for_backward(weights)
        return network.features(weights, structure)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_features: Tensor) -> tuple[Tensor | None, ...]:
        (weights,) = ctx.saved_tensors
        gradient, _ = ctx.network.differentiate_features(weights, ctx.structure, by_features.contiguous(), None)
        return gradient, None, None


class _PulledBack(torch.autograd.Function):
    """Folded weights (W,) and a gradient by the features (N, K, F) -> that by edge vectors (N, K, 3), differentiable once by both."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, by_features: Tensor, network: Any, structure: list[Tensor]) -> Tensor:
        ctx.network, ctx.structure = network, structure
        ctx.save_for_backward(weights, by_features)
        return network.pull_back(weights, structure, by_features)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        weights, by_features = ctx.saved_tensors
        gradient, slopes = ctx.network.differentiate_features(weights, ctx.structure, by_features, direction.contiguous())
        return gradient, slopes, None, None


class NativeNetwork:
    """Predictions of a potential by the kernels, with the weights it has at each call.

    A circuit with too many coefficients for the kernels keeps its own layer: the kernels give the angles that go into it, and the rest of
    the head is torch's.

    Args:
        potential: on the CPU.
        threads: of the kernels; as many as torch has if not given.

    Raises:
        ConfigError: the compiled part is not there, or does not load.
    """

    def __init__(self, potential: Potential, threads: int | None = None) -> None:
        config, network = potential.config, potential.network
        self._model = network
        record: dict[str, Any] = {
            "atom_types": config.atom_types,
            "cutoffs": config.cutoffs(),
            "dtype": config.dtype,
            "model": config.model_dump(mode="json"),
        }
        tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
        circuit = None
        self._own_head = False
        if config.variant == "allegro_qdi":
            self._own_head = num_coefficients(config.qdi.circuit) > MOST_COEFFICIENTS
            if self._own_head:
                record["ends_at"] = "features"
            else:
                circuit = CircuitCoefficients(config.qdi.circuit)
                record["surrogate"] = circuit.record("readout.layer")
                tensors |= circuit.tensors("readout.layer")
        classes = _classes()
        self._folding = Folding(network, circuit, classes.FoldingProgram)
        data = torch.frombuffer(bytearray(safetensors_bytes(tensors)), dtype=torch.uint8)
        frequencies = getattr(network.radial_embed, "frequencies", None)
        trains = frequencies is not None and frequencies.requires_grad
        self._network = classes.TrainingNetwork(json.dumps(record), data, threads or torch.get_num_threads(), trains)

    def predict(self, batch: Batch, training: bool = False, forces: bool = True) -> Prediction:
        """As `Potential.predict`."""
        structure = [batch.types, batch.neighbors.contiguous(), batch.edge_vectors.contiguous(), batch.frame]
        n_frames = batch.n_atoms.shape[0]
        with torch.set_grad_enabled(training):
            weights = self._folding.weights()
            if self._own_head:
                energy, gradients = self._through_head(weights, structure, training, forces)
                return predict_from(batch, energy, gradients)
            per_atom_energy, atom_forces, virial = _Predicted.apply(weights, self._network, structure, n_frames, forces)
            energy = per_atom_energy.new_zeros(n_frames).index_add(0, batch.frame, per_atom_energy)
            if not forces:
                atom_forces = per_atom_energy.new_full((*per_atom_energy.shape, 3), torch.nan)
                virial = per_atom_energy.new_full((n_frames, 3, 3), torch.nan)
            return Prediction(energy, per_atom_energy, atom_forces, virial)

    def _through_head(self, weights: Tensor, structure: list[Tensor], training: bool, forces: bool) -> tuple[Tensor, Tensor | None]:
        model, (types, neighbors, vectors, _) = self._model, structure
        features = _Features.apply(weights, self._network, structure)
        with torch.enable_grad():
            if not features.requires_grad:
                features.requires_grad_(True)
            angles = torch.pi * torch.tanh(features.to(model.dtype))
            edge_energy = model.readout.from_features(angles.flatten(0, 1)).view(neighbors.shape)
            energy = model.sum_of_edges(types, edge_energy)
            by_features = torch.autograd.grad([energy.sum()], [features], create_graph=training)[0] if forces else None
        gradients = None
        if by_features is not None:
            gradients = _PulledBack.apply(weights, by_features.contiguous(), self._network, structure)
        if model.zbl is not None:
            pair_types = model.pair_types(types, types[neighbors])
            r = vectors.norm(dim=2)
            pair_energy, slope = model.zbl.with_slope(r.flatten(), r.flatten() / model.cutoffs[pair_types], pair_types)
            energy = energy + pair_energy.view(r.shape).sum(1)
            if gradients is not None:
                gradients = gradients + vectors * (slope.view(r.shape) / r).unsqueeze(2)
        return (energy if training else energy.detach()), gradients


def refusal() -> str | None:
    """Why the kernels cannot serve here, or None."""
    try:
        _classes()
    except ConfigError as error:
        return str(error)
    return None


def choose_engine(potential: Potential, engine: EngineName, device: torch.device | str) -> tuple[str, Predict]:
    """The name of the engine that is taken, and its predictions.

    Args:
        potential: on `device`.
        engine: "native", "torch", or "auto": native on a processor where it can.
        device: where batches lie.

    Raises:
        ConfigError: "native" where it cannot serve.
    """
    on_cpu = torch.device(device).type == "cpu"
    if engine == "native" and not on_cpu:
        raise ConfigError(f"`engine` native runs on the CPU, got device {device}; use torch")
    if engine == "native" or (engine == "auto" and on_cpu and refusal() is None):
        return "native", NativeNetwork(potential).predict
    return "torch", potential.predict


@cache
def _classes() -> Any:
    """`torch.classes.qallegro`, with TrainingNetwork and FoldingProgram.

    Raises:
        ConfigError: the library is not there, or does not load.
    """
    try:
        from qallegro_ase import _runtime
    except ImportError as error:
        raise ConfigError(f"`engine` native needs the compiled part of qallegro, which cannot be loaded ({error}); use torch") from error
    path = Path(_runtime.__file__).parent / "engines" / "libqallegro_torch.so"
    try:
        torch.classes.load_library(str(path))
        torch.classes.qallegro.TrainingNetwork  # noqa: B018 (an error if the library is an older one)
        return torch.classes.qallegro
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"`engine` native needs `{path.name}`, which cannot be loaded ({error}); use torch") from error
