"""Where a circuit comes from: a description in YAML, a checkpoint, or an exported file."""

import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import pydantic
import torch
import yaml
from torch import Tensor

from qallegro.errors import ConfigError, ModelError
from qallegro.quantum.config import CircuitConfig


class Circuit(NamedTuple):
    """A circuit to analyze."""

    config: CircuitConfig
    angles: Tensor | None  #: (num_angles,) rad float64 of a trained model; None: a bare description
    origin: str  #: for people: where it comes from


def open_circuit(path: str | Path) -> Circuit:
    """The circuit that a file holds.

    Args:
        path: YAML description (`CircuitConfig`), checkpoint (model.pth) or exported file (.qallegro.pth, .qallegro.pt2).

    Raises:
        ConfigError: the description is missing, no YAML, or has unknown keys or wrong values.
        ModelError: the model is missing, damaged, or has no circuit.
    """
    path = Path(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return Circuit(_read_description(path), None, f"circuit description {path.name}")
    if path.is_dir():
        raise ModelError(f"`quantum analyze` takes a file (model.pth, or a circuit description in YAML), got the folder `{path}`")
    if not path.is_file():
        raise ModelError(f"file must exist, got `{path}`; give a checkpoint (model.pth) or a circuit description (.yaml)")
    if zipfile.is_zipfile(path):
        from qallegro.export.record import is_exported_file

        return _from_record(path) if is_exported_file(path) else _from_checkpoint(path)
    raise ModelError(
        f"file must be a checkpoint (model.pth), an exported file or a circuit description whose name ends in .yaml, got `{path}`"
    )


def _read_description(path: Path) -> CircuitConfig:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"circuit description must be a readable file, got `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"circuit description must be a text file in YAML, got `{path}`") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"circuit description must be YAML, `{path}` is not: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"circuit description must be a table of keys such as `num_qubits`, got {type(content).__name__} in `{path}`; "
            "see configs/circuits/paper.yaml"
        )
    return _validate(content, f"circuit description `{path}`")


def _validate(content: dict, where: str) -> CircuitConfig:
    try:
        return CircuitConfig.model_validate(content)
    except pydantic.ValidationError as error:
        from qallegro.training.load_config import explain

        lines = explain(error, CircuitConfig, ())
        raise ConfigError(
            f"{where} has {len(lines)} error{'s' if len(lines) > 1 else ''}:\n" + "\n".join(f"  {x}" for x in lines)
        ) from error


def _from_checkpoint(path: Path) -> Circuit:
    from qallegro.model.checkpoint import load_model

    potential, _ = load_model(path)
    _require_circuit(potential.config.variant, path)
    layer = potential.network.readout.layer
    return Circuit(layer.config, layer.all_angles().detach().to(torch.float64), f"trained model {path.name}")


def _from_record(path: Path) -> Circuit:
    from qallegro.export.record import read_record

    record = read_record(path)
    _require_circuit(record.get("model", {}).get("variant"), path)
    surrogate = record.get("surrogate")
    if not isinstance(surrogate, dict) or "circuit" not in surrogate or "angles" not in surrogate:
        raise ModelError(
            f"the record of an exported file must hold `surrogate` with `circuit` and `angles`, `{path}` does not; "
            "analyze the checkpoint (model.pth) that it was exported from"
        )
    config = _validate(surrogate["circuit"], f"the circuit in the record of `{path}`")
    angles = torch.as_tensor(surrogate["angles"], dtype=torch.float64).flatten()
    if angles.numel() != config.num_angles or not all(map(math.isfinite, angles.tolist())):
        raise ModelError(
            f"the record of `{path}` must hold {config.num_angles} finite angles, got {angles.numel()}; export the model again"
        )
    return Circuit(config, angles, f"exported model {path.name}")


def _require_circuit(variant: object, path: Path) -> None:
    if variant != "allegro_qdi":
        raise ModelError(
            f"the model must have a circuit (`variant: allegro_qdi`), got `variant: {variant}` in `{path}`; "
            "train one with `model.variant=allegro_qdi`, or give a circuit description in YAML"
        )
