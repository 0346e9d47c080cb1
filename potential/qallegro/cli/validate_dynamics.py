"""`qallegro validate md|heat-flux`: parse, call, print."""

from typing import Annotated

import typer

from qallegro.cli.validate_options import Engine, ModelFile, Output, StructureText, Threads, numbers


def md(
    structure: StructureText,
    file: ModelFile,
    temperature: Annotated[float, typer.Option(help="K")] = 300.0,
    timesteps: Annotated[str, typer.Option(help="fs, of the runs at constant energy")] = "1,2,4",
    duration: Annotated[float, typer.Option(help="ps, of each run")] = 2.0,
    timestep: Annotated[float, typer.Option(help="fs, of the other runs")] = 2.0,
    npt: Annotated[bool, typer.Option("--npt/--no-npt", help="also a run at no pressure")] = True,
    width: Annotated[float, typer.Option(help="Å, least width of the supercell")] = 10.0,
    seed: Annotated[int, typer.Option(help="of velocities and thermostat")] = 1,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Conservation of energy against the time step, stability at a temperature, RDF, MSD, diffusion, VACF."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import sections
    from qallegro.validation.dynamics import run_all

    steps = numbers(timesteps, "--timesteps")
    for name, value in (("--temperature", temperature), ("--duration", duration), ("--timestep", timestep), ("--width", width)):
        if not 0.0 < value < float("inf"):
            raise ConfigError(f"`{name}` must be above 0, got {value:g}")
    work = Work(file, structure, "md", output, engine, threads)
    crystal = work.relaxed()
    with work.progress() as advance:
        found = run_all(
            crystal.atoms,
            work.calculator,
            temperature,
            steps,
            1e3 * duration,
            timestep,
            ("nvt", "npt") if npt else ("nvt",),
            width,
            seed,
            advance,
        )
    work.finish(sections.dynamics_section(*found, temperature))


def heat_flux(
    structure: StructureText,
    file: ModelFile,
    atoms: Annotated[int, typer.Option(help="of the cluster")] = 30,
    output: Output = None,
) -> None:
    """Check in LAMMPS that per-atom virials are those that the Green-Kubo formula needs."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import heat_flux, sections

    if atoms < 4:
        raise ConfigError(f"`--atoms` must be 4 or more, got {atoms}")
    work = Work(file, structure, "heat-flux", output)
    crystal = work.relaxed()
    with work.console.status("running LAMMPS ..."):
        found = heat_flux.compute_heat_flux(crystal.atoms, work.file, work.species, atoms)
    work.finish(sections.heat_flux_section(found))
