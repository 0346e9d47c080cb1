"""Arguments and options that the verbs of `qallegro validate` share."""

from pathlib import Path
from typing import Annotated

import typer

StructureText = Annotated[str, typer.Argument(metavar="STRUCTURE", help="file of ASE, or a name: Cu, Cu:bcc (sc, fcc, bcc, diamond)")]
ModelFile = Annotated[Path, typer.Argument(metavar="FILE", help="exported file (.qallegro.pth, .qallegro.pt2)")]
Engine = Annotated[str | None, typer.Option(help="native, torchscript or aoti  [default: the fastest that runs the file]")]
Threads = Annotated[int | None, typer.Option(help="CPU threads  [default: OMP_NUM_THREADS, else 1]")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="folder of results  [default: validation/VERB-FORMULA]")]
Relax = Annotated[bool, typer.Option("--relax/--no-relax", help="relax atoms and cell first, symmetry kept")]
Fmax = Annotated[float, typer.Option(help="eV/Å, largest force of a relaxed crystal")]
Supercell = Annotated[
    str | None, typer.Option(help="repeats of the conventional cell, as 3,3,3  [default: twice the cutoff wide, 10 Å or more]")
]
Displacement = Annotated[float, typer.Option(help="Å")]
ForcesBy = Annotated[str, typer.Option("--forces", help="ase or lammps")]


def integers(text: str, option: str, count: int | None = None) -> tuple[int, ...]:
    """Whole numbers with commas or blanks between them.

    Raises:
        ConfigError: something else, or not `count` of them.
    """
    from qallegro.errors import ConfigError

    try:
        found = tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        found = ()
    if not found or (count is not None and len(found) != count):
        many = "" if count is None else f"{count} "
        raise ConfigError(f"`{option}` must be {many}whole numbers with commas between them, got `{text}`")
    return found


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Positive numbers with commas or blanks between them.

    Raises:
        ConfigError: something else.
    """
    from qallegro.errors import ConfigError

    try:
        found = tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        found = ()
    if not found or not all(0.0 < number < float("inf") for number in found):
        raise ConfigError(f"`{option}` must be positive numbers with commas between them, got `{text}`")
    return found
