"""One measurement of the peer through its own ASE calculator, in this process. Reads a request from its argument.

The loop is the call of the model alone, without neighbor list, integrator or conversions: less than what the candidates of qallegro do.
"""

import json
import os
import sys
import time
from typing import Any

import torch
from nequip.integrations.ase import NequIPCalculator

from copper_crystal import displaced
from process_memory import own_memory


def measure(model: str, threads: int, n_atoms: int, steps: int, warmup: int, segments: int = 1) -> dict[str, Any]:
    """As `lammps_timing.measure`; `pair` equals `loop`."""
    calculator = open_calculator(model)
    data = calculator.atoms_to_data(displaced(n_atoms))
    for _ in range(warmup):
        calculator.call_model(data)
    memory = [own_memory()]
    loop, cpu = 0.0, 0.0
    for segment in range(segments):
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(steps * (segment + 1) // segments - steps * segment // segments):
            calculator.call_model(data)
        loop += time.perf_counter() - start
        cpu += time.process_time() - cpu_start
        memory.append(own_memory())
    known = [m for m in memory if m is not None]
    return {
        "loop": loop,
        "pair": loop,
        "neighbor": 0.0,
        "communication": 0.0,
        "builds": 0,
        "cpu_use": cpu / loop,
        "peak_memory": known[-1]["peak"] if known else None,
        "resident": [m["resident"] for m in known],
        "description": f"{threads} thread{'s' if threads > 1 else ''}, libtorch {torch.__version__}",
    }


def evaluate(model: str, threads: int, n_atoms: int) -> dict[str, Any]:
    """Energy and forces of the displaced crystal."""
    atoms = displaced(n_atoms)
    atoms.calc = open_calculator(model)
    return {"energy": float(atoms.get_potential_energy()), "forces": atoms.get_forces().tolist()}


def open_calculator(model: str) -> NequIPCalculator:
    return NequIPCalculator.from_compiled_model(model, device="cpu", chemical_species_to_atom_type_map=True)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answer
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    print(json.dumps({"measure": measure, "evaluate": evaluate}[request.pop("do")](**request)), file=answers, flush=True)
