"""`qallegro train`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def _keys(wanted: bool) -> None:
    if not wanted:
        return
    from rich.console import Console
    from rich.table import Table

    from qallegro.training.reference import config_keys

    table = Table(title="configuration", title_justify="left")
    table.add_column("key", no_wrap=True)
    table.add_column("default")
    table.add_column("meaning")
    for key in config_keys():
        table.add_row(key.name, key.default.strip("`"), key.meaning.replace("`", ""))
    Console().print(table, markup=False)
    raise typer.Exit


def train(
    config: Annotated[Path, typer.Argument(help="configuration in YAML, see docs/training.md")],
    overrides: Annotated[list[str] | None, typer.Argument(help="changes such as training.batch_size=8", metavar="KEY=VALUE")] = None,
    run: Annotated[Path | None, typer.Option("-o", "--output", help="run folder (default: runs/CONFIG)")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the run's last checkpoint")] = False,
    keys: Annotated[
        bool, typer.Option("--keys", callback=_keys, is_eager=True, help="list every key of the configuration and stop")
    ] = False,
) -> None:
    """Train a potential; the run folder keeps everything it gives."""
    for word in overrides or []:
        if "=" not in word:
            raise typer.BadParameter(f"an override must look like training.batch_size=8, got {word!r}", param_hint="KEY=VALUE")

    from rich.console import Console

    from qallegro.cli.warn import show_warnings
    from qallegro.training.load_config import load_config

    checked = load_config(config, overrides or [])
    console = Console()
    show_warnings()
    # Reading a configuration is quick, torch and Lightning are not: errors in it come first.
    from qallegro.training.run import train as train_run

    train_run(checked, run or Path("runs") / config.stem, resume, console)
