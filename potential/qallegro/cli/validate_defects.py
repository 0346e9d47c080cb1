"""`qallegro validate surface|vacancy|stacking-fault|cold-curve|dimer`: parse, call, print."""

from typing import Annotated

import typer

from qallegro.cli.validate_options import Engine, Fmax, ModelFile, Output, StructureText, Threads, integers


def surface(
    structure: StructureText,
    file: ModelFile,
    miller: Annotated[str, typer.Option(help="planes, as 111,100,110")] = "111,100,110",
    thickness: Annotated[float, typer.Option(help="Å, least of a slab")] = 15.0,
    fmax: Fmax = 1e-2,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Energies of relaxed low-index surfaces, in J/m²."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import sections, surfaces

    words = miller.replace(",", " ").split()
    if not words or not all(len(word) == 3 and word.isdecimal() for word in words):
        raise ConfigError(f"`--miller` must be planes of three digits with commas between them, such as 111,100, got `{miller}`")
    if not thickness > 0:
        raise ConfigError(f"`--thickness` must be above 0 Å, got {thickness:g}")
    work = Work(file, structure, "surface", output, engine, threads)
    crystal = work.relaxed()
    planes = [tuple(int(digit) for digit in word) for word in words]
    with work.progress() as advance:
        found = surfaces.compute_surfaces(crystal, work.calculator, planes, thickness, work.r_max + 5.0, fmax, advance)
    work.finish(sections.surfaces_section(found, work.known(crystal)))


def vacancy(
    structure: StructureText,
    file: ModelFile,
    supercells: Annotated[str | None, typer.Option(help="repeats of the cubic cell, growing, as 2,3,4  [default: up to 13 Å]")] = None,
    fmax: Fmax = 1e-2,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Formation energy of a vacancy, against the size of the supercell."""
    from qallegro.cli.validate_run import Work
    from qallegro.validation import sections, vacancies

    sizes = None if supercells is None else [(n, n, n) for n in integers(supercells, "--supercells")]
    work = Work(file, structure, "vacancy", output, engine, threads)
    crystal = work.relaxed()
    with work.progress() as advance:
        found = vacancies.compute_vacancies(crystal, work.calculator, sizes, fmax, advance)
    work.finish(sections.vacancies_section(found, work.known(crystal)))


def stacking_fault(
    structure: StructureText,
    file: ModelFile,
    layers: Annotated[int | None, typer.Option(help="(111) planes between faults, a multiple of three  [default: 18 Å]")] = None,
    points: Annotated[int, typer.Option(help="shifts")] = 11,
    fmax: Fmax = 1e-2,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Intrinsic and unstable stacking fault of an fcc crystal, in mJ/m²."""
    from qallegro.cli.validate_run import Work
    from qallegro.validation import sections, stacking_faults

    work = Work(file, structure, "stacking-fault", output, engine, threads)
    crystal = work.relaxed()
    with work.progress() as advance:
        found = stacking_faults.compute_stacking_fault(crystal, work.calculator, layers, max(points, 3), fmax, advance)
    work.finish(sections.stacking_fault_section(found, work.known(crystal)))


def cold_curve(structure: StructureText, file: ModelFile, output: Output = None, engine: Engine = None, threads: Threads = None) -> None:
    """Energy of the crystal from compressed to torn: minima that should not be, and collapse."""
    from qallegro.cli.validate_run import Work
    from qallegro.validation import energy_curves, sections

    work = Work(file, structure, "cold-curve", output, engine, threads)
    crystal = work.relaxed()
    with work.progress() as advance:
        found = energy_curves.compute_cold_curve(crystal, work.calculator, advance=advance)
    work.finish(sections.curves_section("cold-curve", "Cold curve", [found], "eV/atom"))


def dimer(
    file: ModelFile,
    pair: Annotated[list[str] | None, typer.Option(help="such as Cu-Li; may be repeated  [default: all]")] = None,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Energy of two atoms in vacuum, for every pair of species: minima that should not be, and collapse."""
    from itertools import combinations_with_replacement

    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import energy_curves, sections

    work = Work(file, None, "dimer", output, engine, threads)
    pairs = [tuple(text.split("-")) for text in pair] if pair else list(combinations_with_replacement(work.species, 2))
    for one in pairs:
        if len(one) != 2 or not set(one) <= set(work.species):
            raise ConfigError(f"`--pair` must be two species of the model, {', '.join(work.species)}, with a dash, got `{'-'.join(one)}`")
    with work.progress() as advance:
        reach = (0.6, work.r_max + 0.5)
        found = [energy_curves.compute_dimer(*one, work.calculator, reach, advance=advance) for one in pairs]
    work.finish(sections.curves_section("dimer", "Pairs in vacuum", found, "eV"))
