"""What must be the same for all workers of a study: the code, and the reference data."""

import hashlib
from pathlib import Path
from typing import Any

from qallegro.data.readers import resolve
from qallegro.errors import ConfigError, DataError
from qallegro.training.config import RunConfig

_PACKAGES = ("qallegro", "qallegro_ase")


def code_hash() -> str:
    """SHA-256 over the Python sources of the packages, in hexadecimal."""
    from importlib.util import find_spec

    digest = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        folder = Path(spec.origin).parent  # type: ignore[union-attr, arg-type]
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def data_hashes(config: RunConfig) -> dict[str, str]:
    """SHA-256 of every file that a training reads, by its path as the configuration has it.

    Raises:
        DataError: a file cannot be read.
    """
    data = config.data
    names = [source.path for sources in (data.train, data.validation) for source in sources or []]
    if data.split.file is not None:
        names.append(data.split.file)
    reference = data.model_dump(mode="json")["reference_energies"]
    if isinstance(reference, dict) and isinstance(reference.get("path"), str):
        names.append(reference["path"])
    result = {}
    for name in names:
        path, _ = resolve(name, data.root or ".")
        try:
            with open(path, "rb") as file:
                result[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"`data` must name files that can be read, got `{path}`: {error.strerror}; see `--data-root`") from error
    return result


def check_identity(study: dict[str, Any], code: str, data: dict[str, str], name: str) -> None:
    """Refuse a worker that would not compute what the others do.

    Args:
        study: what the study was started with.
        code: of this worker.
        data: of this worker.
        name: of the study, for messages.

    Raises:
        ConfigError: the code differs.
        DataError: a file differs.
    """
    if study["code"] != code:
        commit = f" (commit {study['git_commit']})" if study.get("git_commit") else ""
        raise ConfigError(
            f"all workers of a study must run the same code, `{name}` was started with {study['code'][:12]}{commit}, this is {code[:12]}; "
            "install that version, or start a new study"
        )
    for file, digest in study["data"].items():
        if data.get(file) != digest:
            raise DataError(
                f"all workers of a study must read the same data, `{file}` had SHA-256 {digest[:12]} when `{name}` was started, here it "
                f"has {str(data.get(file))[:12]}; copy the file anew, or start a new study"
            )
