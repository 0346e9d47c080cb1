"""One measurement through ASE, in the environment of the candidate: molecular dynamics with its own calculator in this process.

Reads a request from its argument. Prints a line when the first step is done and one with the results.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "engines"))

import numpy as np  # noqa: E402
from ase import Atoms, units  # noqa: E402
from ase.md.verlet import VelocityVerlet  # noqa: E402

from copper_crystal import SPRING, TIMESTEP, at_sites, displaced  # noqa: E402
from process_memory import own_memory  # noqa: E402


class HeldAtSites:
    """Takes the place of the calculator's forces once they have been computed: springs to the sites, as in benchmarks/engines.

    Args:
        sites: (N, 3) Å.
    """

    def __init__(self, sites: np.ndarray) -> None:
        self._sites = sites

    def __deepcopy__(self, memo: dict) -> "HeldAtSites":
        # A calculator keeps a copy of its atoms, and ASE copies constraints along: the sites never change.
        return self

    def adjust_positions(self, atoms: Atoms, positions: np.ndarray) -> None:
        """ASE asks for it."""

    def adjust_forces(self, atoms: Atoms, forces: np.ndarray) -> None:
        forces[:] = SPRING * (self._sites - atoms.positions)

    def adjust_potential_energy(self, atoms: Atoms) -> float:
        """Its presence makes ASE call `adjust_forces` in molecular dynamics."""
        return 0.5 * SPRING * float(np.sum((self._sites - atoms.positions) ** 2))


class Clock:
    """Seconds spent in the functions that it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable) -> Callable:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def qallegro(file: str, sites: np.ndarray, rebuild_every: int) -> tuple[Any, Any, Callable[[], float]]:
    """Calculator, constraint, and the seconds that packing, engine and scattering have taken so far."""
    from qallegro_ase import QAllegroCalculator

    from ase_timing import Springs

    calculator = QAllegroCalculator(file, engine="native", device="cpu", threads=1)
    # These springs make the calculator build its list as often as LAMMPS does.
    springs = Springs(sites, calculator, rebuild_every)
    return calculator, springs, lambda: sum(calculator.timings[name] for name in ("pack", "engine", "scatter"))


def nequip_allegro(file: str, sites: np.ndarray, rebuild_every: int) -> tuple[Any, Any, Callable[[], float]]:
    """As `qallegro`; the seconds are those of its model alone. Its calculator builds its list every step."""
    import torch
    from nequip.integrations.ase import NequIPCalculator

    torch.set_num_threads(1)
    calculator = NequIPCalculator.from_compiled_model(file, device="cpu", chemical_species_to_atom_type_map=True)
    clock = Clock()
    calculator.call_model = clock.around(calculator.call_model)
    return calculator, HeldAtSites(sites), lambda: clock.seconds


def mace(file: str, sites: np.ndarray, rebuild_every: int) -> tuple[Any, Any, Callable[[], float]]:
    """As `nequip_allegro`."""
    import torch
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    calculator = MACECalculator(model_paths=file, device="cpu", default_dtype="float32")
    clock = Clock()
    for model in calculator.models:
        model.forward = clock.around(model.forward)
    return calculator, HeldAtSites(sites), lambda: clock.seconds


OPENERS = {"qallegro": qallegro, "nequip-allegro": nequip_allegro, "mace": mace}


def measure(peer: str, file: str, n_atoms: int, steps: int, warmup: int, rebuild_every: int, tell: Callable[[dict], None]) -> None:
    """Time of `steps` steps after the first one and `warmup` more; the results go to `tell`.

    Results: s of the dynamics and, of these, of the model alone; CPU use (1 is one core); peak memory in bytes.
    """
    calculator, constraint, model_seconds = OPENERS[peer](file, at_sites(n_atoms).positions, rebuild_every)
    atoms = displaced(n_atoms)
    atoms.calc = calculator
    atoms.set_constraint(constraint)
    dynamics = VelocityVerlet(atoms, timestep=1000.0 * TIMESTEP * units.fs)
    dynamics.run(1)
    tell({"first_step": True})
    dynamics.run(warmup)
    before, start, cpu_start = model_seconds(), time.perf_counter(), time.process_time()
    dynamics.run(steps)
    loop, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    memory = own_memory()
    tell(
        {
            "loop": loop,
            "model": model_seconds() - before,
            "cpu_use": cpu / loop,
            "peak_memory": memory["peak"] if memory else None,
        }
    )


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    measure(**json.loads(sys.argv[1]), tell=lambda answer: print(json.dumps(answer), file=answers, flush=True))
