"""One measurement through ASE: molecular dynamics with `QAllegroCalculator` in this process. Reads a request from its argument."""

import json
import sys
import time
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from qallegro_ase import QAllegroCalculator

from copper_crystal import SPRING, TIMESTEP, at_sites, displaced
from process_memory import own_memory


class Springs:
    """Takes the place of the calculator's forces once they have been computed, as `fix setforce` and `fix spring/self` do in LAMMPS.

    Args:
        sites: (N, 3) Å, where the springs hold the atoms.
        calculator: gets a new neighbor list every `rebuild_every` steps.
    """

    def __init__(self, sites: np.ndarray, calculator: QAllegroCalculator, rebuild_every: int) -> None:
        self.neighbor_seconds, self.builds = 0.0, 0
        self._sites, self._calculator, self._rebuild_every, self._moves = sites, calculator, rebuild_every, 0

    def __deepcopy__(self, memo: dict) -> "Springs":
        # A calculator keeps a copy of its atoms, and ASE copies constraints along: here that would be the calculator itself.
        return self

    def adjust_positions(self, atoms: Atoms, positions: np.ndarray) -> None:
        self._moves += 1
        if self._moves % self._rebuild_every == 0:
            self.collect()
            # Another skin by a billionth of an Å makes the calculator drop its list, here where the atoms move anyway.
            skin = self._calculator.parameters.skin
            self._calculator.set(skin=skin + 1e-9)

    def adjust_forces(self, atoms: Atoms, forces: np.ndarray) -> None:
        forces[:] = SPRING * (self._sites - atoms.positions)

    def adjust_potential_energy(self, atoms: Atoms) -> float:
        """Its presence makes ASE call `adjust_forces` in molecular dynamics."""
        return 0.5 * SPRING * float(np.sum((self._sites - atoms.positions) ** 2))

    def collect(self) -> None:
        """Add up what the present list has taken."""
        timings = self._calculator.timings
        self.neighbor_seconds += timings["neighbor_list"]
        self.builds += int(timings["neighbor_list_builds"])


def measure(
    model: str, engine: str | None, threads: int, n_atoms: int, steps: int, warmup: int, rebuild_every: int, segments: int = 1
) -> dict[str, Any]:
    """As `lammps_timing.measure`; `pair` is what the calculator's own clock says of packing, engine and scattering."""
    calculator = QAllegroCalculator(model, engine=engine, device="cpu", threads=threads)
    atoms = displaced(n_atoms)
    springs = Springs(at_sites(n_atoms).positions, calculator, rebuild_every)
    atoms.calc = calculator
    atoms.set_constraint(springs)
    dynamics = VelocityVerlet(atoms, timestep=1000.0 * TIMESTEP * units.fs)
    dynamics.run(warmup)
    springs.collect()
    memory = [own_memory()]
    before, neighbor_seconds, builds = calculator.timings, springs.neighbor_seconds, springs.builds
    loop, cpu = 0.0, 0.0
    for segment in range(segments):
        start, cpu_start = time.perf_counter(), time.process_time()
        dynamics.run(steps * (segment + 1) // segments - steps * segment // segments)
        loop += time.perf_counter() - start
        cpu += time.process_time() - cpu_start
        memory.append(own_memory())
    springs.collect()
    after = calculator.timings
    known = [m for m in memory if m is not None]
    # The list at the start was collected once already.
    return {
        "loop": loop,
        "pair": sum(after[name] - before[name] for name in ("pack", "engine", "scatter")),
        "neighbor": springs.neighbor_seconds - neighbor_seconds - before["neighbor_list"],
        "communication": 0.0,
        "builds": springs.builds - builds - int(before["neighbor_list_builds"]),
        "cpu_use": cpu / loop,
        "peak_memory": known[-1]["peak"] if known else None,
        "resident": [m["resident"] for m in known],
        "description": calculator.description,
    }


def evaluate(model: str, engine: str | None, threads: int, n_atoms: int) -> dict[str, Any]:
    """Energy and forces of the displaced crystal."""
    atoms = displaced(n_atoms)
    atoms.calc = QAllegroCalculator(model, engine=engine, device="cpu", threads=threads)
    return {"energy": float(atoms.get_potential_energy()), "forces": atoms.get_forces().tolist()}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print(json.dumps({"measure": measure, "evaluate": evaluate}[request.pop("do")](**request)))
