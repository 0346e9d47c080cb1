"""`qallegro models list` and `qallegro models get`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def list_models(
    card: Annotated[str | None, typer.Option("--card", metavar="NAME", help="print the card of one model instead")] = None,
) -> None:
    """Models that come with the package: species, errors, size."""
    from rich.console import Console
    from rich.table import Table

    from qallegro.models import store

    if card is not None:
        typer.echo(store.find(card).card.rstrip())
        return
    table = Table()
    for column in ("name", "species", "force MAE (meV/Å)", "energy MAE (meV/atom)", "kB", "about"):
        table.add_column(column, justify="right" if "MAE" in column or column == "kB" else "left", overflow="fold")
    for stored in map(store.find, store.names()):
        errors = stored.record["errors"]["test"]
        forces = f"{errors['forces']['mae_meV_per_angstrom']:.1f}" if "forces" in errors else "-"
        energy = f"{errors['energy']['mae_meV_per_atom']:.2f}"
        size = f"{stored.size / 1000:.0f}"
        table.add_row(stored.name, " ".join(stored.record["config"]["atom_types"]), forces, energy, size, stored.about)
    console = Console()
    console.print(table)
    console.print("errors of test frames; `qallegro models list --card NAME` tells what a model is for", markup=False, highlight=False)


def get(
    name: Annotated[str, typer.Argument(help="as `qallegro models list` has it")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="file to write: X.pth (checkpoint, default NAME.pth), X.qallegro.pth or X.qallegro.pt2 (exported)"
        ),
    ] = None,
) -> None:
    """Write a model of the package as a checkpoint, or exported for LAMMPS and ASE. Needs no network."""
    from rich.console import Console

    from qallegro.models import store

    console = Console()
    # A wrong name is told before torch starts.
    stored = store.find(name)
    from qallegro.models.write import get_model

    with console.status(f"writing {name} ..."):
        path = get_model(name, output or Path(f"{name}.pth"))
    console.print(f"wrote {path}: {stored.about}", highlight=False, markup=False, soft_wrap=True)
