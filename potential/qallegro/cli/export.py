"""`qallegro export`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[
        Path, typer.Argument(help="checkpoint written by `qallegro train` or `qallegro import`, or the folder of a committee")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write (default: MODEL.qallegro.pth)")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64 network (default: as trained)")] = None,
    format: Annotated[str, typer.Option(help="torchscript or aoti (compiled ahead of time for this kind of machine)")] = "torchscript",
    device: Annotated[str, typer.Option(help="cpu or cuda: for --format aoti, and where the forms of a circuit are timed")] = "cpu",
    surrogate: Annotated[str, typer.Option(help="form of a circuit: auto (the fastest), fourier, unitary or gates")] = "auto",
    surrogate_tolerance: Annotated[
        float | None, typer.Option(help="largest error of the circuit's outputs that dropped coefficients may make (default: exact)")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="structures to check a circuit on, e.g. train.xyz@::10 (default: the checkpoint's few)")
    ] = None,
) -> None:
    """Write one self-describing file for LAMMPS and ASE, read it back, and compare it with the model."""
    from rich.console import Console
    from rich.table import Table

    from qallegro.cli.warn import show_warnings
    from qallegro.errors import ExportError
    from qallegro.export.describe import describe_surrogate
    from qallegro.export.exporter import export_model
    from qallegro.training.run_folder import member_models

    show_warnings()
    console = Console()
    models = [model]
    if model.is_dir():
        models = member_models(model)
        if not models:
            raise ExportError(f"a folder to export must hold a committee, there is no member_0/model.pth in `{model}`; name a checkpoint")
        if output is not None:
            raise ExportError(f"`--output` must be left out for a committee, got `{output}`: each file goes beside its checkpoint")
    for one in models:
        with console.status(f"exporting {one} as {format} ...") as status:
            result = export_model(
                one,
                output,
                dtype=dtype,
                format=format,
                device=device,
                surrogate=surrogate,
                surrogate_tolerance=surrogate_tolerance,
                data=data,
                step=lambda text, status=status: status.update(f"{text} ..."),
            )
        if "surrogate" in result.record:
            console.print("classical form of the circuit", style="italic")
            console.print(describe_surrogate(result.record["surrogate"]))
            console.print()
        console.print(f"file against {result.record['verification']['against']}", style="italic")
        table = Table()
        for column in ("sample", "atoms", "slots", "max |dE| per atom (eV)", "max |dF| (eV/Å)"):
            table.add_column(column, justify="left" if column == "sample" else "right")
        for c in result.comparisons:
            table.add_row(c.name, str(c.atoms), str(c.slots), f"{c.energy:.1e}", f"{c.forces:.1e}")
        console.print(table)
        console.print(f"wrote {result.path} ({result.record['dtype']}, species {' '.join(result.record['atom_types'])})", highlight=False)
