"""A record or a checkpoint, told to a person."""

import math
from pathlib import Path
from typing import Any

from rich.table import Table

from qallegro.export.record import is_exported_file, read_record


def describe_file(path: str | Path) -> dict[str, Any]:
    """The record of an exported file, or the same keys of a checkpoint.

    Raises:
        ExportError, ModelError: the file is missing, damaged, foreign, or of an unknown version.
    """
    if is_exported_file(path):
        return read_record(path)
    from qallegro.model.checkpoint import FORMAT, FORMAT_VERSION, load_model

    potential, provenance = load_model(path)
    state = potential.network.state_dict()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": "checkpoint",
        "atom_types": potential.config.atom_types,
        "r_max": potential.config.r_max,
        "cutoffs": potential.config.cutoffs(),
        "dtype": potential.config.dtype,
        "model": potential.config.model_dump(mode="json"),
        "weights": {"shapes": {name: list(tensor.shape) for name, tensor in state.items()}},
        "provenance": provenance,
    }


def describe_record(record: dict[str, Any]) -> Table:
    """A table of the facts that matter before running a file."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("format", f"{record['format']} version {record['format_version']}, {record['kind']}")
    table.add_row("species", " ".join(record["atom_types"]))
    table.add_row("r_max", f"{record['r_max']} Å")
    if any(value != record["r_max"] for row in record["cutoffs"] for value in row):
        for species, row in zip(record["atom_types"], record["cutoffs"], strict=True):
            table.add_row(f"  cutoffs of {species}", ", ".join(f"{b} {c} Å" for b, c in zip(record["atom_types"], row, strict=True)))
    table.add_row("dtype", record["dtype"])
    if "weights" in record:
        table.add_row("weights", f"{sum(math.prod(shape) for shape in record['weights']['shapes'].values()):,}")
    for title in ("model", "versions", "provenance"):
        for key, value in record.get(title, {}).items():
            if key not in ("atom_types", "r_max", "dtype"):
                table.add_row(f"{title}: {key}", _short(value))
    verification = record.get("verification", {})
    if verification.get("samples"):
        worst_energy = max(s["energy"] for s in verification["samples"])
        worst_forces = max(s["forces"] for s in verification["samples"])
        count = len(verification["samples"])
        table.add_row("verified", f"{count} samples, largest deviation {worst_energy:.1e} eV, {worst_forces:.1e} eV/Å")
    return table


def _short(value: Any) -> str:
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) <= 400 else text[:397] + "..."
