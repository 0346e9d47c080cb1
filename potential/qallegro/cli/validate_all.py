"""`qallegro validate all`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer

from qallegro.cli.validate_options import Engine, ModelFile, Threads


def validate_all(
    file: ModelFile,
    structure: Annotated[str, typer.Option(help="file of ASE, or a name: Cu, Cu:bcc (sc, fcc, bcc, diamond)")],
    reference: Annotated[str | None, typer.Option(help="frames with one displaced atom and DFT forces, for the phonons")] = None,
    temperature: Annotated[float, typer.Option(help="K, of the dynamics")] = 300.0,
    duration: Annotated[float, typer.Option(help="ps, of each run of the dynamics")] = 2.0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="folder  [default: validation/all-FORMULA]")] = None,
    engine: Engine = None,
    threads: Threads = None,
) -> None:
    """Everything that suits the crystal, summed up in a report card, as an HTML page and as a PDF."""
    from itertools import combinations_with_replacement

    from qallegro.cli.validate_run import Work, show
    from qallegro.cli.write import write_text
    from qallegro.errors import QAllegroError
    from qallegro.validation import (
        dynamics,
        elastic,
        energy_curves,
        equation_of_state,
        heat_flux,
        phonon_reference,
        phonons,
        sections,
        stacking_faults,
        surfaces,
        vacancies,
    )
    from qallegro.validation.report_card import report_card
    from qallegro.validation.report_pdf import report_pdf
    from qallegro.validation.structures import cubic_lattice
    from qallegro.whole_file import write_bytes

    work = Work(file, structure, "all", output, engine, threads)
    frames = None if reference is None else phonon_reference.nearest_to_rest(phonon_reference.read_reference(reference))
    crystal = work.relaxed(1e-4)
    known, calculator = work.known(crystal), work.calculator
    element = len(set(crystal.atoms.numbers)) == 1

    def phonon(advance):
        repeats = work.supercell(crystal, None)
        compared = None if frames is None else phonon_reference.phonons_of_frames(frames, crystal.atoms)
        errors = None if frames is None else phonon_reference.force_errors(frames, calculator)
        found = phonons.compute_phonons(crystal.atoms, work.forces(), repeats, advance=advance)
        work.attempt(lambda: phonons.write_phonopy(found, work.folder))
        return sections.phonon_section(found, known, compared, errors)

    def pairs(advance):
        reach = (0.6, work.r_max + 0.5)
        every = combinations_with_replacement(work.species, 2)
        return sections.curves_section(
            "dimer", "Pairs in vacuum", [energy_curves.compute_dimer(*one, calculator, reach, advance=advance) for one in every], "eV"
        )

    def motion(advance):
        found = dynamics.run_all(crystal.atoms, calculator, temperature, (1.0, 2.0, 4.0), 1e3 * duration, advance=advance)
        return sections.dynamics_section(*found, temperature)

    jobs = {
        "eos": lambda a: sections.equation_of_state_section(
            equation_of_state.compute_equation_of_state(crystal, calculator, advance=a), known
        ),
        "elastic": lambda a: sections.elastic_section(elastic.compute_elastic(crystal, calculator, advance=a), known),
        "phonon": phonon,
        "surface": lambda a: sections.surfaces_section(
            surfaces.compute_surfaces(crystal, calculator, vacuum=work.r_max + 5.0, advance=a), known
        ),
        "vacancy": lambda a: sections.vacancies_section(vacancies.compute_vacancies(crystal, calculator, advance=a), known),
        "stacking-fault": lambda a: sections.stacking_fault_section(
            stacking_faults.compute_stacking_fault(crystal, calculator, advance=a), known
        ),
        "cold-curve": lambda a: sections.curves_section(
            "cold-curve", "Cold curve", [energy_curves.compute_cold_curve(crystal, calculator, advance=a)], "eV/atom"
        ),
        "dimer": pairs,
        "md": motion,
        "heat-flux": lambda a: sections.heat_flux_section(heat_flux.compute_heat_flux(crystal.atoms, file, work.species)),
    }
    if not element:
        del jobs["vacancy"]
    if cubic_lattice(crystal.atoms) != "fcc":
        del jobs["stacking-fault"]
    done, skipped = [], []
    for name, job in jobs.items():
        try:
            with work.progress() as advance:
                section = job(advance)
        except QAllegroError as error:
            work.console.print(f"{name}: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
            skipped.append((name, str(error)))
            continue
        show(section, work.console)
        work.write(section)
        done.append(section)
    atoms = crystal.atoms
    about = [
        f"{file.name}: {calculator.description}, cutoff {work.r_max:g} Å, species {' '.join(work.species)}.",
        f"{atoms.get_chemical_formula()}, {crystal.space_group} ({crystal.space_group_number}), "
        f"{' x '.join(f'{length:.4f}' for length in atoms.cell.lengths())} Å, {crystal.energy / len(atoms):.5f} eV/atom.",
    ]
    title = f"Report card: {file.name} on {atoms.get_chemical_formula()}"
    page, document = work.folder / "report_card.html", work.folder / "report_card.pdf"
    write_text(page, report_card(title, about, done, skipped), "--output")
    content = report_pdf(title, about, done, skipped)
    work.attempt(lambda: write_bytes(document, content))
    work.tell([page, document])
    if not done:
        raise QAllegroError("at least one workflow must succeed for a report card, none has: see the messages above")
