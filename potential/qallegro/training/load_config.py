"""From a YAML file and `key=value` words to a checked configuration, with messages that name key, rule and remedy."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pydantic
import yaml
from pydantic import BaseModel

from qallegro.errors import ConfigError
from qallegro.model.config import ModelConfig
from qallegro.models.store import names
from qallegro.training.config import RunConfig
from qallegro.training.presets import below
from qallegro.training.strict_yaml import parse, read_table

#: model keys that the training set provides where the configuration does not, with stand-ins for the check before data is read
FROM_DATA: dict[str, Any] = {"atom_types": ["H"], "avg_num_neighbors": 1.0, "per_type_energy_scales": 1.0, "per_type_energy_shifts": 0.0}


def load_config(path: str | Path, overrides: Sequence[str] = (), preset: str | None = None) -> RunConfig:
    """The configuration in `path`, changed by `key=value` words, checked as a whole.

    Args:
        path: YAML file. Relative data paths start from `data.root`, else from the file's folder.
        overrides: words such as `training.batch_size=8`; keys are dotted, values are YAML.
        preset: name of a preset whose values hold where the file has none.

    Raises:
        ConfigError: names every wrong key or value with its rule and, for unknown keys, the nearest valid one.
    """
    return check_config(read_content(path, overrides, preset), str(path))


def read_content(path: str | Path, overrides: Sequence[str] = (), preset: str | None = None) -> dict[str, Any]:
    """Nested tables of the configuration, not checked yet. Args as of `load_config`."""
    path = Path(path)
    content = read_table(path, "configuration")
    return with_overrides(below(preset, content, not starts_from_model(content, overrides)), overrides, path.parent)


def starts_from_model(content: Mapping[str, Any], overrides: Sequence[str]) -> bool:
    """Whether a run is to start from a trained model, which brings hyperparameters of its own."""
    return content.get("start_from") is not None or _is_given(overrides, "start_from")


def with_overrides(content: dict[str, Any], overrides: Sequence[str], folder: Path) -> dict[str, Any]:
    """Nested tables changed by `key=value` words, and the folder that paths start from.

    Args:
        content: what a configuration holds; changed in place.
        overrides: words.
        folder: that `data.root` and `start_from` within the content start from.
    """
    for word in overrides:
        apply_override(content, word)
    data = content.get("data")
    if isinstance(data, dict):
        root = data.get("root")
        if root is None or isinstance(root, str):
            # A relative path given on the command line starts from where the user stands, one in the file from the file.
            here = Path.cwd() if _is_given(overrides, "data.root") else folder
            content["data"] = {**data, "root": str((here / (root or "")).resolve())}
    start = content.get("start_from")
    if isinstance(start, str) and start not in names():
        here = Path.cwd() if _is_given(overrides, "start_from") else folder
        content["start_from"] = str((here / start).resolve())
    return content


def _is_given(overrides: Sequence[str], key: str) -> bool:
    return any(word.partition("=")[0].strip() == key for word in overrides)


def apply_override(content: dict[str, Any], word: str) -> None:
    """Set one dotted key of nested tables in place.

    Raises:
        ConfigError: the word has no `=`, its value is no YAML, or the key leads through something that is no table.
    """
    key, equals, text = word.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"an override must look like `training.batch_size=8`, got {word!r}")
    try:
        value = parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of an override must be YAML, got {text!r} for `{key}`: {error}") from error
    here: Any = content
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            place: Any = int(part)
        elif isinstance(here, dict):
            place = part
        else:
            found = "a list" if isinstance(here, list) else "a value"
            raise ConfigError(f"an override must name a key of a table, `{'.'.join(parts[:depth])}` is {found}, got {word!r}")
        if last:
            here[place] = value
        else:
            if isinstance(here, dict) and here.get(place) is None:
                here[place] = {}
            here = here[place]


def check_config(content: Mapping[str, Any], where: str) -> RunConfig:
    """Validate nested tables.

    Args:
        content: what the YAML file holds.
        where: the file's name, for messages.

    Raises:
        ConfigError: lists every error.
    """
    problems: list[str] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(dict(content))
    except pydantic.ValidationError as error:
        problems += explain(error, RunConfig, ())
    model = content.get("model")
    # Keys beside a trained model are compared with its own when it is read.
    if isinstance(model, dict) and content.get("start_from") is None:
        try:
            checked = ModelConfig.model_validate(_with_stand_ins(model))
            if checked.qdi is not None:
                # This rule is about the circuit's derivatives: it needs torch, which takes seconds to start.
                from qallegro.quantum.inert import check_features_act

                check_features_act(checked.qdi.circuit)
        except pydantic.ValidationError as error:
            problems += explain(error, ModelConfig, ("model",))
        except ConfigError as error:
            problems.append(f"`model.qdi.circuit`: {error}")
    if problems or config is None:
        raise ConfigError(f"configuration `{where}` has {_counted(len(problems), 'error')}:\n" + "\n".join(f"  {p}" for p in problems))
    return config


def _with_stand_ins(model: dict[str, Any]) -> dict[str, Any]:
    """A model section that can be checked before the data is read: tables by species wait for the species."""
    filled = dict(model)
    if not filled.get("atom_types"):
        filled.pop("atom_types", None)
        named = [filled[k] for k in FROM_DATA if isinstance(filled.get(k), dict)]
        table = filled.get("per_edge_type_cutoff")
        if isinstance(table, dict):
            named += [table, *(row for row in table.values() if isinstance(row, dict))]
        species = sorted({str(symbol) for table in named for symbol in table})
        filled["atom_types"] = species or FROM_DATA["atom_types"]
        if species:
            for key in ("avg_num_neighbors", "per_type_energy_scales", "per_type_energy_shifts"):
                if isinstance(filled.get(key), dict):
                    filled[key] = {**dict.fromkeys(species, 1.0), **filled[key]}
    return {**FROM_DATA, **{k: v for k, v in filled.items() if v is not None or k not in FROM_DATA}}


def checked_model(content: Mapping[str, Any], rule: str) -> ModelConfig:
    """A whole model section, validated.

    Args:
        content: the section.
        rule: what it must fit, for the message.

    Raises:
        ConfigError: lists every error.
    """
    try:
        return ModelConfig.model_validate(content)
    except pydantic.ValidationError as error:
        raise ConfigError(f"{rule}:\n" + "\n".join(f"  {p}" for p in explain(error, ModelConfig, ("model",)))) from error


def explain(error: pydantic.ValidationError, root: type[BaseModel], prefix: tuple[str, ...]) -> list[str]:
    """One line a key: rule, value, nearest valid key."""
    lines: dict[str, str] = {}
    values: dict[str, str] = {}
    for item in error.errors():
        location = tuple(item["loc"])
        key = ".".join(str(part) for part in (*prefix, *_shown(location)))
        if item["type"] == "extra_forbidden":
            text = _unknown_key(key, root, prefix)
        elif item["type"] == "missing":
            text = "must be given"
        else:
            text = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            text = re.sub(r"a valid dictionary( or instance of \w+)?", "a table", text)
            value = item["input"]
            if item["type"] != "value_error" and "got " not in text:
                values[key] = f", got {value!r}"
        # Several errors of one key are the members of a union, none of which fits.
        known = lines.get(key)
        lines[key] = text if known is None else f"{known} or {text.removeprefix('must be ')}"
    return [(f"`{key}`: " if key else "") + text + values.get(key, "") for key, text in lines.items()]


def _shown(location: tuple[int | str, ...]) -> Iterator[int | str]:
    """A location without pydantic's marks for members of a union and for validators."""
    marks = {"int", "float", "str", "bool", "name", "file", "table", "bessel", "spline"}
    for part in location:
        if isinstance(part, int) or not (part in marks or any(sign in part for sign in "[(-")):
            yield part


