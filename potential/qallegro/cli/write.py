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


def check_folder(folder: Path, option: str, make: bool = False) -> None:
    """Find out before a long run whether its results can be written.

    Args:
        option: that named the folder or a file in it, for the message.
        make: make the folder if it is not there.

    Raises:
        ConfigError: the folder is not there, or nothing can be written in it.
    """
    import os

    from qallegro.errors import ConfigError

    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "no permission" if folder.is_dir() else "no such folder"
    except OSError as error:
        reason = str(error.strerror)
    if reason:
        raise ConfigError(f"`{option}` must lead into a folder that can be written to, got `{folder}`: {reason}")
