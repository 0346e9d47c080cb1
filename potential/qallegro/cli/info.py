"""`qallegro info`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def info(
    file: Annotated[Path, typer.Argument(help="exported file (.qallegro.pth, .qallegro.pt2) or checkpoint (model.pth)")],
    json_output: Annotated[bool, typer.Option("--json", help="print the whole record as JSON")] = False,
) -> None:
    """Print what a file says of itself."""
    import json

    from rich.console import Console

    from qallegro.export.describe import describe_file, describe_record

    record = describe_file(file)
    if json_output:
        typer.echo(json.dumps(record, indent=2))
    else:
        Console().print(describe_record(record))
