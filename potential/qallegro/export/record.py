"""The record inside an exported file: what a runtime and a reader need to know without starting torch."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

from qallegro.errors import ExportError
from qallegro.model.config import ModelConfig

FORMAT = "qallegro"
FORMAT_VERSION = 1
RECORD_FILE = "qallegro.json"
WEIGHTS_FILE = "weights.safetensors"
NOVELTY_FILE = "novelty.safetensors"
UNITS = {"energy": "eV", "length": "angstrom", "force": "eV/angstrom"}


def make_record(
    config: ModelConfig,
    *,
    kind: str,
    device: str,
    provenance: dict[str, Any],
    versions: dict[str, str],
    samples: list[dict[str, Any]],
    verification: dict[str, Any],
    tensors: dict[str, list[int]],
    surrogate: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of one exported file; keys that a runtime reads come first (docs/file-format.md)."""
    record = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "atom_types": config.atom_types,
        "r_max": config.r_max,
        "cutoffs": config.cutoffs(),
        "dtype": config.dtype,
        "device": device,
        "units": UNITS,
        "model": config.model_dump(mode="json"),
        "weights": {"file": WEIGHTS_FILE, "shapes": tensors, "layout": "(in, out); tensor features ordered (degree, channel)"},
        "provenance": provenance,
        "versions": versions,
        "verification": verification,
        "samples": samples,
    }
    return record if surrogate is None else record | {"surrogate": surrogate}


def dump_record(record: dict[str, Any]) -> str:
    """JSON text of a record; floats keep all their digits, NaN is refused."""
    return json.dumps(record, allow_nan=False, separators=(",", ":"))


def read_record(path: str | Path) -> dict[str, Any]:
    """The record of an exported file.

    Raises:
        ExportError: the file is missing, truncated, of another program, or of a format version this release does not know.
    """
    record = json.loads(_read_member(Path(path), RECORD_FILE))
    if record.get("format") != FORMAT:
        raise ExportError(f"exported file must hold format `{FORMAT}`, got {record.get('format')!r} in `{path}`")
    if record.get("format_version") != FORMAT_VERSION:
        raise ExportError(
            f"format version of an exported file must be {FORMAT_VERSION}, got {record.get('format_version')!r} in `{path}`; "
            "export the model again with this release, or update qallegro"
        )
    return record


def read_weights(path: str | Path) -> dict[str, Any]:
    """The weights of an exported file as torch tensors, by our parameter names."""
    from safetensors.torch import load

    return load(_read_member(Path(path), WEIGHTS_FILE))


def is_exported_file(path: str | Path) -> bool:
    """Whether `path` is a zip that carries a qallegro record."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(f"/extra/{RECORD_FILE}") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _read_member(path: Path, name: str) -> bytes:
    if not path.is_file():
        raise ExportError(f"exported file must exist, got `{path}`; write one with `qallegro export model.pth`")
    try:
        with zipfile.ZipFile(path) as archive:
            found = [member for member in archive.namelist() if member.endswith(f"/extra/{name}")]
            if len(found) != 1:
                raise ExportError(
                    f"exported file must hold one member `extra/{name}`, got {len(found)} in `{path}`; "
                    "a checkpoint (model.pth) becomes an exported file with `qallegro export`"
                )
            return archive.read(found[0])
    except (zipfile.BadZipFile, struct.error, EOFError, OSError) as error:
        raise ExportError(f"exported file must be a whole zip archive, got `{path}`: {error}") from error
