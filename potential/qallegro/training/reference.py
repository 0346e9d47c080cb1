"""Every key of the configuration with default and meaning, as the code knows it."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from qallegro.model.config import ModelConfig
from qallegro.training.config import RunConfig
from qallegro.training.load_config import FROM_DATA, models_in

#: keys whose values are files, each with a path, a slice, keys and units of its own
_FILES = {"data.train", "data.validation", "data.test", "data.reference_energies"}


class Key(NamedTuple):
    """One key."""

    name: str  #: dotted
    default: str
    meaning: str


def config_keys() -> list[Key]:
    """Keys in the order of the configuration; lists and tables by species are one key."""
    keys = [key for key in _keys(RunConfig, "") if not key.name.startswith("model")]
    model = [key._replace(default="from the data") if key.name.split(".")[1] in FROM_DATA else key for key in _keys(ModelConfig, "model.")]
    place = next(i for i, key in enumerate(keys) if key.name.startswith("training."))
    return keys[:place] + model + keys[place:]


def markdown_table(keys: list[Key]) -> str:
    """Keys as a table in Markdown."""
    rows = [f"| `{key.name}` | {key.default} | {key.meaning} |" for key in keys]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def _keys(model: type[BaseModel], prefix: str, instance: BaseModel | None = None) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        default = field.get_default() if instance is None else getattr(instance, name)
        sections = [] if key in _FILES else list(dict.fromkeys(models_in(field.annotation)))
        if default is None or not sections:
            meaning = field.description or " ".join((sections[0].__doc__ if sections else "").split())
            choices = [value for value in _choices(field.annotation) if value is not None]
            choices = [] if choices == [default] and get_origin(field.annotation) is Literal else choices
            listed = ("one of " if len(choices) > 1 else "or ") + ", ".join(f"`{c}`" for c in choices) if choices else ""
            shown = "must be given" if default is PydanticUndefined else as_printed(default)
            yield Key(key, shown, "; ".join(part for part in (listed, meaning) if part))
        for section in sections:
            yield from _keys(section, f"{key}.", default if isinstance(default, section) else None)


def _choices(annotation: Any) -> Iterator[Any]:
    """Literals that a field may be, not those within lists."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) is not list:
        for inner in get_args(annotation):
            yield from _choices(inner)


def as_printed(default: Any) -> str:
    """A default as the tables of keys print it."""
    if default is None:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
