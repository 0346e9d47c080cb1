"""The exported files that the LAMMPS tests run, each with an independent reference; a new model joins by one entry of MODELS."""

import functools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np
import torch

from lammps_systems import SYSTEMS
from systems import make_batch, tiny_config
from toy_export import ToyResult, toy_reference, write_toy_file

# Each ordered pair of types has a cutoff of its own, the center's side differing from the neighbor's.
PAIR_CUTOFFS = [[4.0, 3.4], [3.7, 3.1]]


class Tolerance(NamedTuple):
    """Absolute: per-atom energies in eV, forces in eV/Å, per-atom virials in eV."""

    energy: float
    force: float
    virial: float


# Both sides in float64 differ by the order of a few hundred additions.
FLOAT64 = Tolerance(1e-10, 1e-10, 1e-10)
# A float32 network rounds differently in blocks of other shapes; edges of up to 4 Å enlarge that in virials.
FLOAT32 = Tolerance(5e-6, 5e-5, 2e-4)


class Model(NamedTuple):
    """`write(path)` makes the file, `reference(atoms)` evaluates the same potential by other code."""

    write: Callable[[Path], Path]
    reference: Callable[[ase.Atoms], ToyResult]
    tolerance: Tolerance
    r_max: float = 4.0


@functools.cache
def allegro(configuration: str, dtype: str):
    """A small Allegro with random weights, by the name of its configuration in `systems`."""
    from qallegro.model.build import build_potential

    return build_potential(tiny_config(configuration, dtype=dtype), seed=3)


def write_allegro(configuration: str, dtype: str, path: Path) -> Path:
    """Save and export that Allegro."""
    from qallegro.export.exporter import export_model
    from qallegro.model.checkpoint import save_model

    checkpoint = path.with_suffix(".checkpoint")
    save_model(checkpoint, allegro(configuration, dtype), {"made_by": "tests"})
    return export_model(checkpoint, path).path


def eager_reference(configuration: str, dtype: str, atoms: ase.Atoms) -> ToyResult:
    """That Allegro in Python, over ASE's neighbor list."""
    from qallegro.model.potential import EdgeGradients

    potential = allegro(configuration, dtype)
    batch = make_batch([atoms], potential.config)
    prediction = potential.predict(batch)
    gradients = EdgeGradients(potential.network)(batch.types, batch.types[batch.neighbors], batch.edge_vectors)[1].detach()
    edge_virials = -torch.einsum("nka,nkb->nkab", batch.edge_vectors, gradients)
    centroid = torch.zeros(len(atoms), 3, 3, dtype=torch.float64)
    centroid.index_add_(0, batch.neighbors.flatten(), edge_virials.flatten(0, 1))
    halves = 0.5 * (edge_virials.sum(1) + centroid)
    arrays = (prediction.per_atom_energy, prediction.forces, prediction.virial[0], halves, centroid)
    return ToyResult(float(prediction.energy[0].detach()), *(np.asarray(array.detach()) for array in arrays))


def allegro_model(configuration: str, dtype: str, tolerance: Tolerance) -> Model:
    return Model(partial(write_allegro, configuration, dtype), partial(eager_reference, configuration, dtype), tolerance)


MODELS: dict[str, Model] = {
    "toy": Model(write_toy_file, toy_reference, FLOAT64),
    "toy_pair_cutoffs": Model(partial(write_toy_file, cutoffs=PAIR_CUTOFFS), partial(toy_reference, cutoffs=PAIR_CUTOFFS), FLOAT64),
    "allegro": allegro_model("default", "float64", FLOAT64),
    "allegro_typed_cutoffs": allegro_model("typed_cutoffs", "float64", FLOAT64),
    "allegro_float32": allegro_model("default", "float32", FLOAT32),
    "allegro_qdi": allegro_model("qdi", "float64", FLOAT64),
    "allegro_qdi_float32": allegro_model("qdi", "float32", FLOAT32),
}


@functools.cache
def systems() -> dict[str, ase.Atoms]:
    """Every system by name, made once."""
    return {name: make() for name, make in SYSTEMS.items()}


@functools.cache
def references() -> dict[tuple[str, str], ToyResult]:
    """(model, system) -> the reference's results."""
    return {(m, s): model.reference(atoms) for m, model in MODELS.items() for s, atoms in systems().items()}
