"""Presets: model and schedule for a purpose, to train from a file of structures alone or below a configuration of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from qallegro.data.config import Strict, data_path
from qallegro.errors import ConfigError
from qallegro.training.strict_yaml import read_table

FOLDER = Path(__file__).with_name("presets")
#: what stands for the user's files where a preset is shown without any
PLACEHOLDER = "DATA.xyz"
#: share of the frames that is kept for validation where files alone are given
VALIDATION = 0.05


class Preset(Strict):
    """A file in `presets/`. Its sections are those of a configuration, without files and without splits."""

    about: str = Field(description="what it is meant for")
    data: dict[str, Any] = Field({}, description="statistics of the data section")
    model: dict[str, Any]
    training: dict[str, Any]


def names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in names():
        raise ConfigError(f"`--preset` must be one of {', '.join(names())}, got {name!r}")
    return Preset.model_validate(read_table(FOLDER / f"{name}.yaml", "preset"))


def below(name: str | None, content: dict[str, Any], with_model: bool = True) -> dict[str, Any]:
    """Nested tables with the values of a preset where they have none of their own; as they are without a preset.

    Args:
        name: of the preset.
        content: the tables.
        with_model: whether the preset's model counts too, and not that of `start_from`.
    """
    if name is None:
        return content
    return _merged(load_preset(name).model_dump(exclude={"about"} if with_model else {"about", "model"}), content)


def content_for_files(name: str, files: Sequence[str], with_model: bool = True) -> dict[str, Any]:
    """Nested tables of a configuration that trains on files, a share of whose frames validates.

    Args:
        name: of the preset.
        files: paths, each with an optional slice after `@`; a placeholder if there are none.
        with_model: as of `below`.
    """
    sources = [data_path(file).model_dump(exclude_none=True) for file in files or [PLACEHOLDER]]
    train = [source["path"] if list(source) == ["path"] else source for source in sources]
    return below(name, {"data": {"train": train, "split": {"validation": VALIDATION}}}, with_model)


def _merged(lower: Any, upper: Any) -> Any:
    if not isinstance(lower, dict) or not isinstance(upper, dict):
        return upper
    keys = [*lower, *(key for key in upper if key not in lower)]
    return {key: _merged(lower[key], upper[key]) if key in lower and key in upper else upper.get(key, lower.get(key)) for key in keys}