def _unknown_key(key: str, root: type[BaseModel], prefix: tuple[str, ...]) -> str:
    name = key.rpartition(".")[2]
    sections = list(_sections(root, prefix))
    here = ".".join(key.split(".")[:-1])
    siblings = [names for path, names in sections if path == _without_indices(here)]
    near = [n for names in siblings for n in difflib.get_close_matches(name, names, 1, 0.6)]
    if near:
        hint = f"the nearest valid key is `{f'{here}.' if here else ''}{near[0]}`"
    else:
        elsewhere = {f"{path}.{n}" if path else n: n for path, names in sections for n in names}
        best = difflib.get_close_matches(name, list(elsewhere.values()), 1, 0.75)
        hint = f"the nearest valid key is `{next(full for full, n in elsewhere.items() if n == best[0])}`" if best else ""
    known = sorted({n for names in siblings for n in names})
    return "unknown key" + (f"; {hint}" if hint else "") + (f"; known here: {', '.join(known)}" if known else "")


def _without_indices(path: str) -> str:
    return ".".join(part for part in path.split(".") if not part.isdecimal())


def _sections(model: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Dotted path and key names of every section below `model`."""
    yield ".".join(prefix), list(model.model_fields)
    for name, field in model.model_fields.items():
        for section in models_in(field.annotation):
            yield from _sections(section, (*prefix, name))
    if model is RunConfig:
        yield from _sections(ModelConfig, (*prefix, "model"))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Sections that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
