"""From a configuration to checked training, validation and test sets: the one entry to `qallegro.data` for training."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from qallegro.data import checks, references, unit_checks
from qallegro.data.config import DataConfig, Source
from qallegro.data.frame import Frame
from qallegro.data.neighbors import fingerprint
from qallegro.data.readers import read_frames
from qallegro.data.sample import Sample, make_sample
from qallegro.data.sample_frames import pick_sample_frames
from qallegro.data.splits import SUBSETS, frames_by_own_split, frames_of_record, split_frames, splits_record
from qallegro.data.statistics import Statistics, compute_statistics
from qallegro.data.table_cache import neighbor_tables
from qallegro.errors import DataError


class ReferenceData(NamedTuple):
    """Data of one training run."""

    atom_types: list[str]
    samples: dict[str, list[Sample]]  #: by subset: train, validation, test (which may be empty)
    statistics: Statistics  #: of the training set
    splits: dict[str, Any]  #: content of `splits.json`
    quantities: list[str]  #: labels that are trained on: energy, then forces and stress as present and wanted
    sample_frames: list[dict[str, Any]]  #: a few training structures for `model.pth`


class CutoffTable(NamedTuple):
    """Cutoffs in Å; `per_edge_type` as in the model's configuration."""

    r_max: float
    per_edge_type: Mapping[str, Mapping[str, float]] | None = None

    def matrix(self, atom_types: Sequence[str]) -> np.ndarray:
        """(T, T), row = centre."""
        table = self.per_edge_type or {}
        return np.array([[table.get(a, {}).get(b, self.r_max) for b in atom_types] for a in atom_types])


def load_reference_data(
    config: DataConfig,
    cutoffs: CutoffTable,
    atom_types: Sequence[str] | None = None,
    required: Collection[str] = (),
    unwanted: Collection[str] = (),
) -> ReferenceData:
    """Read, check, split and tabulate.

    Args:
        config: the `data` section; paths in it are absolute or relative to the working folder.
        cutoffs: of the model.
        atom_types: species in type order; those of the training set by atomic number if not given.
        required: labels that must be present (`forces`, `stress`).
        unwanted: labels that are not trained on, present or not.

    Raises:
        DataError: anything refused in `qallegro.data.checks`, `splits` and `references`.
    """
    root = Path(config.root or ".")
    subsets, isolated = _subsets(config, root)
    if atom_types is None:
        present = {int(z) for frame in subsets["train"] for z in np.unique(frame.numbers)}
        atom_types, reason = [chemical_symbols[z] for z in sorted(present)], "the species of the training set"
    else:
        atom_types, reason = list(atom_types), "`model.atom_types`"
    for frames in subsets.values():
        checks.check_species(frames, atom_types, reason)
    quantities = _quantities(subsets["train"], required, unwanted)
    everything = [frame for frames in subsets.values() for frame in frames]
    checks.check_labels(everything, quantities, config.allow_missing)

    type_of = np.full(len(chemical_symbols), -1, dtype=np.int64)
    type_of[[atomic_numbers[s] for s in atom_types]] = np.arange(len(atom_types))
    matrix = cutoffs.matrix(atom_types)
    samples: dict[str, list[Sample]] = {}
    prints: dict[str, list[tuple[bytes, Frame]]] = {}
    shortest = {}
    tables = {}
    for subset, frames in subsets.items():
        tables[subset] = neighbor_tables(frames, type_of, cutoffs.r_max, matrix, config.cache)
        pairs = list(zip(frames, tables[subset], strict=True))
        shortest[subset] = min((checks.check_distances(f, *t, config.min_distance) for f, t in pairs), default=np.inf)
        prints[subset] = [(fingerprint(f, t), f) for f, t in pairs]
        samples[subset] = [make_sample(f, type_of, t, cutoffs.r_max) for f, t in pairs]

    shifts = _reference_energies(config, root, subsets["train"], isolated, atom_types)
    train = subsets["train"]
    for source in dict.fromkeys(f.source for f in everything):
        in_file = sorted((f for f in everything if f.source == source), key=lambda f: f.index)
        checks.warn_net_forces(in_file)
        unit_checks.warn_units(in_file)
    for subset in ("validation", "test"):
        checks.warn_duplicates(prints["train"], prints[subset], subset)
    statistics = compute_statistics(train, tables["train"], atom_types, type_of, shifts, shortest["train"])
    record = splits_record(subsets, config.split.seed)
    return ReferenceData(atom_types, samples, statistics, record, quantities, pick_sample_frames(train))


def read_sources(sources: Sequence[Source], config: DataConfig, root: Path) -> list[Frame]:
    """Frames of several files, each checked on its own."""
    frames = [frame for source in sources for frame in read_frames(source, root, config.keys, config.units)]
    for frame in frames:
        checks.check_frame(frame)
    return frames


def _subsets(config: DataConfig, root: Path) -> tuple[dict[str, list[Frame]], list[Frame]]:
    """Frames of each subset, and the isolated atoms of the training files, which are references and not trained on."""
    pool = read_sources(config.train, config, root)
    isolated = [f for f in pool if f.is_isolated_atom]
    pool = [f for f in pool if not f.is_isolated_atom]
    if not pool:
        raise DataError(f"`data.train` must hold frames with neighbors, got isolated atoms alone in `{config.train[0].path}`")
    if config.split.from_frames:
        subsets = frames_by_own_split(pool)
    elif config.split.file is not None:
        subsets = frames_of_record(root / config.split.file, pool)
    else:
        subsets = split_frames(pool, config.split)
    for subset in ("validation", "test"):
        sources = getattr(config, subset)
        if sources is not None:
            subsets[subset] = [f for f in read_sources(sources, config, root) if not f.is_isolated_atom]
    for subset in ("train", "validation"):
        if not subsets[subset]:
            raise DataError(f"`data` must give at least one {subset} frame, got none; name files or a share in `data.split`")
    return {subset: subsets[subset] for subset in SUBSETS}, isolated


def _quantities(train: Sequence[Frame], required: Collection[str], unwanted: Collection[str]) -> list[str]:
    result = ["energy"]
    for quantity in ("forces", "stress"):
        present = any(frame.has(quantity) and (quantity != "stress" or frame.pbc.all()) for frame in train)
        if quantity in required and not present:
            raise DataError(
                f"`{quantity}` must be given where `training.loss.{quantity}` has a weight, no frame of `{train[0].source}` has it; "
                f"name its key with `data.keys.{quantity}`, or set the weight to 0"
            )
        if present and quantity not in unwanted:
            result.append(quantity)
    return result


def _reference_energies(
    config: DataConfig, root: Path, train: Sequence[Frame], isolated: Sequence[Frame], atom_types: Sequence[str]
) -> dict[str, float]:
    given = config.reference_energies
    if given == "least_squares":
        return references.least_squares(train, atom_types)
    if given == "none":
        return dict.fromkeys(atom_types, 0.0)
    if given == "isolated_atoms":
        return references.from_isolated_atoms(isolated, atom_types, "`data.train`")
    if isinstance(given, Source):
        return references.from_isolated_atoms(read_sources([given], config, root), atom_types, f"`{root / given.path}`")
    return references.from_table(given, atom_types)
