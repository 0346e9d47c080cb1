"""Training samples for the scale of novelty: rattled alloys, without labels."""

import numpy as np
from ase import Atoms

from lammps_systems import alloy
from qallegro.data.neighbors import neighbor_table
from qallegro.data.sample import Sample
from qallegro.model.config import ModelConfig


def rattled_alloys(count: int, amplitude: float = 0.1, lattice_constant: float = 3.8) -> list[Atoms]:
    """Each of another seed; amplitude and lattice constant in Å."""
    structures = []
    for seed in range(count):
        atoms = alloy(lattice_constant=lattice_constant)
        atoms.rattle(amplitude, seed=seed)
        structures.append(atoms)
    return structures


def samples_of(structures: list[Atoms], config: ModelConfig) -> list[Sample]:
    """Training samples without labels."""
    made = []
    for atoms in structures:
        types = np.array([config.atom_types.index(s) for s in atoms.get_chemical_symbols()])
        table = neighbor_table(atoms.positions, atoms.cell.array, atoms.pbc, config.r_max, types, np.array(config.cutoffs()))
        nothing = np.full((len(atoms), 3), np.nan)
        made.append(Sample(types, table, config.r_max, np.nan, np.nan, nothing, np.full((3, 3), np.nan)))
    return made
