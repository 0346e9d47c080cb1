"""Every key of a tuning configuration with default and meaning, as the code knows it."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from qallegro.training.reference import Key, as_printed
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.presets import names
from qallegro.tuning.variables import CategoricalVariable, FloatVariable, IntVariable

#: keys that are taken out before the others are checked
_BEFORE = (
    ("preset", f"one of {', '.join(f'`{name}`' for name in names())}; holds where the configuration says nothing"),
    ("base_preset", "preset of training, `quick` or `accurate`, below `base`"),
)


def tuning_keys() -> list[Key]:
    """Keys in the order of the configuration; those of variables once for each type."""
    keys = [Key(name, "none", meaning) for name, meaning in _BEFORE]
    for key in _keys(TuningConfig, ""):
        keys.append(key)
        if key.name == "space":
            keys.append(Key("space.KEY.type", "must be given", "one of `int`, `float`, `categorical`"))
            for kind in (IntVariable, FloatVariable, CategoricalVariable):
                word = get_args(kind.model_fields["type"].annotation)[0]
                own = [inner for inner in _keys(kind, "space.KEY.") if not inner.name.endswith((".type", ".when"))]
                keys += [inner._replace(meaning=f"type {word}: {inner.meaning}") for inner in own]
            keys.append(next(inner for inner in _keys(IntVariable, "space.KEY.") if inner.name.endswith(".when")))
    return keys


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        default = field.get_default()
        if isinstance(default, BaseModel) or (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            yield from _keys(field.annotation, f"{prefix}{name}.")
            continue
        choices = [value for value in _choices(field.annotation) if value is not None]
        listed = (
            f"{'one' if get_origin(field.annotation) is not list else 'some'} of {', '.join(f'`{c}`' for c in choices)}" if choices else ""
        )
        meaning = "; ".join(part for part in (listed, field.description or "") if part)
        yield Key(f"{prefix}{name}", "must be given" if default is PydanticUndefined else as_printed(default), meaning)


def _choices(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) is not dict:
        for inner in get_args(annotation):
            yield from _choices(inner)
