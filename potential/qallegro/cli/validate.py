"""`qallegro validate phonon|elastic|eos|qha|thermal-conductivity`: parse, call, print."""

from typing import Annotated

import typer

from qallegro.cli.validate_options import (
    Displacement,
    Engine,
    Fmax,
    ForcesBy,
    ModelFile,
    Output,
    Relax,
    StructureText,
    Supercell,
    Threads,
    integers,
    numbers,
)


def phonon(
    structure: StructureText,
    file: ModelFile,
    supercell: Supercell = None,
    displacement: Displacement = 0.01,
    forces: ForcesBy = "ase",
    reference: Annotated[
        str | None, typer.Option(help="frames with one displaced atom and DFT forces; a slice may follow, as in frames.xyz@5")
    ] = None,
    converge: Annotated[bool, typer.Option("--converge", help="also compare smaller supercells and other displacements")] = False,
    relax: Relax = True,
    fmax: Fmax = 1e-4,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Phonon bands, density of states, thermal properties; phonopy.yaml and FORCE_SETS."""
    from qallegro.cli.validate_run import Work
    from qallegro.validation import phonon_reference, phonons, sections
    from qallegro.validation.elastic import in_gpa
    from qallegro.validation.relaxation import STRESS_TOLERANCE

    work = Work(file, structure, "phonon", output, engine, threads)
    frames = None if reference is None else phonon_reference.read_reference(reference)
    source = work.forces(forces)
    crystal = work.relaxed(fmax, relax)
    repeats = work.supercell(crystal, supercell)
    doubts = phonons.check_supercell(crystal.atoms, repeats, displacement, work.r_max)
    stress = in_gpa(float(abs(crystal.stress).max()))
    if stress > STRESS_TOLERANCE:
        doubts.append(f"the crystal is under stress, {stress:.3g} GPa: these are phonons under pressure or strain")
    compared = errors = None
    with work.progress() as advance:
        if frames is not None:
            used = phonon_reference.nearest_to_rest(frames)
            compared = phonon_reference.phonons_of_frames(used, crystal.atoms)
            errors = phonon_reference.force_errors(used, work.calculator)
        found = phonons.compute_phonons(crystal.atoms, source, repeats, displacement, advance=advance)
        rows = []
        if converge:
            smaller = [tuple(max(n - k, 1) for n in repeats) for k in (2, 1, 0)]
            chosen = [
                one
                for one in dict.fromkeys(smaller)
                if min(n * h for n, h in zip(one, crystal.atoms.cell.lengths(), strict=True)) >= work.r_max
            ]
            rows = phonons.converge(crystal.atoms, source, chosen, (displacement, 0.5 * displacement, 2.0 * displacement), advance)
    work.finish(sections.phonon_section(found, work.known(crystal), compared, errors, doubts))
    if rows:
        work.finish(sections.convergence_section(rows))
    work.tell(work.attempt(lambda: phonons.write_phonopy(found, work.folder)))


def elastic(
    structure: StructureText,
    file: ModelFile,
    strain: Annotated[float, typer.Option(help="size of the strains, both signs")] = 0.005,
    relax: Relax = True,
    fmax: Fmax = 1e-3,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Elastic constants, stability, moduli of polycrystals; in GPa."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import elastic, sections

    if not 0.0 < strain <= 0.05:
        raise ConfigError(f"`--strain` must be above 0 and at most 0.05, got {strain:g}; 0.002 to 0.01 suit most crystals")
    work = Work(file, structure, "elastic", output, engine, threads)
    crystal = work.relaxed(fmax, relax)
    with work.progress() as advance:
        found = elastic.compute_elastic(crystal, work.calculator, strain, fmax, advance)
    work.finish(sections.elastic_section(found, work.known(crystal)))


def eos(
    structure: StructureText,
    file: ModelFile,
    span: Annotated[float, typer.Option("--range", help="largest relative change of volume")] = 0.06,
    points: Annotated[int, typer.Option(help="volumes")] = 11,
    fmax: Fmax = 1e-3,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Equation of state: volume, bulk modulus and its derivative by the Birch-Murnaghan equation."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import equation_of_state, sections

    if not 0.0 < span < 0.5 or points < 5:
        raise ConfigError(f"`--range` must lie between 0 and 0.5 and `--points` be 5 or more, got {span:g} and {points}")
    work = Work(file, structure, "eos", output, engine, threads)
    crystal = work.relaxed(fmax)
    with work.progress() as advance:
        found = equation_of_state.compute_equation_of_state(crystal, work.calculator, span, points, fmax, advance)
    work.finish(sections.equation_of_state_section(found, work.known(crystal)))


def qha(
    structure: StructureText,
    file: ModelFile,
    supercell: Supercell = None,
    displacement: Displacement = 0.01,
    forces: ForcesBy = "ase",
    span: Annotated[str, typer.Option("--range", help="relative changes of volume, below and above")] = "0.03,0.06",
    points: Annotated[int, typer.Option(help="volumes, five or more")] = 7,
    highest: Annotated[float, typer.Option("--temperature", help="K, highest")] = 800.0,
    fmax: Fmax = 1e-4,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Thermal expansion, Gibbs energy and bulk modulus against temperature (quasi-harmonic)."""
    from qallegro.cli.validate_run import Work
    from qallegro.errors import ConfigError
    from qallegro.validation import phonons, quasi_harmonic, sections

    ends = numbers(span, "--range")
    if len(ends) != 2 or max(ends) >= 0.5 or points < 5 or not highest >= 50.0:
        raise ConfigError(
            f"`--range` must be two numbers below 0.5, `--points` 5 or more, `--temperature` 50 K or more, got {span}, "
            f"{points}, {highest:g}"
        )
    work = Work(file, structure, "qha", output, engine, threads)
    source = work.forces(forces)
    crystal = work.relaxed(fmax)
    repeats = work.supercell(crystal, supercell)
    doubts = phonons.check_supercell(crystal.atoms, repeats, displacement, work.r_max)
    with work.progress() as advance:
        found = quasi_harmonic.compute_quasi_harmonic(
            crystal, work.calculator, source, repeats, displacement, (-ends[0], ends[1]), points, highest, fmax, advance
        )
    section = sections.quasi_harmonic_section(found)
    section.warnings.extend(doubts)
    work.finish(section)


def thermal_conductivity(
    structure: StructureText,
    file: ModelFile,
    supercell: Supercell = None,
    displacement: Displacement = 0.03,
    forces: ForcesBy = "ase",
    mesh: Annotated[str, typer.Option(help="wave vectors along each axis")] = "11,11,11",
    temperatures: Annotated[str, typer.Option(help="K")] = "100,200,300,400,500,600,700,800",
    cutoff: Annotated[float | None, typer.Option(help="Å, pairs of displaced atoms farther apart are left out")] = None,
    fmax: Fmax = 1e-4,
    output: Output = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    r"""Lattice thermal conductivity by phono3py (`pip install qallegro\[phono3py]`)."""
    from qallegro.validation.conductivity import check_phono3py, compute_conductivity

    check_phono3py()
    from qallegro.cli.validate_run import Work
    from qallegro.validation import phonons, sections

    wanted, kelvin = integers(mesh, "--mesh", 3), numbers(temperatures, "--temperatures")
    work = Work(file, structure, "thermal-conductivity", output, engine, threads)
    source = work.forces(forces)
    crystal = work.relaxed(fmax)
    repeats = work.supercell(crystal, supercell)
    doubts = phonons.check_supercell(crystal.atoms, repeats, displacement, work.r_max)
    with work.progress() as advance:
        found = compute_conductivity(crystal.atoms, source, repeats, wanted, displacement, kelvin, cutoff, advance)
    section = sections.conductivity_section(found)
    section.warnings.extend(doubts)
    work.finish(section)
