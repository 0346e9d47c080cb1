"""One measurement in a process of its own: `python -m qallegro.latency.bench_worker REQUEST`, a JSON object; the answer is the last line.

An answer is {"report": ...}, {"description": ..., "edges": n} beside an array of forces, or {"error": text}.
"""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np

from qallegro.errors import QAllegroError
from qallegro.latency.bench_motion import SKIN, TIMESTEP_FS, Springs, displaced

#: Steps between lines of progress of `calc.latency.attach`: none is wanted
_NEVER = 10**9


def run_ase(model: str, engine: str, device: str, threads: int, sites: ase.Atoms, steps: int, warmup: int) -> dict[str, Any]:
    """Molecular dynamics with `QAllegroCalculator`, whole steps measured. Returns the latency report."""
    from ase import units
    from ase.md.verlet import VelocityVerlet

    from qallegro_ase import QAllegroCalculator

    calculator = QAllegroCalculator(model, engine=engine, device=device, threads=threads, skin=SKIN)
    atoms = displaced(sites)
    atoms.calc = calculator
    atoms.set_constraint(Springs(sites.positions.copy(), calculator))
    dynamics = VelocityVerlet(atoms, timestep=TIMESTEP_FS * units.fs)
    calculator.latency.attach(dynamics, interval=_NEVER, file=io.StringIO())
    dynamics.run(warmup)
    calculator.latency.reset()
    dynamics.run(steps)
    return calculator.latency.summary()


def run_raw(model: str, engine: str, device: str, threads: int, sites: ase.Atoms, steps: int, warmup: int) -> dict[str, Any]:
    """The runtime alone on edges that stay as they are. Returns the latency report."""
    from qallegro_ase._runtime import Potential
    from qallegro_ase.latency import STAGE_SAMPLING, CalculatorLatency

    potential = Potential(model, engine, device, threads, 0, STAGE_SAMPLING)
    arguments, verlet = _edges(potential, displaced(sites), threads)
    latency = CalculatorLatency("summary", model, potential)
    latency.take(verlet, len(sites), time.perf_counter())
    for k in range(warmup + steps):
        if k == warmup:
            latency.reset()
        start = time.perf_counter()
        potential.evaluate_pairs(*arguments)
        latency.take(verlet, len(sites), start)
    report = latency.summary()
    return report | {"source": "raw", "versions": {"qallegro": report["versions"]["qallegro"]}}


def forces(model: str, engine: str, device: str, threads: int, sites: ase.Atoms, output: str) -> dict[str, Any]:
    """One evaluation of the displaced structure; forces (N, 3) eV/Å go to `output` (.npy). Engine "float64" is the reference."""
    from qallegro.latency.bench_reference import float64_potential
    from qallegro_ase._runtime import Potential

    potential = float64_potential(Path(model)) if engine == "float64" else Potential(model, engine, device, threads, 0, 0)
    arguments, _ = _edges(potential, displaced(sites), threads)
    result = potential.evaluate_pairs(*arguments)
    np.save(output, result["forces"])
    return {"description": potential.description, "edges": int(potential.timings["edges"])}


def _edges(potential: Any, atoms: ase.Atoms, threads: int) -> tuple[tuple, Any]:
    """Arguments of `evaluate_pairs`, and the list they come from."""
    from qallegro_ase.species import SpeciesTable
    from qallegro_ase.verlet import VerletList

    record = potential.record
    verlet = VerletList(record["r_max"], 0.0, threads)
    pairs = verlet.update(atoms)
    types = SpeciesTable(record["atom_types"], None).types(atoms.numbers)
    cell = np.ascontiguousarray(atoms.cell.array)
    return (np.ascontiguousarray(atoms.positions), cell, pairs.pairs, pairs.shifts, types, pairs.first_edge), verlet


def ask(request: dict[str, Any], sites: Path, threads: int) -> dict[str, Any]:
    """Put a request to a worker process of its own.

    Args:
        request: "do" is forces, ase or raw; the rest are arguments of the function.
        sites: structure, a file of ASE.
        threads: OMP_NUM_THREADS of the process.
    """
    command = [sys.executable, "-m", "qallegro.latency.bench_worker", json.dumps(request | {"sites": str(sites)})]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": f"the process of engine {request['engine']} ended early: {last}"}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Answer the request in the program's argument; failures of the runtime and the calculator become answers too."""
    request = json.loads(sys.argv[1])
    sites = ase.io.read(request.pop("sites"))
    do = request.pop("do")
    try:
        if do == "forces":
            answer = forces(sites=sites, **request)
        else:
            answer = {"report": {"ase": run_ase, "raw": run_raw}[do](sites=sites, **request)}
    except (QAllegroError, RuntimeError, ValueError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
