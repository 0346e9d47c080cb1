"""`qallegro quantum analyze`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def analyze(
    file: Annotated[Path, typer.Argument(help="checkpoint (model.pth), exported file, or description of a circuit (.yaml)")],
    plots: Annotated[Path | None, typer.Option("--plots", help="also draw plots into this folder")] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="also write all numbers as JSON")] = None,
    seeds: Annotated[int, typer.Option(help="seeds of random angles and inputs")] = 5,
    skip: Annotated[list[str] | None, typer.Option(help="leave out drawing, zx, fisher, fourier or plateaus; may be repeated")] = None,
) -> None:
    """Structure, light cones, ZX reduction, Fisher information, Fourier series and gradient variances of a circuit."""
    import json
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from qallegro.cli.write import write_text
    from qallegro.errors import ConfigError
    from qallegro.quantum.analysis.report import report
    from qallegro.quantum.analysis.run import analyze as run
    from qallegro.quantum.analysis.run import num_steps
    from qallegro.quantum.analysis.source import open_circuit

    circuit = open_circuit(file)
    skipped = frozenset(skip or ())
    if json_output is not None and not json_output.parent.is_dir():
        raise ConfigError(f"`--json` must name a file in a folder that exists, got `{json_output}`")
    console = Console()
    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=num_steps(circuit.config, skipped, plots is not None))
        started = False

        def advance(step: str) -> None:
            nonlocal started
            progress.update(task, description=step, advance=1 if started else 0)
            started = True

        result = run(circuit, seeds=seeds, skip=skipped, plots=plots, advance=advance)
    console.print(circuit.origin, style="bold", highlight=False)
    if "drawing" not in skipped:
        from qallegro.quantum.analysis.drawing import draw_text

        console.print(draw_text(circuit.config, max(console.width, 60)), markup=False, highlight=False, soft_wrap=True)
    for part in report(result):
        console.print(part, highlight=False)
    for path in result["plots"]:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    if json_output is not None:
        write_text(json_output, json.dumps(result, indent=1, allow_nan=False) + "\n", "--json")
        console.print(f"wrote {json_output}", highlight=False, soft_wrap=True)
    console.print(f"took {time.monotonic() - start:.0f} s", highlight=False)
