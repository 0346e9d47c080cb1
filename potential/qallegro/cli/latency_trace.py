"""`qallegro latency trace`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def trace(
    files: Annotated[list[Path], typer.Argument(metavar="TRACE...", help="traces, one a rank (.trace.rank0.jsonl ...)")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the picture's data")] = Path("trace.json"),
) -> None:
    """Steps and phases of all ranks along time, for https://ui.perfetto.dev or chrome://tracing."""
    import json

    from qallegro.cli.write import check_folder, write_text
    from qallegro.latency.chrome_trace import trace_events

    check_folder(output.parent, "--output")
    content = trace_events(files)
    write_text(output, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n", "--output")
    events = content["traceEvents"]
    steps = sum(event.get("cat") == "step" for event in events)
    ranks = len({event["pid"] for event in events})
    counts = f"{steps} {'step' if steps == 1 else 'steps'} of {ranks} {'rank' if ranks == 1 else 'ranks'}"
    typer.echo(f"wrote {output}: {counts}; open it in https://ui.perfetto.dev")
