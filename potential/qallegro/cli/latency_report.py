"""`qallegro latency report`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    files: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="reports that LAMMPS, ASE or `qallegro bench` wrote (.json)")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the page")] = Path("report.html"),
    markdown: Annotated[Path | None, typer.Option("--markdown", help="also write the table for papers here")] = None,
) -> None:
    """One HTML page of runs, with their phases, ranks, speed and memory, and a Markdown table."""
    from qallegro.cli.write import check_folder, write_text
    from qallegro.latency.reports import read_report

    check_folder(output.parent, "--output")
    if markdown is not None:
        check_folder(markdown.parent, "--markdown")
    reports = [read_report(file) for file in files]

    from qallegro.latency.page import html_page, markdown_table

    write_text(output, html_page(reports, [str(file) for file in files]), "--output")
    typer.echo(f"wrote {output}")
    if markdown is not None:
        write_text(markdown, markdown_table(reports), "--markdown")
        typer.echo(f"wrote {markdown}")
