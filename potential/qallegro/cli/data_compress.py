"""`qallegro data compress`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def compress(
    files: Annotated[list[Path], typer.Argument(help="structures of one element, any format of ASE")],
    output: Annotated[Path, typer.Option("-o", "--output", help="extended XYZ file of what stays, in the order of the files")],
    fraction: Annotated[float, typer.Option(help="share of the structures that stays")] = 0.5,
    method: Annotated[str, typer.Option(help="msc (minimum set cover), fps (farthest points) or random")] = "msc",
    seed: Annotated[int, typer.Option(help="of --method random")] = 0,
    outliers: Annotated[int, typer.Option(help="how many of the most unusual structures to list")] = 5,
) -> None:
    """Shrink a training set with little loss of coverage (package quests), and list what is unlike all the rest."""
    import math

    import ase.io
    from rich.console import Console
    from rich.table import Table

    from qallegro.cli.write import check_folder
    from qallegro.data.readers import structures
    from qallegro.errors import ConfigError
    from qallegro.uncertainty.compression import compress_structures
    from qallegro.whole_file import whole_file

    if not 0.0 < fraction <= 1.0:
        raise ConfigError(f"`--fraction` must be above 0 and at most 1, got {fraction:g}")
    if output.suffix not in (".xyz", ".extxyz"):
        raise ConfigError(f"`--output` must end in .xyz or .extxyz, got `{output}`")
    check_folder(output.parent, "--output")
    frames, places = [], []
    for path in files:
        for index, atoms in structures(path):
            frames.append(atoms)
            places.append((path, index))
    console = Console()
    with console.status(f"comparing environments of {len(frames)} structures ..."):
        found = compress_structures(frames, math.ceil(fraction * len(frames)), method, seed)
    console.print(f"{len(found.indices)} of {len(frames)} structures stay, {sum(len(frames[k]) for k in found.indices)} of "
                  f"{sum(map(len, frames))} environments", highlight=False)  # fmt: skip
    console.print(
        f"entropy {found.entropy:.3f} of {found.full_entropy:.3f} nats; {found.covered:.1%} of all environments are covered",
        highlight=False,
    )
    unusual = sorted(range(len(frames)), key=lambda k: -found.novelty[k])[: max(outliers, 0)]
    if unusual:
        table = Table(title="unlike all others", title_justify="left")
        for column in ("file", "frame", "atoms", "differential entropy (nats)"):
            table.add_column(column, justify="left" if column == "file" else "right")
        for k in unusual:
            table.add_row(places[k][0].name, str(places[k][1]), str(len(frames[k])), f"{found.novelty[k]:.2f}")
        console.print(table)
    try:
        with whole_file(output) as temporary:
            ase.io.write(temporary, [frames[k] for k in sorted(found.indices)], format="extxyz")
    except OSError as error:
        raise ConfigError(f"`--output` must name a file that can be written, got `{output}`: {error.strerror}") from error
    console.print(f"wrote {output}", highlight=False)
