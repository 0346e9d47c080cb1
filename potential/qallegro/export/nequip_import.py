"""`qallegro import`: from a file of nequip-allegro 0.8 to a model of qallegro with the same energies."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ase.data import chemical_symbols
from torch import Tensor

import qallegro
from qallegro.errors import ModelError
from qallegro.export.peer_file import PeerFile, check_version, read_peer_file
from qallegro.export.peer_weights import check_builder, config_from_peer, potential_from_peer
from qallegro.model.checkpoint import save_model
from qallegro.model.config import BesselEmbedding
from qallegro.model.potential import Potential

_MODIFIED = "nequip.model.modify"
#: builders that take a whole model from another file -> the key that holds its path
_STORED = {"nequip.model.ModelFromPackage": "package_path", "nequip.model.ModelFromCheckpoint": "checkpoint_path"}
_TYPE_MAPPER = "ChemicalSpeciesToAtomTypeMapper"
#: how many fine-tuned models may build on one another
_MAX_DEPTH = 8


class Imported(NamedTuple):
    """A model taken over."""

    path: Path
    potential: Potential
    provenance: dict[str, Any]


def import_model(peer: str | Path, output: str | Path, *, base: str | Path | None = None, species: list[str] | None = None) -> Imported:
    """Take over a model of nequip-allegro.

    Args:
        peer: checkpoint (.ckpt) or package (.nequip.zip).
        output: `model.pth` to write.
        base: the file that a fine-tuned model started from, if it is no longer where the peer's file says.
        species: chemical symbol of each of the peer's types, in its order, if the peer's file does not tell.

    Raises:
        ModelError: the file cannot be read, is no Allegro of release 0.8, or has a part that qallegro lacks.
    """
    peer, output = Path(peer), Path(output)
    if not output.parent.is_dir():
        raise ModelError(f"folder of the output must exist, got `{output.parent}`; create it first")
    if output.resolve() == peer.resolve():
        raise ModelError(f"output must not be the peer's file itself, got `{output}`; choose another name with -o")
    file = read_peer_file(peer)
    potential, weights = potential_from_file(file, base=base, species=species)
    provenance = {
        "imported_from": {
            "program": "nequip-allegro",
            "file": peer.name,
            "sha256": _sha256(peer),
            "kind": file.kind,
            "weights": weights,
            "versions": file.versions,
            **file.training,
        },
        "versions": {"qallegro": qallegro.__version__},
    }
    save_model(output, potential, provenance)
    return Imported(output, potential, provenance)


def potential_from_file(file: PeerFile, *, base: str | Path | None = None, species: list[str] | None = None) -> tuple[Potential, str]:
    """The potential in a peer's file and the kind of its weights: "ema" (averaged), "raw", or "evaluation" (a package does not tell).

    Args and Raises as `import_model`.
    """
    if base is not None and _builder(file) not in _STORED:
        raise ModelError(f"`base` is for models that were fine-tuned from another file, got `{file.path}` with hyperparameters of its own")
    model = _resolve(file, base, _MAX_DEPTH)
    check_builder(model)
    check_version(file)
    model = _with_species(model, _symbols(file, model.get("type_names") or [], species))
    module = str(file.training_module.get("_target_", ""))
    if file.kind == "package":
        kind = "ema" if "EMA" in module else "raw" if module.startswith("nequip.train.") and "ScheduleFree" not in module else "evaluation"
        return potential_from_peer(model, file.weights), kind
    if "ScheduleFree" in module:
        raise ModelError(
            f"a checkpoint of schedule-free training holds no weights for inference, got `{file.path}`; "
            "build a package from it with `nequip-package build` and import that"
        )
    if file.ema:
        return potential_from_peer(model, _averaged(file, model)), "ema"
    return potential_from_peer(model, file.weights), "raw"


def _averaged(file: PeerFile, model: dict[str, Any]) -> dict[str, Tensor]:
    """The state dict with its parameters replaced by their averages, which the peer stores in the order of the parameters."""
    config = config_from_peer(model)
    embedding = config.radial_embedding
    fixed = ["_empty", "._rmax_recip", ".w3j", ".spline.lower", ".spline.upper", ".atomic_numbers", "._qqr2exesquare"]
    if not (isinstance(embedding, BesselEmbedding) and embedding.trainable):
        fixed.append(".bessel_weights")
    for name in ("scales", "shifts"):
        if not getattr(config, f"per_type_energy_{name}_trainable"):
            fixed.append(f".per_type_energy_scale_shift.{name}")
    parameters = [name for name, tensor in file.weights.items() if tensor.numel() and not name.endswith(tuple(fixed))]
    shapes = [tuple(file.weights[name].shape) for name in parameters]
    if shapes != [tuple(tensor.shape) for tensor in file.ema]:
        raise ModelError(
            f"averaged weights of `{file.path}` must have the shapes of its {len(parameters)} parameters in order, "
            f"got {len(file.ema)} that do not; build a package with `nequip-package build` and import that"
        )
    return file.weights | dict(zip(parameters, file.ema, strict=True))


def _builder(file: PeerFile) -> str:
    """What builds the innermost model of a file's configuration."""
    model = file.training_module.get("model")
    while isinstance(model, dict) and model.get("_target_") == _MODIFIED:
        model = model.get("model")
    if not isinstance(model, dict):
        raise ModelError(f"`{file.path}` must hold the hyperparameters of one model, got {type(model).__name__}")
    return str(model.get("_target_"))


