"""`qallegro tune`: parse, call, print. `run` is what it does without a verb."""

from pathlib import Path
from typing import Annotated

import typer

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="folder of the study, or URL of its database")]
NameOption = Annotated[str | None, typer.Option("--study", help="name of the study, where the database has several")]


def _keys(wanted: bool) -> None:
    if not wanted:
        return
    from rich.console import Console
    from rich.table import Table

    from qallegro.tuning.reference import tuning_keys

    table = Table(title="tuning configuration", title_justify="left")
    table.add_column("key", no_wrap=True)
    table.add_column("default")
    table.add_column("meaning", overflow="fold")
    for key in tuning_keys():
        table.add_row(key.name, key.default.strip("`"), key.meaning.replace("`", ""))
    Console().print(table, markup=False)
    raise typer.Exit


def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="configuration in YAML, see docs/tuning.md")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="changes such as base.data.root=/data")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="folder of the study (default: studies/CONFIG)")] = None,
    trials: Annotated[int | None, typer.Option(help="of the study in all, in place of `trials`")] = None,
    storage: Annotated[str | None, typer.Option(help="URL of a database, in place of `storage`")] = None,
    seed: Annotated[int | None, typer.Option(help="of the sampler, in place of `seed`")] = None,
    workers: Annotated[int, typer.Option(min=0, help="processes on this machine that take trials; 0: start the study and stop")] = 1,
    keys: Annotated[
        bool, typer.Option("--keys", callback=_keys, is_eager=True, help="list every key of the configuration and stop")
    ] = False,
) -> None:
    """Start a study, or go on with it where it stands; kept in a folder or a database."""
    from rich.console import Console

    from qallegro.cli.warn import show_warnings
    from qallegro.tuning.load_config import load_tuning

    words = [f"{key}={value}" for key, value in (("trials", trials), ("seed", seed)) if value is not None]
    words += [] if storage is None else [f"storage='{storage}'"]
    checked = load_tuning(config, [*(overrides or []), *words])
    show_warnings()
    console = Console()
    # Reading a configuration is quick, torch and Optuna are not: errors in it come first.
    from qallegro.tuning.run import run_study

    run_study(checked, output or Path("studies") / config.stem, workers, console)


def worker(
    where: Annotated[str, typer.Argument(metavar="URL", help="URL of the study's database, or its folder")],
    study: NameOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="folder for this worker's trials (default: the study's)")] = None,
    data_root: Annotated[Path | None, typer.Option(help="folder of the reference data, where it lies elsewhere on this machine")] = None,
) -> None:
    """Take trials of a study that was started elsewhere; everything it needs to know is in the database."""
    from rich.console import Console

    from qallegro.cli.warn import show_warnings
    from qallegro.tuning.run import run_worker
    from qallegro.tuning.study import join

    show_warnings()
    run_worker(join(where, study, output, data_root), 1, Console())


def front(
    where: StudyArgument,
    study: NameOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write (default: STUDY/front.json)")] = None,
) -> None:
    """List the models that no other one beats in every objective; write them to front.json."""
    import json

    from rich.console import Console

    from qallegro.cli.write import write_text
    from qallegro.tuning.front import front_record
    from qallegro.tuning.show import front_table
    from qallegro.tuning.study import open_study

    opened = open_study(where, study)
    record = front_record(opened, _command())
    path = output or (opened.folder if opened.folder.is_dir() else Path()) / "front.json"
    console = Console()
    console.print(front_table(record), highlight=False)
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n", "--output")
    console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def pick(
    where: StudyArgument,
    study: NameOption = None,
    max_latency: Annotated[str | None, typer.Option(help="such as 50us or 0.1ms, an atom and step")] = None,
    max_weights: Annotated[int | None, typer.Option(help="at most so many trainable weights")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="folder to copy checkpoint and exported file to")] = None,
) -> None:
    """Choose the most accurate model of the front within limits."""
    from rich.console import Console

    from qallegro.tuning.front import front_record
    from qallegro.tuning.front import pick as chosen_of
    from qallegro.tuning.show import copy_model, front_table, parse_latency
    from qallegro.tuning.study import open_study

    limits = {} if max_latency is None else {"latency": parse_latency(max_latency)}
    limits |= {} if max_weights is None else {"weights": float(max_weights)}
    record = front_record(open_study(where, study), _command())
    chosen = chosen_of(record, limits)
    console = Console()
    console.print(front_table({**record, "models": [chosen]}), highlight=False)
    paths = (chosen["model"], chosen["exported"]) if output is None else copy_model(chosen, output)
    for path in paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def report(
    where: Annotated[list[str], typer.Argument(metavar="STUDY...", help="folders or URLs; several: the same study with other seeds")],
    study: NameOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="folder to write to (default: STUDY/report)")] = None,
) -> None:
    """Draw trade-off, hypervolume against trials, importance of variables, and attainment over several studies; and one page of all."""
    from rich.console import Console

    from qallegro.tuning.report import write_report
    from qallegro.tuning.study import open_study

    opened = [open_study(one, study) for one in where]
    for path in write_report(opened, output or opened[0].folder / "report", _command()):
        Console().print(f"wrote {path}", highlight=False, soft_wrap=True)


def _command() -> str:
    import shlex
    import sys

    return shlex.join(["qallegro", *sys.argv[1:]])
