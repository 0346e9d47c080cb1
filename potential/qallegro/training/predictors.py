"""One way to ask any model file for predictions: checkpoints in PyTorch, exported files in the runtime that LAMMPS and ASE use."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import torch

from qallegro.data.batch import Batch
from qallegro.devices import device_complaint
from qallegro.errors import ConfigError, ModelError
from qallegro.model.checkpoint import load_model
from qallegro.model.potential import Potential, Prediction
from qallegro.native.engine import choose_engine
from qallegro.native.names import EngineName


class Predictor(NamedTuple):
    """A model file opened for evaluation."""

    predict: Callable[[Batch], Prediction]
    atom_types: list[str]
    cutoffs: np.ndarray  #: (T, T) Å, row = centre
    description: str

    @property
    def r_max(self) -> float:
        """The largest cutoff in Å."""
        return float(self.cutoffs.max())


def open_predictor(path: str | Path, device: str = "cpu", engine: str = "auto") -> Predictor:
    """Open `model.pth` or an exported file.

    Args:
        path: the file.
        device: "cpu", "cuda" or "cuda:1".
        engine: of a checkpoint "native" or "torch", of an exported file one of the runtime's; "auto" for the fastest.

    Raises:
        ModelError: the file is missing or neither of the two, or does not run with the engine.
        ConfigError: the device is not there, or there is no such engine for a checkpoint.
    """
    path = Path(path)
    if complaint := device_complaint(device):
        raise ConfigError(f"`device` {complaint}")
    if _is_exported(path):
        return _exported(path, device, engine)
    potential, _ = load_model(path)
    return from_potential(potential.to(device), device, f"{path} (checkpoint, {potential.config.dtype}, {device})", engine)


def from_potential(potential: Potential, device: str | torch.device = "cpu", description: str = "", engine: str = "auto") -> Predictor:
    """A potential in memory; its weights are left alone.

    Raises:
        ConfigError: there is no such engine, or it cannot serve.
    """
    target = torch.device(device)
    if engine not in get_args(EngineName):
        raise ConfigError(f"`engine` of a checkpoint must be one of {', '.join(get_args(EngineName))}, got {engine!r}")
    name, predict_on_target = choose_engine(potential, engine, target)

    def predict(batch: Batch) -> Prediction:
        return Prediction(*(t.cpu() for t in predict_on_target(batch.to(target), False, True)))

    return Predictor(predict, potential.config.atom_types, np.array(potential.config.cutoffs()), f"{description}, engine {name}")


def open_checkpoint(path: str | Path, purpose: str) -> Potential:
    """The potential in a checkpoint, for a `purpose` that exported files do not serve.

    Raises:
        ModelError: the file is missing, exported, or no checkpoint.
    """
    if _is_exported(Path(path)):
        raise ModelError(
            f"the model must be a checkpoint (model.pth) for {purpose}, got the exported file `{path}`, which holds a classical form "
            "of its network; give the checkpoint that it was made from"
        )
    return load_model(path)[0]


def _is_exported(path: Path) -> bool:
    """Whether a file carries the record of an exported model; what it says is for the runtime to judge."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/extra/qallegro.json") for name in archive.namelist())


def _exported(path: Path, device: str, engine: str) -> Predictor:
    try:
        from qallegro_ase import _runtime
    except ImportError as error:
        raise ModelError(
            f"exported files are evaluated by the compiled runtime, which cannot be loaded ({error}); install the package with its "
            f"extension, or evaluate the checkpoint that `{path}` was made from"
        ) from error
    try:
        runtime = _runtime.Potential(str(path), engine=engine, device=device, threads=torch.get_num_threads())
    except _runtime.Error as error:
        raise ModelError(str(error)) from error
    record = runtime.record

    def predict(batch: Batch) -> Prediction:
        n = batch.types.shape[0]
        vectors, neighbors, types = batch.edge_vectors.numpy(), batch.neighbors.numpy(), batch.types.numpy()
        # Unused slots lie beyond every cutoff.
        used = np.einsum("nkx,nkx->nk", vectors, vectors) < record["r_max"] ** 2
        first_edge = np.concatenate([[0], np.cumsum(used.sum(1))]).astype(np.int64)
        try:
            result = runtime.evaluate(
                np.arange(n, dtype=np.int32),
                first_edge,
                neighbors[used].astype(np.int32),
                np.ascontiguousarray(vectors[used]),
                types.astype(np.int32),
                n,
                want_per_atom_virial=True,
            )
        except _runtime.Error as error:
            raise ModelError(str(error)) from error
        per_atom_energy = torch.from_numpy(np.array(result["per_atom_energy"]))
        per_atom_virial = torch.from_numpy(np.array(result["per_atom_virial"])).reshape(n, 3, 3)
        frames = batch.n_atoms.shape[0]
        return Prediction(
            energy=torch.zeros(frames, dtype=torch.float64).index_add(0, batch.frame, per_atom_energy),
            per_atom_energy=per_atom_energy,
            forces=torch.from_numpy(np.array(result["forces"])),
            virial=torch.zeros(frames, 3, 3, dtype=torch.float64).index_add(0, batch.frame, per_atom_virial),
        )

    return Predictor(predict, record["atom_types"], np.array(record["cutoffs"]), f"{path} ({runtime.description})")
