"""Errors of a model on labelled frames, and the pairs of numbers that parity plots show."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols

from qallegro.data import checks
from qallegro.data.batch import Batch
from qallegro.data.config import Keys, Source, Units
from qallegro.data.frame import Frame
from qallegro.data.readers import read_frames
from qallegro.data.sample import Sample, collate, make_sample
from qallegro.data.table_cache import neighbor_tables
from qallegro.errors import DataError, ModelError
from qallegro.model.potential import Prediction
from qallegro.training.metrics import Errors, ErrorSums
from qallegro.training.predictors import Predictor

# Slots (atoms x neighbors) in one batch: bounds the memory of an evaluation, a few kB a slot.
MAX_SLOTS = 50_000
#: Å; closer atoms are at the same place, where directions are undefined and predictions NaN
COINCIDENT = 1e-3


class Parity(NamedTuple):
    """Labels and predictions of every labelled component, for plots."""

    energy: np.ndarray  #: (2, F) eV an atom: label, prediction
    forces: np.ndarray  #: (2, A, 3) eV/Å
    species: np.ndarray  #: (A,) type of each atom in `forces`
    stress: np.ndarray  #: (2, S, 3, 3) eV/Å^3


class Evaluation(NamedTuple):
    """Result of an evaluation."""

    errors: Errors
    parity: Parity
    atom_types: list[str]


def evaluate_file(
    predictor: Predictor,
    sources: Sequence[Source],
    keys: Keys | None = None,
    units: Units | None = None,
    min_distance: float = COINCIDENT,
    advance: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Errors of a model on the frames of data files; labels that a file lacks are left out.

    Args:
        predictor: the model.
        sources: files, with slices, keys and units of their own.
        keys, units: of files that have none of their own.
        min_distance: Å; closer atoms are refused.
        advance: called with frames done and frames in all.

    Raises:
        DataError: as in training; also if no frame has any label.
    """
    frames = [frame for source in sources for frame in read_frames(source, keys=keys, units=units)]
    if not any(frame.has(quantity) for frame in frames for quantity in ("energy", "forces", "stress")):
        raise DataError(f"frames to evaluate on must have labels, those of `{sources[0].path}` have none; name their keys")
    samples = make_samples(frames, predictor.atom_types, predictor.cutoffs, min_distance)
    return evaluate_samples(predictor, samples, advance)


def make_samples(frames: Sequence[Frame], atom_types: list[str], cutoffs: np.ndarray, min_distance: float = COINCIDENT) -> list[Sample]:
    """Frames, checked, with the neighbor tables that a model needs.

    Args:
        frames: structures, with labels or without.
        atom_types: species of the model in type order.
        cutoffs: (T, T) Å, row = centre.
        min_distance: Å; closer atoms are refused.

    Raises:
        DataError: a frame is broken, or holds a species that the model does not know.
    """
    for frame in frames:
        checks.check_frame(frame)
    checks.check_species(frames, atom_types, "the species of the model")
    type_of = np.full(len(chemical_symbols), -1, dtype=np.int64)
    type_of[[atomic_numbers[s] for s in atom_types]] = np.arange(len(atom_types))
    r_max = float(cutoffs.max())
    tables = neighbor_tables(frames, type_of, r_max, cutoffs)
    for frame, table in zip(frames, tables, strict=True):
        checks.check_distances(frame, *table, min_distance)
    return [make_sample(f, type_of, t, r_max) for f, t in zip(frames, tables, strict=True)]


def evaluate_samples(predictor: Predictor, samples: Sequence[Sample], advance: Callable[[int, int], None] | None = None) -> Evaluation:
    """Errors of a model on samples whose neighbor tables reach to its cutoff.

    Raises:
        ModelError: a prediction is no number.
    """
    sums = ErrorSums(predictor.atom_types)
    energy, forces, species, stress = [], [], [], []
    done = 0
    for group in _batches(samples):
        batch = collate(group)
        prediction = predictor.predict(batch)
        _check_finite(prediction, batch, done)
        sums.add(prediction, batch)
        energy.append(np.stack([(batch.energy / batch.n_atoms).numpy(), (prediction.energy / batch.n_atoms).numpy()]))
        forces.append(np.stack([batch.forces.numpy(), prediction.forces.numpy()]))
        species.append(batch.types.numpy())
        stress.append(np.stack([batch.stress.numpy(), (-prediction.virial / batch.volume[:, None, None]).numpy()]))
        done += len(group)
        if advance is not None:
            advance(done, len(samples))
    all_energy, all_forces, all_stress = (np.concatenate(x, axis=1) for x in (energy, forces, stress))
    known_forces = ~np.isnan(all_forces[0]).any(1)
    parity = Parity(
        energy=all_energy[:, ~np.isnan(all_energy[0])],
        forces=all_forces[:, known_forces],
        species=np.concatenate(species)[known_forces],
        stress=all_stress[:, ~np.isnan(all_stress[0]).any((1, 2))],
    )
    return Evaluation(sums.errors(), parity, list(predictor.atom_types))


def _check_finite(prediction: Prediction, batch: Batch, first: int) -> None:
    finite = torch.isfinite(prediction.energy)
    finite &= torch.zeros_like(prediction.energy).index_add(0, batch.frame, (~torch.isfinite(prediction.forces)).sum(1).double()) == 0
    if not bool(finite.all()):
        frame = int((~finite).nonzero()[0])
        raise ModelError(
            f"predictions must be finite, got NaN or infinity in frame {first + frame + 1} of those evaluated (energy "
            f"{float(prediction.energy[frame])} eV); look at that frame, or train the model again with a lower rate"
        )


def _batches(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Samples in order, cut so that each batch has at most MAX_SLOTS slots (or one sample)."""
    groups: list[list[Sample]] = []
    atoms = width = 0
    for sample in samples:
        n, k = len(sample.types), max(1, sample.table.neighbors.shape[1])
        if not groups or (atoms + n) * max(width, k) > MAX_SLOTS:
            groups.append([])
            atoms = width = 0
        groups[-1].append(sample)
        atoms, width = atoms + n, max(width, k)
    return groups
