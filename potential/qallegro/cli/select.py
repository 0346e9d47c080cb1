"""`qallegro select`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer

#: that fix qallegro/extrapolation writes
SCORE_COLUMNS = ("force_deviation", "novelty", "distance_below_training", "neighbors_outside_training")


def select(
    files: Annotated[list[Path], typer.Argument(help="structures to choose from, such as dumps of fix qallegro/extrapolation")],
    model: Annotated[Path, typer.Option(help="checkpoint model.pth whose latent features tell environments apart")],
    output: Annotated[Path, typer.Option("-o", "--output", help="extended XYZ file of what was chosen, most needed first")],
    count: Annotated[int, typer.Option("-n", "--count", help="structures to choose, at most")] = 20,
    known: Annotated[
        list[Path] | None, typer.Option(help="structures that are labelled already, such as the training set; may repeat")
    ] = None,
    above: Annotated[
        float | None, typer.Option(help="look only at atoms whose score in the file, `force_deviation` (eV/Å) or `novelty`, exceeds this")
    ] = None,
) -> None:
    """Choose what to label next: structures whose environments lie farthest from all that is known or chosen (farthest-point selection)."""
    import ase.io
    import numpy as np
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from qallegro.cli.write import check_folder
    from qallegro.data.readers import structures
    from qallegro.errors import ConfigError, DataError
    from qallegro.uncertainty.environments import EnvironmentSpace
    from qallegro.uncertainty.farthest import farthest_structures
    from qallegro.uncertainty.latents import Latents
    from qallegro.whole_file import whole_file

    if count < 1:
        raise ConfigError(f"`--count` must be 1 or more, got {count}")
    if output.suffix not in (".xyz", ".extxyz"):
        raise ConfigError(f"`--output` must end in .xyz or .extxyz, got `{output}`")
    check_folder(output.parent, "--output")
    console = Console()
    latents = Latents.of_checkpoint(model)
    frames, places, n_candidates = [], [], 0
    for number, path in enumerate([*files, *(known or [])]):
        for index, atoms in structures(path):
            frames.append(atoms)
            places.append((path, index))
            n_candidates += number < len(files)
    if n_candidates == 0:
        raise DataError(f"there must be structures to choose from, got none in {', '.join(f'`{path}`' for path in files)}")
    steps = iter(track(range(len(frames)), description="environments", console=console, transient=True))
    space = EnvironmentSpace(latents, frames, lambda: next(steps, None))
    masks: list[np.ndarray | None] = [None] * n_candidates
    if above is not None:
        for k in range(n_candidates):
            column = next((name for name in SCORE_COLUMNS if name in frames[k].arrays), None)
            if column is None:
                path, index = places[k]
                raise DataError(
                    f"`--above` needs one of the columns {', '.join(SCORE_COLUMNS)}, `{path}`, frame {index}, has none; leave `--above` out"
                )
            masks[k] = frames[k].arrays[column] > above
    covered = [space.environments(k) for k in range(n_candidates, len(frames))]
    candidates = [space.environments(k, masks[k]) for k in range(n_candidates)]
    chosen = farthest_structures(candidates, count, np.concatenate(covered) if covered else None)
    if not chosen.indices:
        raise DataError("at least one environment must be new, got none: all candidates are known, or none exceeds `--above`")

    table = Table(title=f"{len(chosen.indices)} of {n_candidates} structures", title_justify="left")
    for column in ("", "file", "frame", "atoms", "distance"):
        table.add_column(column, justify="left" if column == "file" else "right")
    picked = []
    for number, (k, distance) in enumerate(zip(chosen.indices, chosen.distances, strict=True), 1):
        path, index = places[k]
        table.add_row(str(number), path.name, str(index), str(len(frames[k])), "–" if np.isinf(distance) else f"{distance:.3g}")
        atoms = frames[k].copy()
        atoms.calc = frames[k].calc
        atoms.info |= {"selected_from": f"{path.name}@{index}"}
        picked.append(atoms)
    console.print(table)
    console.print(
        f"the farthest environment left lies at {chosen.remaining:.3g} (in units of the spread of all environments)", highlight=False
    )
    try:
        with whole_file(output) as temporary:
            ase.io.write(temporary, picked, format="extxyz")
    except OSError as error:
        raise ConfigError(f"`--output` must name a file that can be written, got `{output}`: {error.strerror}") from error
    console.print(f"wrote {output}", highlight=False)
