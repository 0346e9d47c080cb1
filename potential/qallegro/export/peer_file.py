"""What a file of nequip-allegro 0.8 holds: hyperparameters, weights, species, versions. Nothing in the file is executed.

Two kinds are read: the Lightning checkpoint of `nequip-train` (`*.ckpt`) and the package of `nequip-package` (`*.nequip.zip`).
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from torch import Tensor

from qallegro.errors import ModelError
from qallegro.export.inert_pickle import Inert, read_pickle

#: releases whose files are known; their formulas and names agree
PEER_VERSIONS = ("0.8",)
PACKAGE_VERSIONS = (1, 2)


class PeerFile(NamedTuple):
    """One file of the peer, before its hyperparameters are resolved."""

    path: Path
    kind: str  #: "checkpoint" or "package"
    training_module: dict[str, Any]  #: with the model's configuration under "model"
    data: dict[str, Any]  #: configuration of the training data, which maps chemical symbols to types
    versions: dict[str, str]  #: of nequip, allegro, e3nn, torch
    weights: dict[str, Tensor]  #: state dict of the peer's models: raw weights of a checkpoint, evaluation weights of a package
    ema: list[Tensor]  #: averaged weights of a checkpoint in parameter order, or none
    training: dict[str, Any]  #: epoch and step, if the file tells


def read_peer_file(path: str | Path) -> PeerFile:
    """Read a checkpoint or a package.

    Raises:
        ModelError: the file is missing, damaged, of another program, or of an unknown version.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"peer file must exist, got `{path}`")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise ModelError(f"{_wanted(path)}: it is no whole zip archive ({error})") from error


def _read(path: Path, archive: zipfile.ZipFile) -> PeerFile:
    names = archive.namelist()
    metadata = [name for name in names if name.endswith("/model/package_metadata.txt") and name.count("/") == 2]
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(metadata) == 1:
        return _read_package(path, archive, metadata[0].split("/")[0])
    if path.suffix == ".pt2" or any(name.split("/")[1:2] == ["code"] for name in names):
        raise ModelError(f"{_wanted(path)}: it is a compiled model; import the checkpoint or package that it was compiled from")
    if len(pickles) == 1:
        return _read_checkpoint(path, archive, pickles[0].split("/")[0])
    raise ModelError(f"{_wanted(path)}: it holds neither `data.pkl` nor `model/package_metadata.txt`")


def _wanted(path: Path) -> str:
    return f"peer file must be a checkpoint (.ckpt) or package (.nequip.zip) of nequip-allegro 0.8, got `{path}`"


def _read_checkpoint(path: Path, archive: zipfile.ZipFile, root: str) -> PeerFile:
    _check_byte_order(path, archive, root)
    content = read_pickle(archive, f"{root}/data.pkl", lambda key: f"{root}/data/{key}")
    if isinstance(content, dict) and content.get("format") == "qallegro-model":
        raise ModelError(f"{_wanted(path)}: it is a model of qallegro already, nothing needs to be imported")
    info = _at(content, "hyper_parameters", "info_dict")
    state = _at(content, "state_dict")
    if not isinstance(info, dict) or not isinstance(state, dict) or "training_module" not in info:
        raise ModelError(f"{_wanted(path)}: it has no `hyper_parameters.info_dict.training_module`")
    averages = _at(state, "ema._extra_state")
    if isinstance(averages, dict) and averages.get("is_holding_ema_weights") is False:
        raise ModelError(f"averaged weights of `{path}` must not be swapped with the raw ones; the peer refuses this checkpoint too")
    count = sum(str(name).startswith("ema.ema_weight_") for name in state)
    ema = [state.get(f"ema.ema_weight_{k}") for k in range(count)]
    if not all(isinstance(tensor, Tensor) for tensor in ema):
        raise ModelError(f"averaged weights `ema.ema_weight_<n>` of `{path}` must be numbered without gaps, one is missing")
    prefix = "model."
    weights = {name: tensor for name, tensor in state.items() if isinstance(name, str) and isinstance(tensor, Tensor)}
    return PeerFile(
        path=path,
        kind="checkpoint",
        training_module=_plain(info["training_module"]),
        data=_plain(info.get("data", {})),
        versions=_plain(info.get("versions", {})),
        weights={name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)},
        ema=ema,
        training={key: content[key] for key in ("epoch", "global_step") if isinstance(content.get(key), int)},
    )


