"""Text files that a user asks for by an option."""

from pathlib import Path


def write_text(path: Path, text: str, option: str) -> None:
    """Write `text` to `path`.

    Args:
        option: that named the file, for the message.

    Raises:
        ConfigError: the file cannot be written.
    """
    from qallegro import whole_file
    from qallegro.errors import ConfigError

    try:
        whole_file.write_text(path, text)
    except OSError as error:
        raise ConfigError(f"`{option}` must name a file that can be written, got `{path}`: {error.strerror}") from error
