"""`qallegro plan`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def plan(
    atoms: Annotated[int, typer.Option(help="in the whole box; with --weak of every rank")],
    model: Annotated[Path, typer.Option(help="exported file")],
    ranks: Annotated[str, typer.Option(help="numbers of MPI ranks, as in 1,16,256")],
    density: Annotated[float | None, typer.Option(help="atoms/Å^3; by default that of the training set")] = None,
    timestep: Annotated[float, typer.Option(help="fs")] = 1.0,
    report: Annotated[list[Path] | None, typer.Option(help="latency report of a LAMMPS run with this model; may be repeated")] = None,
    network_latency: Annotated[float, typer.Option(help="seconds a message")] = 2e-6,
    network_bandwidth: Annotated[float, typer.Option(help="bytes/s that a rank can send")] = 1e10,
    skin: Annotated[float | None, typer.Option(help="Å, of the neighbor list  [default: that of the reports, else 2]")] = None,
    neigh_every: Annotated[int, typer.Option(help="steps from one neighbor list to the next")] = 10,
    imbalance: Annotated[float, typer.Option(help="atoms of the fullest rank over those of the average one")] = 1.05,
    weak: Annotated[bool, typer.Option("--weak", help="weak scaling: every rank has --atoms atoms")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="also write all numbers as JSON")] = None,
    plot: Annotated[Path | None, typer.Option(help="also draw efficiency and ns/day against ranks (.png, .pdf, .svg)")] = None,
) -> None:
    """Predict speed, parallel efficiency and memory of a LAMMPS run on many ranks."""
    import json

    from rich.console import Console

    from qallegro.cli.write import check_folder, write_text
    from qallegro.errors import ConfigError
    from qallegro.scaling.plan import Request, make_plan
    from qallegro.scaling.show import describe_plan, draw_plan
    from qallegro.whole_file import whole_file

    try:
        numbers = [int(word) for word in ranks.split(",")]
    except ValueError:
        raise ConfigError(f"`--ranks` must be whole numbers with commas between them, such as 1,16,256, got `{ranks}`") from None
    for option, path in (("-o", output), ("--plot", plot)):
        if path is not None:
            check_folder(path.parent, option)
    if plot is not None and plot.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"`--plot` must end in .png, .pdf or .svg, got `{plot}`")
    made = make_plan(
        Request(
            atoms=atoms,
            model=model,
            ranks=numbers,
            density=density,
            timestep=timestep,
            reports=tuple(report or ()),
            network_latency=network_latency,
            network_bandwidth=network_bandwidth,
            skin=skin,
            rebuild_every=neigh_every,
            imbalance=imbalance,
            weak=weak,
        )
    )
    console = Console()
    console.print(describe_plan(made), highlight=False, soft_wrap=False)
    if output is not None:
        write_text(output, json.dumps(made.as_record(), indent=1, allow_nan=False) + "\n", "-o")
        console.print(f"wrote {output}", highlight=False, soft_wrap=True)
    if plot is not None:
        try:
            with whole_file(plot) as temporary:
                draw_plan(made, temporary)
        except OSError as error:
            raise ConfigError(f"`--plot` must name a file that can be written, got `{plot}`: {error.strerror}") from error
        console.print(f"wrote {plot}", highlight=False, soft_wrap=True)
