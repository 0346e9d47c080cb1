"""`model.pth`: a trained model on disk, loadable without unpickling anything but tensors and plain values."""

import warnings
from pathlib import Path
from typing import Any

import pydantic
import torch

from qallegro.errors import ModelError
from qallegro.model.build import build_potential
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from qallegro.whole_file import whole_file

FORMAT = "qallegro-model"
FORMAT_VERSION = 1


def save_model(path: str | Path, potential: Potential, provenance: dict[str, Any]) -> None:
    """Write `potential` and where it comes from to `path`, atomically.

    Args:
        path: of the file.
        potential: the model.
        provenance: plain JSON-like values; under `novelty` the tensors of `qallegro.uncertainty.novelty.NoveltyScale`, if it is known.
    """
    path = Path(path)
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "config": potential.config.model_dump(mode="json"),
        "state": {name: tensor.detach().cpu().contiguous() for name, tensor in potential.state_dict().items()},
        "provenance": provenance,
    }
    with whole_file(path) as temporary:
        torch.save(content, temporary)


def load_model(path: str | Path) -> tuple[Potential, dict[str, Any]]:
    """Read a model that `save_model` wrote.

    Returns:
        the potential and its provenance.

    Raises:
        ModelError: the file is missing, is no qallegro model, has an unknown version, or does not fit its own hyperparameters.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"model file must exist, got `{path}`; train one with `qallegro train`")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's hint on TorchScript archives; what follows says it better
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        raise ModelError(f"model file must be written by qallegro and whole, got `{path}`: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(
            f"model file must hold format `{FORMAT}`, got `{path}` without it; "
            "exported files (.qallegro.pth) go to `qallegro evaluate`, LAMMPS and ASE; peers' files to `qallegro import`"
        )
    if content.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"model format version must be {FORMAT_VERSION}, got {content.get('format_version')} in `{path}`; update qallegro")
    try:
        config = ModelConfig.model_validate(content["config"])
        potential = build_potential(config, seed=0)
        potential.load_state_dict(content["state"])
    except (pydantic.ValidationError, RuntimeError, KeyError) as error:
        raise ModelError(f"weights must fit the hyperparameters stored with them, they do not in `{path}`: {error}") from error
    return potential, content["provenance"]
