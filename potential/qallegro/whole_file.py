"""Files appear whole or not at all: written to a temporary sibling, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path`, with its suffix, to write to; it takes the name when the block ends well and vanishes otherwise.

    Raises:
        OSError: as the writing or the renaming raises it.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with whole_file(path) as temporary:
        temporary.write_text(text)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
