"""Errors as a table for the terminal."""

from rich.table import Table

from qallegro.data.units import EV_PER_A3_IN_GPA
from qallegro.training.metrics import Error, Errors


def error_table(errors: Errors, title: str) -> Table:
    """MAE and RMSE of every quantity that has labels."""
    table = Table(title=title, title_justify="left")
    table.add_column("quantity")
    for heading in ("MAE", "RMSE"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    table.add_column("values", justify="right")

    def add(name: str, error: Error, factor: float, unit: str) -> None:
        if error.count:
            table.add_row(name, f"{factor * error.mae:.3f}", f"{factor * error.rmse:.3f}", unit, str(error.count))

    add("energy", errors.energy, 1e3, "meV/atom")
    add("forces", errors.forces, 1e3, "meV/Å")
    if len(errors.species) > 1:
        for symbol, error in errors.species.items():
            add(f"  on {symbol}", error, 1e3, "meV/Å")
    add("stress", errors.stress, 1e3, "meV/Å³")
    add("", errors.stress, EV_PER_A3_IN_GPA, "GPa")
    return table
