"""Fronts for the terminal, and models taken from them."""

import re
import shutil
from pathlib import Path
from typing import Any

from rich.table import Table

from qallegro.errors import ConfigError
from qallegro.tuning.objectives import heading

#: µs a unit
_UNITS = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}


def front_table(record: dict[str, Any]) -> Table:
    """Models of a front (`front.json`)."""
    trials = record["trials"]
    title = f"{record['study']}: front of {trials['trained_to_the_end']} trained models, hypervolume {record['hypervolume']:.4f}"
    table = Table(title=title, title_justify="left")
    table.add_column("trial", justify="right")
    for name in record["objectives"]:
        table.add_column(heading(name).replace(" (", "\n("), justify="right", no_wrap=True)
    if "latency" in record["objectives"]:
        table.add_column("low to high", justify="right", no_wrap=True)
    table.add_column("weights", justify="right", no_wrap=True)
    table.add_column("variables", overflow="fold")
    for model in record["models"]:
        cells = [f"{model['objectives'][name]:.4g}" for name in record["objectives"]]
        if "latency" in record["objectives"]:
            cells.append(f"{model['latency']['low']:.4g} to {model['latency']['high']:.4g}")
        variables = ", ".join(
            f"{name.removeprefix('model.').removeprefix('training.')}={_shown(v)}" for name, v in model["parameters"].items()
        )
        table.add_row(str(model["trial"]), *cells, f"{model['weights']:,}", variables)
    return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parse_latency(text: str) -> float:
    """µs in a text such as "50us" or "0.1ms".

    Raises:
        ConfigError: it is none.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(\D+?)\s*", text)
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise ConfigError(f"`--max-latency` must be a duration such as 50us, 0.1ms or 800ns, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def copy_model(model: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Copies of a model's checkpoint and exported file.

    Raises:
        ConfigError: they are on another machine, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copies = [Path(shutil.copy2(model[name], folder)) for name in ("model", "exported")]
    except OSError as error:
        raise ConfigError(
            f"model of trial {model['trial']} must be here to be copied to `{folder}`, it was made on {model['host']}: {error}"
        ) from error
    return copies[0], copies[1]
