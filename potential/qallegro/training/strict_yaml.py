"""YAML without its surprises: floats of YAML 1.2, and no key twice."""

import re
from pathlib import Path
from typing import Any

import yaml

from qallegro.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """YAML with the floats of YAML 1.2: `1e-3` is a number, not a text. A key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise ConfigError(f"a key must be given once, got `{key}` twice, again in line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"),
    list("-+0123456789."),
)


def parse(text: str) -> Any:
    """What a text in YAML says.

    Raises:
        yaml.YAMLError: it is none.
        ConfigError: a key is given twice.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - derives from SafeLoader


def read_table(path: Path, what: str) -> dict[str, Any]:
    """The table of sections in a YAML file.

    Args:
        path: the file.
        what: it is, for messages.

    Raises:
        ConfigError: no such file, no YAML, or no table.
    """
    try:
        content = parse(path.read_text())
    except OSError as error:
        raise ConfigError(f"{what} must be a readable file, got `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what} must be a text file in YAML, got `{path}`") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{what} must be YAML, `{path}` is not: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{what} must be a table of sections such as `data` and `model`, got {type(content).__name__} in `{path}`")
    return content