def _resolve(file: PeerFile, base: str | Path | None, depth: int) -> dict[str, Any]:
    """Hyperparameters of the model itself: modifiers applied, those of a fine-tuned model read from the file it started from."""
    modifiers: list[Any] = []
    model = file.training_module.get("model")
    builder = _builder(file)
    while model.get("_target_") == _MODIFIED:
        modifiers = list(model.get("modifiers") or []) + modifiers
        model = model["model"]
    if builder in _STORED:
        if depth == 0:
            raise ModelError(f"models may build on at most {_MAX_DEPTH} others, got more in `{file.path}`")
        stored = read_peer_file(_find_base(file, str(model.get(_STORED[builder])), base))
        check_version(stored)
        model = _resolve(stored, None, depth - 1)
    model = dict(model)
    for modifier in modifiers:
        _modify(model, modifier)
    return model


def _find_base(file: PeerFile, recorded: str, base: str | Path | None) -> Path:
    for candidate in [Path(base)] if base is not None else [Path(recorded), file.path.parent / Path(recorded).name]:
        if candidate.is_file():
            return candidate
    raise ModelError(
        f"`{file.path}` was fine-tuned from `{base or recorded}`, which holds its hyperparameters and must exist; "
        "name the file with `--base`"
    )


def _modify(model: dict[str, Any], modifier: Any) -> None:
    name = modifier.get("modifier") if isinstance(modifier, dict) else None
    if name == "modify_PerTypeScaleShift":
        # The numbers themselves are among the weights.
        for what in ("scales", "shifts"):
            model[f"per_type_energy_{what}_trainable"] = bool(modifier.get(f"{what}_trainable", False))
    # Accelerations, and whether forces are put out, leave energies as they are.
    elif not (isinstance(name, str) and (name.startswith("enable_") or name == "disable_ForceStressOutput")):
        raise ModelError(f"modifiers of the peer's model must be known, got {modifier!r}; qallegro cannot tell what it does")


def _symbols(file: PeerFile, type_names: list[str], species: list[str] | None) -> dict[str, str]:
    """Chemical symbol of each type name."""
    if species is not None:
        if len(species) != len(type_names):
            raise ModelError(f"`species` must name one chemical symbol for each of the peer's types {type_names}, got {species}")
        return dict(zip(type_names, species, strict=True))
    mapped: dict[str, set[str]] = {name: set() for name in type_names}
    for table in _type_tables(file.data):
        for symbol, name in table.items():
            mapped.setdefault(name, set()).add(symbol)
    result = {}
    for name in type_names:
        candidates = mapped[name] or {name}
        symbol = min(candidates)
        if len(candidates) > 1 or symbol not in chemical_symbols[1:]:
            raise ModelError(
                f"each type of the peer's model must stand for one chemical species, got {sorted(candidates)} for type {name!r}; "
                f"give the species of {type_names} with `--species`"
            )
        result[name] = symbol
    return result


def _type_tables(data: Any) -> Iterator[dict[str, str]]:
    """Tables from chemical symbol to type name, wherever the configuration of the data holds them."""
    if isinstance(data, dict):
        table = data.get("chemical_species_to_atom_type_map")
        if str(data.get("_target_", "")).endswith(_TYPE_MAPPER) and isinstance(table, dict):
            yield table
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from _type_tables(item)


def _with_species(model: dict[str, Any], symbols: dict[str, str]) -> dict[str, Any]:
    """The hyperparameters with chemical symbols for type names."""

    def renamed(value: Any) -> Any:
        return {symbols.get(k, k): renamed(v) for k, v in value.items()} if isinstance(value, Mapping) else value

    tables = ("per_edge_type_cutoff", "avg_num_neighbors", "per_type_energy_scales", "per_type_energy_shifts")
    return model | {"type_names": list(symbols.values())} | {name: renamed(model[name]) for name in tables if name in model}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
