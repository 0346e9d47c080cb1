"""What every verb of `qallegro validate` does around its work: open, relax, show, write."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ase
from ase.calculators.calculator import CalculatorError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from qallegro.cli.write import check_folder, write_text
from qallegro.errors import ConfigError, ModelError, QAllegroError
from qallegro.validation.forces import Advance, KeptForces, ase_forces
from qallegro.validation.references import references_for
from qallegro.validation.relaxation import Relaxed, as_given, relax_crystal
from qallegro.validation.report_card import number
from qallegro.validation.section import Section, to_json
from qallegro.validation.structures import check_crystal, check_species, conventional, cubic_lattice, open_structure

#: structures a run of LAMMPS takes at a time, after which their forces are kept
LAMMPS_BATCH = 8
#: Å, least width of a supercell for force constants
LEAST_WIDTH = 10.0


class Work:
    """One verb's potential, crystal and folder.

    Args:
        file: exported file.
        structure: path or name; None where the verb needs no crystal.
        verb: for the name of the folder.
        output: folder, or None for the default one.

    Raises:
        QAllegroError: anything in this is wrong.
    """

    def __init__(
        self, file: Path, structure: str | None, verb: str, output: Path | None, engine: str | None = None, threads: int | None = None
    ) -> None:
        from qallegro_ase import QAllegroCalculator

        if not file.is_file():
            raise ModelError(f"FILE must be an exported file, there is no `{file}`; `qallegro export model.pth` writes one")
        self.console = Console()
        self.file, self.engine, self.threads = file, engine, threads
        with translated():
            # Dynamics and relaxation move atoms; a skin lets neighbor lists last. Nobody reads the phases here.
            self.calculator = QAllegroCalculator(file, engine=engine, threads=threads, latency="off")
            record = self.calculator.record
        self.species, self.r_max = list(record["atom_types"]), float(record["r_max"])
        self.start: ase.Atoms | None = None
        name = "-".join(self.species)
        if structure is not None:
            self.start = open_structure(structure)
            check_crystal(self.start)
            check_species(self.start, self.species)
            self.start = conventional(self.start)
            name = self.start.get_chemical_formula()
        self.folder = output or Path("validation") / f"{verb}-{name}"
        check_folder(self.folder, "--output", make=True)

    def relaxed(self, fmax: float = 1e-3, relax: bool = True) -> Relaxed:
        """The crystal at rest, or as it is."""
        with translated(), self.console.status("relaxing ..."):
            crystal = relax_crystal(self.start, self.calculator, fmax) if relax else as_given(self.start, self.calculator)
        lengths = " x ".join(f"{length:.4f}" for length in crystal.atoms.cell.lengths())
        self.console.print(
            f"{crystal.atoms.get_chemical_formula()}, {crystal.space_group} ({crystal.space_group_number}), {lengths} Å, "
            f"{crystal.energy / len(crystal.atoms):.5f} eV/atom, {'relaxed in ' + str(crystal.steps) + ' steps' if relax else 'as given'}",
            highlight=False,
            soft_wrap=True,
        )
        return crystal

    def known(self, crystal: Relaxed) -> dict[str, Any]:
        """Values of the literature for this crystal."""
        return references_for(crystal.atoms.get_chemical_symbols(), cubic_lattice(crystal.atoms))

    def forces(self, by: str = "ase") -> KeptForces:
        """Forces of displaced supercells, kept in the folder.

        Raises:
            ConfigError: neither `ase` nor `lammps`.
        """
        from qallegro.validation.lammps_forces import lammps_forces

        potential = f"{hashlib.sha256(self.file.read_bytes()).hexdigest()} {self.engine} {by}"
        if by == "ase":
            return KeptForces(self.folder / "forces", ase_forces(self.calculator), potential)
        if by == "lammps":
            source = lammps_forces(self.file, self.species, self.engine, self.threads)
            return KeptForces(self.folder / "forces", source, potential, LAMMPS_BATCH)
        raise ConfigError(f"`--forces` must be ase or lammps, got `{by}`")

    def supercell(self, crystal: Relaxed, text: str | None, option: str = "--supercell") -> tuple[int, ...]:
        """Repeats that the user asked for, or wide ones."""
        from qallegro.cli.validate_options import integers
        from qallegro.validation.phonons import supercell_for

        return supercell_for(crystal.atoms, max(2.0 * self.r_max, LEAST_WIDTH)) if text is None else integers(text, option, 3)

    @contextmanager
    def progress(self) -> Iterator[Advance]:
        """A bar; errors of the calculator become ours."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with translated(), Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task("", total=None)
            yield lambda what, done, total: progress.update(task, description=what, completed=min(done, total), total=total)

    def finish(self, *sections: Section) -> None:
        """Show sections and write them: one JSON for each, and its pictures."""
        for section in sections:
            show(section, self.console)
            self.write(section)

    def write(self, section: Section) -> None:
        """JSON and pictures of a section."""
        path = self.folder / f"{section.name}.json"
        record = {
            "model": str(self.file),
            "structure": None if self.start is None else self.start.get_chemical_formula(),
            **section.record(),
        }
        write_text(path, to_json(record), "--output")
        written = [path]
        from qallegro.latency.plot_style import save

        for name, figure in section.figures.items():
            picture = self.folder / f"{name}.png"
            self.attempt(lambda figure=figure, picture=picture: save(figure, picture))
            written.append(picture)
        self.tell(written)

    def attempt(self, write: Callable[[], Any]) -> Any:
        """Do something that writes into the folder.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            return write()
        except OSError as error:
            raise ConfigError(f"`--output` must name a folder that can be written to, got `{self.folder}`: {error.strerror}") from error

    def tell(self, paths: list[Path]) -> None:
        """Say what was written."""
        self.console.print(f"wrote {', '.join(str(path) for path in paths)}", highlight=False, soft_wrap=True)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the calculator of ASE as ours: one message, no traceback.

    Raises:
        QAllegroError: with the calculator's message.
    """
    try:
        yield
    except CalculatorError as error:
        raise QAllegroError(str(error)) from error


def show(section: Section, console: Console) -> None:
    """A table with the literature beside it."""
    table = Table(title=section.title, title_justify="left")
    referenced = any(row.references for row in section.rows)
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_column("unit")
    if referenced:
        table.add_column("reference", justify="right")
        table.add_column("deviation", justify="right")
    sources = list(dict.fromkeys(reference.source for row in section.rows for reference in row.references))
    for row in section.rows:
        cells = [row.quantity, number(row.value), row.unit]
        if referenced:
            cells.append(", ".join(f"{number(r.value)} [{sources.index(r.source) + 1}]" for r in row.references))
            cells.append("" if row.deviation is None else f"{row.deviation:+.1%}")
        table.add_row(*(cell.replace("[", "\\[") for cell in cells))
    console.print(table)
    for place, source in enumerate(sources, 1):
        console.print(f"[{place}] {source}", highlight=False, markup=False, soft_wrap=True)
    for note in section.notes:
        console.print(note, highlight=False, markup=False, style="dim")
    for warning in section.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False, soft_wrap=True)
