"""`qallegro bench`: parse, call, print. `run` is what it does without a verb."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup


class RunByDefault(TyperGroup):
    """`bench FILE` means `bench run FILE`."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        """Put the verb in where there is none."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="exported files (.qallegro.pth, .qallegro.pt2)")],
    engine: Annotated[str, typer.Option(help="native, torchscript, aoti (with commas), or all that run the file")] = "all",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N")] = "cpu",
    programs: Annotated[str, typer.Option("--in", help="lammps, ase, raw (the runtime on edges that stay), with commas")] = "lammps",
    sizes: Annotated[str | None, typer.Option(help="approximate numbers of atoms, like 100,1000,10000  [default: 500]")] = None,
    repeat: Annotated[int | None, typer.Option(help="instead of sizes: cells along each direction")] = None,
    structure: Annotated[Path | None, typer.Option(help="any file of ASE, instead of an fcc crystal of the model's species")] = None,
    ranks: Annotated[str, typer.Option(help="MPI ranks in LAMMPS, like 1,2")] = "1",
    threads: Annotated[str, typer.Option(help="threads of a rank, like 1,2")] = "1",
    steps: Annotated[int, typer.Option(help="steps of a turn, after a warmup")] = 50,
    turns: Annotated[int, typer.Option(help="turns of every candidate")] = 3,
    output: Annotated[Path, typer.Option("-o", "--output", help="results; plots are written beside it")] = Path("bench.json"),
) -> None:
    """Real dynamics in each engine, program, size and layout in turns: medians, spread, accuracy, phases."""
    import json

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from qallegro.cli.write import check_folder, write_text
    from qallegro.errors import ConfigError
    from qallegro.latency import bench_run
    from qallegro.latency.bench_plots import plot_bench
    from qallegro.latency.bench_tables import bench_tables

    check_folder(output.parent, "--output")
    settings = bench_run.Settings(
        files=files,
        engines=_words(engine),
        programs=_words(programs),
        sizes=None if sizes is None else _integers(sizes, "--sizes"),
        repeat=repeat,
        structure=structure,
        ranks=_integers(ranks, "--ranks"),
        threads=_integers(threads, "--threads"),
        steps=steps,
        turns=turns,
        device=device,
    )
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def advance(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        bench = bench_run.run(settings, advance)
    for part in bench_tables(bench):
        console.print(part, highlight=False)
    write_text(output, json.dumps(bench, indent=1, allow_nan=False) + "\n", "--output")
    try:
        paths = plot_bench(bench, output)
    except OSError as error:
        raise ConfigError(f"`--output` must lead into a folder where plots can be written, got `{output}`: {error.strerror}") from error
    for path in (output, *paths):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def compare(
    first: Annotated[Path, typer.Argument(help="a benchmark (.json)")],
    second: Annotated[Path, typer.Argument(help="another, of the same candidates or some of them")],
) -> None:
    """Ratios of two benchmarks' medians, second to first, with 95 % intervals over turns: below 1 the second is faster."""
    from rich.console import Console

    from qallegro.latency.bench_compare import compare, read_bench
    from qallegro.latency.bench_tables import comparison_table

    rows = compare(read_bench(first), read_bench(second))
    Console().print(comparison_table(rows, first, second), highlight=False)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _integers(text: str, option: str) -> list[int]:
    from qallegro.errors import ConfigError

    try:
        numbers = [int(word) for word in _words(text)]
    except ValueError:
        numbers = []
    if not numbers:
        raise ConfigError(f"`{option}` must be whole numbers separated by commas, got {text!r}")
    return list(dict.fromkeys(numbers))
