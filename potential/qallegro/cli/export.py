"""`qallegro export`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[Path, typer.Argument(help="checkpoint written by `qallegro train` or `qallegro import`")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write (default: MODEL.qallegro.pth)")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64 network (default: as trained)")] = None,
    format: Annotated[str, typer.Option(help="torchscript or aoti (compiled ahead of time for this kind of machine)")] = "torchscript",
    device: Annotated[str, typer.Option(help="cpu or cuda, for --format aoti")] = "cpu",
) -> None:
    """Write one self-describing file for LAMMPS and ASE, read it back, and compare it with the model."""
    from rich.console import Console
    from rich.table import Table

    from qallegro.export.exporter import export_model

    console = Console()
    with console.status(f"exporting {model} as {format} ..."):
        result = export_model(model, output, dtype=dtype, format=format, device=device)
    table = Table(title="file against eager model", title_justify="left")
    for column in ("sample", "atoms", "slots", "max |dE| per atom (eV)", "max |dF| (eV/Å)"):
        table.add_column(column, justify="left" if column == "sample" else "right")
    for c in result.comparisons:
        table.add_row(c.name, str(c.atoms), str(c.slots), f"{c.energy:.1e}", f"{c.forces:.1e}")
    console.print(table)
    console.print(f"wrote {result.path} ({result.record['dtype']}, species {' '.join(result.record['atom_types'])})", highlight=False)
