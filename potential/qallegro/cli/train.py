"""`qallegro train`: parse, call, print."""

import os
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
    table.add_column("meaning", overflow="fold")
    for key in config_keys():
        table.add_row(key.name, key.default.strip("`"), key.meaning.replace("`", ""))
    Console().print(table, markup=False)
    raise typer.Exit


def train(
    config: Annotated[
        str | None, typer.Argument(help="configuration in YAML, see docs/training.md; with --preset also a file of structures")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="changes such as training.batch_size=8; with --preset also more files", metavar="KEY=VALUE"),
    ] = None,
    run: Annotated[Path | None, typer.Option("-o", "--output", help="run folder (default: runs/CONFIG)")] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="quick or accurate: model and schedule, below what the configuration says")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the run's last checkpoint")] = False,
    members: Annotated[
        int | None, typer.Option(help="train a committee of so many models, with other seeds, in FOLDER/member_0 and so on")
    ] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="print the configuration and stop")] = False,
    keys: Annotated[
        bool, typer.Option("--keys", callback=_keys, is_eager=True, help="list every key of the configuration and stop")
    ] = False,
) -> None:
    """Train a potential; the run folder keeps everything it gives."""
    words = [word for word in (config, *(overrides or [])) if word is not None]
    files, changes = _sorted(words)
    if not files and not (preset and print_config):
        raise typer.BadParameter("a configuration must be given, or --preset with files of structures", param_hint="CONFIG")
    from_yaml = bool(files) and (preset is None or Path(files[0]).suffix.lower() in (".yaml", ".yml"))
    if from_yaml and len(files) > 1:
        raise typer.BadParameter(f"an override must look like training.batch_size=8, got {files[1]!r}", param_hint="KEY=VALUE")

    from rich.console import Console

    from qallegro.cli.warn import show_warnings
    from qallegro.training.load_config import check_config, read_content, starts_from_model, with_overrides
    from qallegro.training.presets import content_for_files

    if from_yaml:
        content = read_content(files[0], changes, preset)
    else:
        content = with_overrides(content_for_files(preset, files, not starts_from_model({}, changes)), changes, Path.cwd())
    checked = check_config(content, files[0] if files else f"--preset {preset}")
    if print_config:
        import yaml

        typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip())
        return
    console = Console()
    show_warnings()
    # Reading a configuration is quick, torch and Lightning are not: errors in it come first.
    from qallegro.training.committee import train_committee
    from qallegro.training.run import train as train_run

    name = Path(files[0]).stem if from_yaml else Path(files[0]).name.partition(".")[0]
    folder = run or Path("runs") / name
    if members is None:
        train_run(checked, folder, resume, console)
    else:
        train_committee(checked, folder, members, resume, console)
        console.print(f"to run it: qallegro export {folder}, then all files in one `pair_coeff` or QAllegroCalculator", highlight=False)


def _sorted(words: list[str]) -> tuple[list[str], list[str]]:
    """Files, and changes of keys; a file's name may hold an equals sign."""
    # Not Path.is_file, which raises where a change is longer than names of files may be.
    files = [word for word in words if "=" not in word or os.path.isfile(word)]
    return files, [word for word in words if word not in files]
