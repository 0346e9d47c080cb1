"""What a study minimizes, and where its numbers come from."""

from typing import Any, Literal, NamedTuple

ObjectiveName = Literal["force_mae", "energy_mae", "stress_mae", "latency", "model_size", "memory"]


class Objective(NamedTuple):
    """One quantity, smaller is better."""

    label: str  #: in tables and plots
    unit: str
    column: str | None = None  #: of `metrics.csv`, in eV and Å, for errors of validation frames
    metric: tuple[str, str] | None = None  #: where `test_metrics.json` has it, in `unit`


OBJECTIVES: dict[str, Objective] = {
    "force_mae": Objective("force MAE", "meV/Å", "validation_forces_mae", ("forces", "mae_meV_per_angstrom")),
    "energy_mae": Objective("energy MAE", "meV/atom", "validation_energy_mae", ("energy", "mae_meV_per_atom")),
    "stress_mae": Objective("stress MAE", "meV/Å³", "validation_stress_mae", ("stress", "mae_meV_per_angstrom3")),
    "latency": Objective("latency", "µs/atom/step"),
    "model_size": Objective("model size", "weights"),
    "memory": Objective("memory", "MB"),
}

#: `metrics.csv` is in eV and Å, objectives are in meV and Å
MEV = 1e3


def errors(names: list[str]) -> list[str]:
    """Those that training decides; the others do not depend on the weights."""
    return [name for name in names if OBJECTIVES[name].column is not None]


def from_row(name: str, row: dict[str, float]) -> float | None:
    """An error from a row of `metrics.csv`; None where it was not validated or has no labels."""
    value = row.get(OBJECTIVES[name].column or "")
    return None if value is None else MEV * value


def from_metrics(name: str, metrics: dict[str, Any]) -> float | None:
    """An error from the validation part of `test_metrics.json`; None without labels."""
    quantity, key = OBJECTIVES[name].metric or ("", "")
    return metrics.get(quantity, {}).get(key)


def heading(name: str) -> str:
    """Label with unit."""
    return f"{OBJECTIVES[name].label} ({OBJECTIVES[name].unit})"
