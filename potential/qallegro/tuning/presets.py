"""Presets: search spaces for a purpose, below what a tuning configuration says."""

from pathlib import Path
from typing import Any

from qallegro.errors import ConfigError
from qallegro.training.strict_yaml import read_table

FOLDER = Path(__file__).with_name("presets")


def names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: Any) -> dict[str, Any]:
    """Nested tables of a preset.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in names():
        raise ConfigError(f"`preset` must be one of {', '.join(names())}, got {name!r}")
    content = read_table(FOLDER / f"{name}.yaml", "preset")
    content.pop("about")
    return content


def merged(lower: Any, upper: Any, path: tuple[str, ...] = ()) -> Any:
    """Nested tables, those of `upper` before those of `lower`; a variable, and a measure of the budget, are taken as a whole.

    In `space` a variable that `upper` sets to null is left out.
    """
    if not isinstance(lower, dict) or not isinstance(upper, dict) or (len(path) == 2 and path[0] == "space"):
        return upper
    if path == ("budget",) and {"epochs", "time"} & set(upper):
        lower = {key: value for key, value in lower.items() if key not in ("epochs", "time")}
    result = {key: merged(value, upper[key], (*path, key)) if key in upper else value for key, value in lower.items()}
    result.update({key: value for key, value in upper.items() if key not in lower})
    return {key: value for key, value in result.items() if not (path == ("space",) and value is None)}
