"""`qallegro quantum evaluate`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    model: Annotated[Path, typer.Argument(help="checkpoint (model.pth) of variant allegro_qdi")],
    data: Annotated[list[str], typer.Argument(help="structures, labelled or not; a slice may follow, as in test.xyz@:100")],
    device: Annotated[str, typer.Option(help="PennyLane device: default.qubit, lightning.qubit, default.mixed, or one of a plugin")] = "",
    shots: Annotated[list[str] | None, typer.Option(help="measurements a circuit, or exact (default); may be given several times")] = None,
    noise: Annotated[float, typer.Option(help="probability of depolarisation after each gate; simulated by default.mixed")] = 0.0,
    repeats: Annotated[int, typer.Option(help="evaluations with each number of shots")] = 10,
    frames: Annotated[int, typer.Option(help="frames to evaluate at most, spread evenly over the data")] = 2,
    seed: Annotated[int, typer.Option(help="of the sampling")] = 0,
    max_circuits: Annotated[int, typer.Option(help="refuse to run more circuits than this")] = 2_000_000,
    json_output: Annotated[Path | None, typer.Option("--json", help="also write the numbers as JSON")] = None,
    plots: Annotated[Path | None, typer.Option("--plots", help="also draw plots into this folder")] = None,
    energy_key: Annotated[str | None, typer.Option(help="name of the energies in the file")] = None,
    forces_key: Annotated[str | None, typer.Option(help="name of the forces")] = None,
    energy_unit: Annotated[str | None, typer.Option(help="eV, meV, kcal/mol, kJ/mol, Hartree, Rydberg")] = None,
    length_unit: Annotated[str | None, typer.Option(help="angstrom, bohr, nm")] = None,
) -> None:
    """What finite shots and noise of a quantum device do to the energies and forces of a hybrid model."""
    import json

    import pydantic
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from qallegro.cli.warn import show_warnings
    from qallegro.cli.write import check_folder, write_text
    from qallegro.data.config import Keys, Units, data_path
    from qallegro.data.readers import read_frames
    from qallegro.errors import ConfigError
    from qallegro.quantum.device_report import error_table, study_table
    from qallegro.quantum.device_study import study_devices, study_record
    from qallegro.quantum.devices import DeviceSettings
    from qallegro.quantum.pennylane_reference import circuit_layer
    from qallegro.training.evaluate import make_samples
    from qallegro.training.load_config import explain
    from qallegro.training.predictors import from_potential, open_checkpoint

    show_warnings()
    if frames < 1:
        raise ConfigError(f"`--frames` must be 1 or more, got {frames}")
    try:
        keys, units = Keys(energy=energy_key, forces=forces_key), Units.model_validate({"energy": energy_unit, "length": length_unit})
    except pydantic.ValidationError as error:
        raise ConfigError("; ".join(explain(error, Units, ()))) from error
    name = device or ("default.mixed" if noise > 0.0 else "default.qubit")
    if json_output is not None:
        check_folder(json_output.parent, "--json")
    if plots is not None:
        check_folder(plots, "--plots", make=True)
    settings = [DeviceSettings(name, count, noise, seed) for count in _shots(shots)]
    potential = open_checkpoint(model, "a quantum device")
    circuit_layer(potential, "a quantum device")
    predictor = from_potential(potential)
    everything = [frame for d in data for frame in read_frames(data_path(d), keys=keys, units=units)]
    chosen = [everything[k * len(everything) // frames] for k in range(frames)] if frames < len(everything) else everything
    samples = make_samples(chosen, predictor.atom_types, predictor.cutoffs)
    console = Console()
    columns = (TextColumn("circuits"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("circuits", total=None)
        study = study_devices(
            potential, samples, settings, repeats, max_circuits, lambda done, total: progress.update(task, completed=done, total=total)
        )
    console.print(
        f"{model}: {len(samples)} of {len(everything)} frames, {int(study.n_atoms.sum())} atoms, {study.edges} edges; {name}, "
        f"depolarisation {noise:g} a gate",
        highlight=False,
    )
    console.print(study_table(study))
    if (errors := error_table(study)) is not None:
        console.print(errors)
    if json_output is not None:
        record = {"model": str(model), "data": list(data), "frame_of_data": [f.where for f in chosen], **study_record(study)}
        write_text(json_output, json.dumps(record, indent=2) + "\n", "--json")
    if plots is not None:
        from qallegro.quantum.device_report import plot_study

        for path in plot_study(study, plots):
            console.print(f"wrote {path}", highlight=False)


def _shots(words: list[str] | None) -> list[int | None]:
    """Numbers of shots on the command line, each once; None is exact."""
    from qallegro.errors import ConfigError

    numbers: list[int | None] = []
    for word in words or ["exact"]:
        if word != "exact" and not word.lstrip("+-").isdecimal():
            raise ConfigError(f"`--shots` must be a whole number, 1 or more, or exact, got {word!r}")
        number = None if word == "exact" else int(word)
        if number not in numbers:
            numbers.append(number)
    return numbers
