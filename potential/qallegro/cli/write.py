"""Text files that a user asks for by an option."""

from pathlib import Path


def write_text(path: Path, text: str, option: str) -> None:
    """Write `text` to `path`, atomically.

    Args:
        option: that named the file, for the message.

    Raises:
        ConfigError: the file cannot be written.
    """
    import os

    from qallegro.errors import ConfigError

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"`{option}` must name a file that can be written, got `{path}`: {error.strerror}") from error
