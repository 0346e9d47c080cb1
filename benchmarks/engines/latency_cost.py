"""What measuring the phases of every step costs: levels of `latency` run side by side in LAMMPS and in ASE, on one core.

A turn starts all levels anew and lets them alternate in segments of a tenth of a second, so that a machine that drifts slows all alike.
"""

import argparse
import contextlib
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
from lammps_session import LammpsSession
from lammps_timing import Potential, advance, prepare
from quantum_layer_benchmark import machine

#: a level may cost at most this share of the time of `off`
GOAL = 0.01
LEVELS = {"LAMMPS": ("off", "summary", "trace"), "ASE": ("off", "summary")}
#: steps that do not count, and of the trial that says how many fill a segment
WARMUP, TRIAL = 20, 50
#: samples of the bootstrap and its seed; of the samples, between the ends of an interval
SAMPLES, SEED, CONFIDENCE = 10000, 4711, 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=["S", "M"])
    parser.add_argument("--atoms", nargs="+", type=int, default=[108, 500], help="4 k^3 each")
    parser.add_argument("--turns", type=int, default=7, help="how often everything is started anew")
    parser.add_argument("--segments", type=int, default=16, help="of each level in a turn")
    parser.add_argument("--seconds", type=float, default=0.1, help="that a segment should take")
    parser.add_argument("-o", "--output", type=Path, default=Path("latency_cost"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    settings = {key: getattr(arguments, key) for key in ("turns", "segments", "seconds")}
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": settings,
        "rows": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        files = ModelFiles(Path(folder), None)
        for size in arguments.sizes:
            model = files.exported(size, "float32", "allegro")
            for atoms in arguments.atoms:
                cells_of(atoms)
                for program, begin in (("LAMMPS", _in_lammps), ("ASE", _in_ase)):
                    row = {"program": program, "size": size, "atoms": atoms}
                    record["rows"].append(row | _compare(LEVELS[program], begin, (model, atoms, Path(folder)), arguments))
                    print(_line(record["rows"][-1]), file=sys.stderr, flush=True)
    text = "\n".join(_lines(record)) + "\n"
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    print(text)


def _compare(levels: tuple[str, ...], begin: Any, what: tuple[Path, int, Path], arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds a step of every turn, level and segment; of each level against `off` the ratio of every turn, its median and interval."""
    steps, times = 0, []
    for _ in range(arguments.turns):
        with begin(levels, *what) as run:
            for level in levels:
                run(level, WARMUP)
            steps = steps or max(5, round(arguments.seconds * TRIAL / run("off", TRIAL)))
            found: dict[str, list[float]] = {level: [] for level in levels}
            for segment in range(arguments.segments):
                for level in levels if segment % 2 == 0 else levels[::-1]:
                    found[level].append(run(level, steps) / steps)
            times.append(found)
    ratios = {level: [float(np.median(np.divide(turn[level], turn["off"]))) for turn in times] for level in levels[1:]}
    return {"steps": steps, "seconds_a_step": times, "ratios": ratios, "cost": {level: _interval(r) for level, r in ratios.items()}}


def _interval(ratios: list[float]) -> dict[str, float]:
    """Median of `ratios` - 1 and the ends of its interval, by bootstrap over turns."""
    drawn = np.median(np.random.default_rng(SEED).choice(ratios, (SAMPLES, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [0.5 * (1.0 - CONFIDENCE), 0.5 * (1.0 + CONFIDENCE)])
    return {"median": float(np.median(ratios)) - 1.0, "low": float(low) - 1.0, "high": float(high) - 1.0}


@contextlib.contextmanager
def _in_lammps(levels: tuple[str, ...], model: Path, atoms: int, folder: Path):
    """A process for every level; those that wait for a command take no time."""
    with contextlib.ExitStack() as stack:
        sessions = {level: stack.enter_context(LammpsSession(Path(sys.executable).with_name("lmp"))) for level in levels}
        for level, session in sessions.items():
            words = {"off": "latency off", "summary": "", "trace": f"latency {folder / 'out.json'} latency trace"}[level]
            pair = f"pair_style qallegro engine native threads 1 {words}\npair_coeff * * {model.absolute()} Cu\n"
            prepare(session, Potential(pair, {}), atoms, rebuild_every=1000)
        yield lambda level, steps: advance(sessions[level], atoms, steps)["loop"]


@contextlib.contextmanager
def _in_ase(levels: tuple[str, ...], model: Path, atoms: int, folder: Path):
    """A calculator for every level in this process."""
    from ase import units
    from ase.md.verlet import VelocityVerlet
    from qallegro_ase import QAllegroCalculator

    from copper_crystal import displaced

    dynamics = {}
    for level in levels:
        structure = displaced(atoms)
        structure.set_momenta(np.zeros_like(structure.positions))  # random weights do not hold a crystal: nobody moves far from rest
        structure.calc = QAllegroCalculator(model, engine="native", device="cpu", threads=1, latency=level)
        dynamics[level] = VelocityVerlet(structure, timestep=1e-3 * units.fs)

    def run(level: str, steps: int) -> float:
        start = time.perf_counter()
        dynamics[level].run(steps)
        return time.perf_counter() - start

    yield run


def _lines(record: dict[str, Any]) -> list[str]:
    return [
        f"Goal: `summary` costs at most {100 * GOAL:g} % of the time of `off`. Medians over {record['settings']['turns']} turns, "
        f"{100 * CONFIDENCE:g} % bootstrap intervals in brackets.",
        "",
        "| | size | atoms | off, µs a step | summary | trace |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in record["rows"]),
    ]


def _line(row: dict[str, Any]) -> str:
    off = 1e6 * float(np.median([turn["off"] for turn in row["seconds_a_step"]]))
    costs = [row["cost"].get(level) for level in ("summary", "trace")]
    shown = [f"{100 * c['median']:+.2f} % ({100 * c['low']:+.2f} to {100 * c['high']:+.2f})" if c else "-" for c in costs]
    return f"| {row['program']} | {row['size']} | {row['atoms']} | {off:.0f} | {' | '.join(shown)} |"


if __name__ == "__main__":
    main()
