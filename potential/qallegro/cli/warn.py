"""Warnings about data, shown as lines for people instead of Python's format."""

import warnings
from typing import TextIO


def show_warnings() -> None:
    """Print `DataWarning`s to stderr as sentences; others as Python does."""
    from rich.console import Console

    from qallegro.data.checks import DataWarning

    console = Console(stderr=True)
    default = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
    ) -> None:
        if issubclass(category, DataWarning):
            console.print(f"warning: {message}", style="yellow", highlight=False, markup=False, soft_wrap=True)
        else:
            default(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    warnings.simplefilter("always", DataWarning)
