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
    table = _table()
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
            if key == "sample_frames":
                table.add_row(f"{title}: {key}", f"{len(value)} structures")
            elif key == "novelty":
                table.add_row(f"{title}: {key}", f"measured with {value['mean'].shape[1]} latent features")
            elif key not in ("atom_types", "r_max", "dtype"):
                table.add_row(f"{title}: {key}", _short(value))
    for key, text in _surrogate_rows(record["surrogate"]) if "surrogate" in record else []:
        table.add_row(f"surrogate: {key}", text)
    verification = record.get("verification", {})
    if verification.get("samples"):
        worst_energy = max(s["energy"] for s in verification["samples"])
        worst_forces = max(s["forces"] for s in verification["samples"])
        count = len(verification["samples"])
        table.add_row("verified", f"{count} samples, largest deviation {worst_energy:.1e} eV, {worst_forces:.1e} eV/Å")
    return table


def describe_surrogate(surrogate: dict[str, Any]) -> Table:
    """A table of the classical form that a circuit has in a file: which, how fast, how exact."""
    table = _table()
    for key, text in _surrogate_rows(surrogate):
        table.add_row(key, text)
    return table


def _surrogate_rows(surrogate: dict[str, Any]) -> list[tuple[str, str]]:
    circuit, timing, measured = surrogate["circuit"], surrogate["timing"], surrogate["measured"]
    inputs = f"{circuit['num_features']} features, largest frequencies {_ranges(surrogate['degrees'])}"
    angles = len(surrogate["angles"])
    rows = [
        ("form", f"{surrogate['form']}, in place of `{surrogate['module']}`"),
        ("circuit", f"{circuit['num_qubits']} qubits, {inputs}, {angles} angles, observables {_list(surrogate['observables'])}"),
        ("timed", _timing_text(timing)),
    ]
    rows += [(f"{name} left out", reason) for name, reason in timing["left_out"].items()]
    if "coefficients" in surrogate:
        c = surrogate["coefficients"]
        dropped = f"; what was dropped changes outputs by {c['dropped_bound'][0]:.1e} at most" if c["dropped"] else ""
        rows.append(("coefficients", f"{c['spectrum']:,} in the spectrum, {c['kept']:,} kept{dropped}"))
    tolerance = "exact to rounding" if surrogate["tolerance"] is None else f"{surrogate['tolerance']:.1e}"
    rows.append(("tolerance", tolerance))
    for what in ("value", "gradient"):
        bound = surrogate["bounds"][what]
        rows.append((f"proven, {what}", f"approximation {bound['approximation']:.1e}, rounding {bound['rounding']:.1e}, over all features"))
    for name, where in (("random", "random features"), ("training", "features of known structures")):
        if name in measured:
            m = measured[name]
            rows.append((f"measured on {where}", f"value {m['value']:.1e}, gradient {m['gradient']:.1e} ({m['points']:,} points)"))
    whole = measured["structures"]
    deviation = f"{whole['energy']:.1e} eV an atom, {whole['forces']:.1e} eV/Å"
    rows.append(("measured on whole structures", f"{deviation} ({whole['structures']} of {whole['of']}) against PennyLane in the loop"))
    return rows


def _timing_text(timing: dict[str, Any]) -> str:
    forms = ", ".join(f"{name} {ms:.3g} ms" for name, ms in timing["milliseconds"].items())
    threads = f", {timing['threads']} thread{'s' if timing['threads'] > 1 else ''}" if timing["threads"] else ""
    return f"{forms} for values and gradients of {timing['edges']:,} edges on {timing['device']}{threads}"


def _ranges(degrees: list[int]) -> str:
    return str(degrees[0]) if len(set(degrees)) == 1 else _list(degrees)


def _list(values: list[Any]) -> str:
    return _short(" ".join(map(str, values)))


def _table() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    return table


def _short(value: Any) -> str:
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) <= 400 else text[:397] + "..."
