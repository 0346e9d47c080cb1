"""The model in an exported file, evaluated eagerly in float64 with the file's own weights: what engines are compared with."""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from qallegro.errors import ExportError


def float64_potential(file: Path) -> Any:
    """The interface of `_runtime.Potential` over the eager model in float64.

    Raises:
        ExportError: the file holds a circuit in a classical form, which has no counterpart among models, or something foreign.
    """
    import torch
    from safetensors.torch import load

    from qallegro.model.checkpoint import save_model
    from qallegro.model.config import ModelConfig
    from qallegro.model.potential import Potential
    from qallegro_ase._runtime import read_record
    from qallegro_ase.eager import EagerPotential

    record = read_record(str(file))
    if record.get("surrogate") is not None:
        raise ExportError(f"`{file}` must hold no circuit to be evaluated in float64, it holds one as {record['surrogate'].get('form')}")
    try:
        potential = Potential(ModelConfig(**{**record["model"], "dtype": "float64"}))
        potential.network.load_state_dict(load(_member(file, record["weights"]["file"])))
    except (KeyError, ValueError, RuntimeError) as error:
        raise ExportError(f"weights of `{file}` must fit its record to be evaluated in float64: {error}") from error
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "model.pth"
        save_model(checkpoint, potential, {"made_from": str(file)})
        return EagerPotential(str(checkpoint), "eager", "cpu", None)


def _member(file: Path, name: str) -> bytes:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.namelist() if member.rpartition("/")[2] == name]
        return archive.read(members[0]) if members else b""
