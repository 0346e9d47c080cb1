"""What it costs to tell the novelty of atoms along with their forces: an exported file with and without it, taking turns.

OMP_NUM_THREADS=1 python benchmarks/uncertainty/novelty_cost.py cu.qallegro.pth --atoms 500
"""

import argparse
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
from ase.build import bulk

from qallegro.latency.bench_systems import repeats_for
from qallegro_ase import _runtime
from qallegro_ase.species import SpeciesTable
from qallegro_ase.verlet import VerletList


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="exported file of a model that was trained with a release that keeps novelty")
    parser.add_argument("--structure", type=Path, help="repeated to the number of atoms; a cube of the file's first species if not given")
    parser.add_argument("--atoms", type=int, default=500)
    parser.add_argument("--turns", type=int, default=60)
    options = parser.parse_args()
    potential = _runtime.Potential(options.file, "native", "cpu", 1, 0, 0)
    if not potential.knows_novelty:
        sys.exit(f"error: the file must hold a scale of novelty, got `{options.file}` without one; train and export it with this release")
    base = ase.io.read(options.structure) if options.structure else bulk(potential.record["atom_types"][0], cubic=True)
    atoms = base.repeat(repeats_for(base, options.atoms))
    atoms.rattle(0.05, seed=1)
    pairs = VerletList(potential.record["r_max"], 0.0, 1).update(atoms)
    types = SpeciesTable(potential.record["atom_types"], None).types(atoms.numbers)
    cell = np.ascontiguousarray(atoms.cell.array)
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(options.turns):
        for wanted, taken in times.items():
            started = time.perf_counter()
            potential.evaluate_pairs(atoms.positions, cell, pairs.pairs, pairs.shifts, types, pairs.first_edge, want_novelty=wanted)
            taken.append(time.perf_counter() - started)
    without, told = (1e6 * float(np.median(taken)) / len(atoms) for taken in times.values())
    print(f"{potential.description}; {len(atoms)} atoms, medians of {options.turns} turns")
    print(f"{without:.2f} µs an atom without, {told:.2f} with novelty: {told / without:.3f}")


if __name__ == "__main__":
    main()