def _read_package(path: Path, archive: zipfile.ZipFile, root: str) -> PeerFile:
    _check_byte_order(path, archive, root)
    metadata = _read_yaml(path, archive, f"{root}/model/package_metadata.txt")
    if metadata.get("package_version_id") not in PACKAGE_VERSIONS:
        raise ModelError(f"package format of `{path}` must be one of {PACKAGE_VERSIONS}, got {metadata.get('package_version_id')}")
    config = _read_yaml(path, archive, f"{root}/model/config.yaml")
    if not isinstance(config.get("training_module"), dict):
        raise ModelError(f"{_wanted(path)}: its `model/config.yaml` has no `training_module`")
    member = f"{root}/model/eager_model.pkl"
    if member not in archive.namelist():
        raise ModelError(f"{_wanted(path)}: it holds no `model/eager_model.pkl`")
    models = read_pickle(archive, member, lambda key: f"{root}/.data/{key}.storage")
    return PeerFile(
        path=path,
        kind="package",
        training_module=config["training_module"],
        data=config.get("data", {}),
        versions=metadata.get("versions", {}),
        weights=dict(_state(models)),
        ema=[],
        training={},
    )


def check_version(file: PeerFile) -> None:
    """Raises ModelError if the file was not written with a release of nequip-allegro that is known."""
    version = file.versions.get("allegro")
    if version is None:
        raise ModelError(f"`{file.path}` must be written by nequip-allegro 0.8, got versions {file.versions} without `allegro`")
    if ".".join(str(version).split(".")[:2]) not in PEER_VERSIONS:
        raise ModelError(
            f"`{file.path}` must be written by nequip-allegro {' or '.join(PEER_VERSIONS)}, got {version}; if it is older, build a package "
            "from the checkpoint with `nequip-package` of release 0.8 and import that; if it is newer, update qallegro"
        )


def _state(module: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """State dict of a module tree that was pickled whole, read from what torch keeps in a module's attributes."""
    if not isinstance(module, Inert) or not isinstance(module.state, dict):
        return
    transient = _at(module.state, "_non_persistent_buffers_set")
    parts = {key: value for key in ("_parameters", "_buffers", "_modules") if isinstance(value := module.state.get(key), dict)}
    for kind in ("_parameters", "_buffers"):
        for name, tensor in parts.get(kind, {}).items():
            if isinstance(tensor, Tensor) and not (isinstance(transient, set) and name in transient):
                yield f"{prefix}{name}", tensor
    for name, child in parts.get("_modules", {}).items():
        yield from _state(child, f"{prefix}{name}.")


def _check_byte_order(path: Path, archive: zipfile.ZipFile, root: str) -> None:
    member = f"{root}/byteorder"
    if member in archive.namelist() and archive.read(member).strip() != b"little":
        raise ModelError(f"tensors of `{path}` must be little-endian, got {archive.read(member)!r}; write the file on another machine")


def _read_yaml(path: Path, archive: zipfile.ZipFile, member: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(archive.read(member))
    except (yaml.YAMLError, KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{_wanted(path)}: `{member}` cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{_wanted(path)}: `{member}` holds no table")
    return value


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _plain(value: Any) -> Any:
    """Plain values only: what the pickle held of foreign classes is dropped."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if not isinstance(item, (Inert, Tensor, type))}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value if not isinstance(item, (Inert, Tensor, type))]
    return value
