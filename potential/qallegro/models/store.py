"""The models in this folder: each has `weights.safetensors`, `record.json` (hyperparameters, origin, hash) and a card, `README.md`."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qallegro.errors import ModelError

if TYPE_CHECKING:
    from qallegro.model.potential import Potential

FOLDER = Path(__file__).parent
FORMAT, FORMAT_VERSION = "qallegro-stored-model", 1
WEIGHTS, RECORD, CARD = "weights.safetensors", "record.json", "README.md"
#: bytes of the files of one model together: the package stays small
SIZE_LIMIT = 2_000_000
#: before the names of tensors that are no weights but tell how new an atom is
NOVELTY = "novelty."


class Stored(NamedTuple):
    """A model in the package."""

    name: str
    folder: Path
    record: dict[str, Any]  #: content of `record.json`

    @property
    def about(self) -> str:
        """What it is, in a line."""
        return self.record["about"]

    @property
    def card(self) -> str:
        """Data, settings, errors and domain, in Markdown."""
        return (self.folder / CARD).read_text()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum((self.folder / name).stat().st_size for name in (WEIGHTS, RECORD, CARD))


def names(folder: Path = FOLDER) -> list[str]:
    """The models that there are."""
    return sorted(path.parent.name for path in folder.glob(f"*/{RECORD}"))


def find(name: str, folder: Path = FOLDER) -> Stored:
    """A model by its name.

    Raises:
        ModelError: there is none of that name, or its record cannot be read.
    """
    known = names(folder)
    if name not in known:
        raise ModelError(f"model must be one of {', '.join(known) or 'none: the package holds no models'}, got {name!r}")
    place = folder / name
    try:
        record = json.loads((place / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"record of model {name} must be readable JSON, `{place / RECORD}` is not: {error}; install qallegro anew"
        ) from error
    if record.get("format") != FORMAT or record.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"record of model {name} must be of format {FORMAT}, version {FORMAT_VERSION}, got {record.get('format')}, "
            f"version {record.get('format_version')}; install qallegro anew"
        )
    return Stored(name, place, record)


def load(stored: Stored) -> "tuple[Potential, dict[str, Any]]":
    """The potential and its provenance, as `qallegro.model.checkpoint.load_model` gives them.

    Raises:
        ModelError: the weights are missing, are not those of the record, or do not fit it.
    """
    import pydantic
    from safetensors import SafetensorError
    from safetensors.torch import load as tensors_in

    from qallegro.model.build import build_potential
    from qallegro.model.config import ModelConfig

    path = stored.folder / WEIGHTS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"weights of model {stored.name} must be readable, `{path}` is not: {error.strerror}; install qallegro anew"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != stored.record["sha256"]:
        raise ModelError(
            f"weights of model {stored.name} must have the SHA-256 of its record, {stored.record['sha256'][:16]}..., `{path}` has "
            f"{found[:16]}...; install qallegro anew"
        )
    try:
        potential = build_potential(ModelConfig.model_validate(stored.record["config"]), seed=0)
        tensors = tensors_in(content)
        novelty = {name.removeprefix(NOVELTY): tensors.pop(name) for name in sorted(tensors) if name.startswith(NOVELTY)}
        potential.load_state_dict(tensors)
    except (pydantic.ValidationError, SafetensorError, RuntimeError, KeyError) as error:
        raise ModelError(f"weights of model {stored.name} must fit its record, they do not: {error}; install qallegro anew") from error
    provenance = stored.record["provenance"] | {"stored_model": {"name": stored.name, "sha256": found}}
    return potential, provenance | ({"novelty": novelty} if novelty else {})
