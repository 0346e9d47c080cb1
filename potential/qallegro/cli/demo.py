"""`qallegro demo`: parse, call, exit code."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for everything the demo writes")] = Path("demo_output"),
    train_time: Annotated[str, typer.Option(help="how long to train")] = "150s",
    seed: Annotated[int, typer.Option(help="of sampling, training and MD")] = 1,
) -> None:
    """The whole main job on xTB data made on the spot: train, export, run in LAMMPS and ASE, plot."""
    from qallegro.demo.run import run_demo

    run_demo(output, train_time, seed)
