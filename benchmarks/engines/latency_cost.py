"""What measuring the phases of every step costs: levels of `latency` take turns in LAMMPS and in ASE, on one core."""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from copper_crystal import cells_of
from engine_models import ModelFiles
from lammps_timing import Layout, Potential, measure
from quantum_layer_benchmark import machine

#: a level may cost at most this share of the time of `off`
GOAL = 0.01
LEVELS = ("off", "summary", "trace")
ONE = Layout(1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=["S", "M"])
    parser.add_argument("--atoms", nargs="+", type=int, default=[108, 500], help="4 k^3 each")
    parser.add_argument("--turns", type=int, default=15, help="how often the levels take turns, one process each")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a turn should take")
    parser.add_argument("-o", "--output", type=Path, default=Path("latency_cost"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    record: dict[str, Any] = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        files = ModelFiles(Path(folder), None)
        for size in arguments.sizes:
            model = files.exported(size, "float32", "allegro")
            for atoms in arguments.atoms:
                cells_of(atoms)
                for program, run in (("LAMMPS", _in_lammps), ("ASE", _in_ase)):
                    record["rows"].append(_compare(program, size, atoms, model, run, arguments, Path(folder)))
                    print(_lines(record["rows"][-1:])[-1], file=sys.stderr)
    text = "\n".join(_lines(record["rows"], head=True)) + "\n"
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    print(text)


def _compare(program: str, size: str, atoms: int, model: Path, run: Any, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    levels = [level for level in LEVELS if program == "LAMMPS" or level != "trace"]
    steps = max(20, int(arguments.seconds * 200 / run(model, "off", atoms, 200, folder)))
    times: dict[str, list[float]] = {level: [] for level in levels}
    for turn in range(arguments.turns):
        for level in levels if turn % 2 == 0 else levels[::-1]:
            times[level].append(run(model, level, atoms, steps, folder) / steps)
    ratios = {level: (np.array(times[level]) / np.array(times["off"])).tolist() for level in levels[1:]}
    return {"program": program, "size": size, "atoms": atoms, "steps": steps, "seconds_a_step": times, "ratios": ratios}


def _in_lammps(model: Path, level: str, atoms: int, steps: int, folder: Path) -> float:
    words = {"off": "latency off", "summary": "", "trace": f"latency {folder / 'out.json'} latency trace"}[level]
    pair = f"pair_style qallegro engine native threads 1 {words}\npair_coeff * * {model.absolute()} Cu\n"
    return measure(Path(sys.executable).with_name("lmp"), Potential(pair, {}), ONE, atoms, steps, 20, 1000)["loop"]


def _in_ase(model: Path, level: str, atoms: int, steps: int, folder: Path) -> float:
    from ase import units
    from ase.md.verlet import VelocityVerlet
    from qallegro_ase import QAllegroCalculator

    from copper_crystal import displaced

    structure = displaced(atoms)
    structure.set_momenta(np.zeros_like(structure.positions))  # random weights do not hold a crystal: nobody moves far from rest
    structure.calc = QAllegroCalculator(model, engine="native", device="cpu", threads=1, latency=level)
    dynamics = VelocityVerlet(structure, timestep=1e-3 * units.fs)
    dynamics.run(20)
    start = time.perf_counter()
    dynamics.run(steps)
    return time.perf_counter() - start


def _lines(rows: list[dict[str, Any]], head: bool = False) -> list[str]:
    lines = []
    if head:
        lines += [f"Goal: `summary` costs at most {100 * GOAL:g} % of the time of `off`. Medians over turns, quartiles in brackets.", ""]
        lines += ["| | size | atoms | off, µs a step | summary | trace |", "|---|---|---|---|---|---|"]
    for row in rows:
        off = 1e6 * float(np.median(row["seconds_a_step"]["off"]))
        shown = []
        for level in LEVELS[1:]:
            ratio = row["ratios"].get(level)
            low, middle, high = 100.0 * (np.quantile(ratio, (0.25, 0.5, 0.75)) - 1.0) if ratio else (0.0, 0.0, 0.0)
            shown.append(f"{middle:+.1f} % ({low:+.1f} to {high:+.1f})" if ratio else "-")
        lines.append(f"| {row['program']} | {row['size']} | {row['atoms']} | {off:.0f} | {' | '.join(shown)} |")
    return lines


if __name__ == "__main__":
    main()
