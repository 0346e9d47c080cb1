"""Numbers that describe a training set; computed once and kept with the model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qallegro.data.frame import Frame
from qallegro.data.neighbors import NeighborTable
from qallegro.data.pair_ranges import pair_ranges
from qallegro.data.references import composition


class Statistics(NamedTuple):
    """Of the training set, in eV and Å. None where the labels are absent."""

    frames: int
    atoms: dict[str, int]  #: of each species
    avg_num_neighbors: float
    avg_num_neighbors_per_type: dict[str, float]
    max_num_neighbors: int
    min_distance: float | None  #: Å; None without any neighbors
    shortest_distances: dict[str, dict[str, float | None]]  #: see `PairRanges`
    neighbor_counts: dict[str, dict[str, list[int]]]  #: see `PairRanges`
    energy_per_atom_range: tuple[float, float]
    reference_energies: dict[str, float]
    energy_residual_rms: float  #: rms of (E - sum of references) / N
    energy_rms: float  #: rms of (E - sum of references) / sqrt(N): the scale of independent per-atom energies
    forces_rms: float | None  #: rms of components, eV/Å
    forces_rms_per_type: dict[str, float] | None
    forces_max: float | None  #: largest force on an atom, eV/Å
    stress_rms: float | None  #: rms of components, eV/Å^3

    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**self._asdict(), "energy_per_atom_range": list(self.energy_per_atom_range)}


def compute_statistics(
    frames: Sequence[Frame],
    tables: Sequence[NeighborTable],
    atom_types: Sequence[str],
    type_of: np.ndarray,
    reference_energies: dict[str, float],
    min_distance: float,
) -> Statistics:
    """Statistics of a training set.

    Args:
        frames, tables: the training set.
        atom_types: species in type order.
        type_of: type of each atomic number.
        reference_energies: eV, of each species.
        min_distance: Å, the shortest distance found in the set; inf if there is none.
    """
    types = np.concatenate([type_of[f.numbers] for f in frames])
    counts = np.concatenate([t.counts for t in tables])
    overall = float(counts.mean())
    energies = np.array([f.energy for f in frames])
    n_atoms = np.array([len(f.numbers) for f in frames])
    residual = energies - composition(frames, atom_types) @ np.array([reference_energies[s] for s in atom_types])
    forces = np.concatenate([f.forces for f in frames])
    labelled = ~np.isnan(forces[:, 0])
    stress = np.array([f.stress for f in frames if f.has("stress")])
    rms = np.sqrt(np.mean(forces[labelled] ** 2)) if labelled.any() else None
    ranges = pair_ranges([type_of[f.numbers] for f in frames], tables, atom_types)
    return Statistics(
        frames=len(frames),
        atoms={s: int(np.count_nonzero(types == t)) for t, s in enumerate(atom_types)},
        avg_num_neighbors=overall,
        avg_num_neighbors_per_type=_per_type(counts.astype(np.float64), types, atom_types, overall),
        max_num_neighbors=int(counts.max()),
        min_distance=float(min_distance) if np.isfinite(min_distance) else None,
        shortest_distances=ranges.shortest_distances,
        neighbor_counts=ranges.neighbor_counts,
        energy_per_atom_range=(float((energies / n_atoms).min()), float((energies / n_atoms).max())),
        reference_energies=dict(reference_energies),
        energy_residual_rms=float(np.sqrt(np.mean((residual / n_atoms) ** 2))),
        energy_rms=float(np.sqrt(np.mean(residual**2 / n_atoms))),
        forces_rms=None if rms is None else float(rms),
        forces_rms_per_type=None
        if rms is None
        else {
            s: float(np.sqrt(value))
            for s, value in _per_type((forces[labelled] ** 2).mean(1), types[labelled], atom_types, float(rms) ** 2).items()
        },
        forces_max=float(np.linalg.norm(forces[labelled], axis=1).max()) if labelled.any() else None,
        stress_rms=float(np.sqrt(np.mean(stress**2))) if len(stress) else None,
    )


def _per_type(values: np.ndarray, types: np.ndarray, atom_types: Sequence[str], default: float) -> dict[str, float]:
    """Mean of `values` over the atoms of each type; `default` for a type that has none."""
    sums, counts = np.bincount(types, values, len(atom_types)), np.bincount(types, minlength=len(atom_types))
    return {s: float(sums[t] / counts[t]) if counts[t] else default for t, s in enumerate(atom_types)}
