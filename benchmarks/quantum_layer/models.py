"""The models that are compared: one body, four heads."""

from typing import Any

import numpy as np
from ase.data import atomic_numbers

from qallegro.data.batch import Batch
from qallegro.data.frame import Frame
from qallegro.data.neighbors import neighbor_table
from qallegro.data.sample import collate, make_sample
from qallegro.export.peer_weights import config_from_peer
from qallegro.model.build import build_potential
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from speed_benchmark import R_MAX, make_case

#: the paper's circuit: 4 qubits, one encoding of 4 features about Z, depth 1, Y measured
CIRCUIT = {"num_qubits": 4, "num_features": 4, "depth": 1, "encoding_axis": "Z", "observables": "Y"}
#: width of the fully connected layer after the circuit, and of the second hidden layer of the perceptron
WIDTH = 32

#: name -> (heading, what the variant changes). `mlp` has the widths of `qdi`: 4 features, 4 values in the middle, 32 before the final MLP
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "allegro": ("Allegro", {}),
    "mlp": (f"+MLP [4, {WIDTH}]", {"variant": "allegro_mlp", "hidden_mlp": {"num_features": 4, "widths": [4, WIDTH]}}),
    "mlp_wide": (f"+MLP [{WIDTH}, {WIDTH}]", {"variant": "allegro_mlp", "hidden_mlp": {"num_features": 4, "widths": [WIDTH, WIDTH]}}),
    "qdi": ("+QDI", {"variant": "allegro_qdi", "qdi": {"circuit": CIRCUIT, "width": WIDTH}}),
}


def model_config(case: str, size: str, head: str, dtype: str = "float32") -> ModelConfig:
    """A size of benchmarks/training_speed with a head."""
    plain = config_from_peer(make_case(case).config(size, dtype)).model_dump(mode="json")
    return ModelConfig.model_validate({**plain, **HEADS[head][1]})


def make_potential(case: str, size: str, head: str, dtype: str = "float32") -> Potential:
    """With random weights, on which times do not depend."""
    return build_potential(model_config(case, size, head, dtype), seed=1)


def make_batch(case: str) -> Batch:
    """The structures of benchmarks/training_speed with their random labels, as the trainer's data path makes batches."""
    chosen = make_case(case)
    type_of = np.zeros(120, dtype=np.int64)
    for index, symbol in enumerate(chosen.species):
        type_of[atomic_numbers[symbol]] = index
    samples = []
    for index, atoms in enumerate(chosen.frames):
        energy, forces, stress = chosen.energies[index], chosen.forces[index], np.full((3, 3), np.nan)
        frame = Frame(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, energy, forces, stress, case, index)
        table = neighbor_table(frame.positions, frame.cell, frame.pbc, R_MAX)
        samples.append(make_sample(frame, type_of, table, R_MAX))
    return collate(samples)
