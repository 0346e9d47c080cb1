"""`qallegro evaluate`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    file: Annotated[Path, typer.Argument(help="checkpoint (model.pth) or exported file (.qallegro.pth, .qallegro.pt2)")],
    data: Annotated[list[str], typer.Argument(help="labelled structures; a slice may follow, as in test.xyz@:100")],
    json_output: Annotated[Path | None, typer.Option("--json", help="also write the errors as JSON")] = None,
    plots: Annotated[Path | None, typer.Option("--plots", help="also draw parity plots into this folder")] = None,
    energy_key: Annotated[str | None, typer.Option(help="name of the energies in the file")] = None,
    forces_key: Annotated[str | None, typer.Option(help="name of the forces")] = None,
    stress_key: Annotated[str | None, typer.Option(help="name of the stress")] = None,
    virial_key: Annotated[str | None, typer.Option(help="name of the virial, read instead of stress")] = None,
    energy_unit: Annotated[str | None, typer.Option(help="eV, meV, kcal/mol, kJ/mol, Hartree, Rydberg")] = None,
    length_unit: Annotated[str | None, typer.Option(help="angstrom, bohr, nm")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    engine: Annotated[str, typer.Option(help="of a checkpoint auto, native or torch; of an exported file one of the runtime's")] = "auto",
) -> None:
    """Errors of a model on reference data: energies per atom, forces (also by species), stress."""
    import json

    import pydantic
    from rich.console import Console
    from rich.progress import Progress

    from qallegro.cli.warn import show_warnings
    from qallegro.cli.write import check_folder, write_text
    from qallegro.data.config import Keys, Units, data_path
    from qallegro.errors import ConfigError
    from qallegro.training.evaluate import evaluate_file
    from qallegro.training.load_config import explain
    from qallegro.training.predictors import open_predictor
    from qallegro.training.report import error_table

    show_warnings()
    try:
        keys = Keys(energy=energy_key, forces=forces_key, stress=stress_key, virial=virial_key)
        units = Units.model_validate({"energy": energy_unit, "length": length_unit})
    except pydantic.ValidationError as error:
        raise ConfigError("; ".join(explain(error, Units, ()))) from error
    if json_output is not None:
        check_folder(json_output.parent, "--json")
    if plots is not None:
        check_folder(plots, "--plots", make=True)
    console = Console()
    predictor = open_predictor(file, device, engine)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("evaluating", total=None)
        result = evaluate_file(
            predictor, [data_path(d) for d in data], keys, units, advance=lambda n, total: progress.update(task, completed=n, total=total)
        )
    console.print(predictor.description, highlight=False)
    console.print(error_table(result.errors, ", ".join(data)))
    if json_output is not None:
        record = {"model": str(file), "data": list(data), **result.errors.record()}
        write_text(json_output, json.dumps(record, indent=2) + "\n", "--json")
    if plots is not None:
        from qallegro.training.plots import plot_parity

        plot_parity(result, plots / "parity.png", f"{file.name} on {', '.join(Path(d).name for d in data)}")
        console.print(f"wrote {plots / 'parity.png'}", highlight=False)
