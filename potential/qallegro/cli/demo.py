"""`qallegro demo`: parse, call, exit code."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    name: Annotated[str, typer.Argument(metavar="INPUT", help="`ethanol` (xTB data made on the spot) or `cu_li` (DFT data)")] = "ethanol",
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for everything the demo writes")] = Path("demo_output"),
    train_time: Annotated[str, typer.Option(help="how long to train")] = "150s",
    seed: Annotated[int, typer.Option(help="of sampling, training and MD")] = 1,
) -> None:
    """The whole main job on reference data: train, export, run in LAMMPS and ASE, plot."""
    from qallegro.demo.run import run_demo

    run_demo(output, name, train_time, seed)
