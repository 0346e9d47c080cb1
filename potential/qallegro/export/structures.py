"""Whole structures as arguments of the exported function: what a model is checked on before it leaves."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from torch import Tensor

from qallegro.data.checks import check_frame, check_species
from qallegro.data.frame import Frame
from qallegro.data.neighbors import neighbor_table
from qallegro.export.samples import Sample, Table, padded_table
from qallegro.model.config import ModelConfig
from qallegro.model.potential import EdgeGradients, Potential, forces_of


class Structure(NamedTuple):
    """One structure."""

    name: str
    atoms: int
    edges: int
    table: Table
    neighbors: Tensor  #: (N, K) int64, atom in each slot, its own row in unused slots; rows beyond `atoms` are padding


def from_samples(samples: Sequence[Sample], r_max: float) -> list[Structure]:
    """Clusters of `make_samples`."""
    made = []
    for sample in samples:
        table, neighbors = padded_table(sample, r_max)
        used = int((neighbors != torch.arange(len(neighbors)).unsqueeze(1)).sum())
        made.append(Structure(sample.name, len(sample.types), used, table, neighbors))
    return made


def from_frames(frames: Sequence[Frame], config: ModelConfig) -> list[Structure]:
    """Frames of a data file.

    Raises:
        DataError: a frame is broken or holds a species that the model does not know.
    """
    for frame in frames:
        check_frame(frame)
    check_species(frames, config.atom_types, "the species of the model")
    type_of = np.full(len(chemical_symbols), -1, dtype=np.int64)
    type_of[[atomic_numbers[s] for s in config.atom_types]] = np.arange(len(config.atom_types))
    cutoffs = np.array(config.cutoffs())
    made = []
    for frame in frames:
        types = type_of[frame.numbers]
        found = neighbor_table(frame.positions, frame.cell, frame.pbc, config.r_max, types, cutoffs)
        n, k = found.neighbors.shape
        rows, slots = max(n, 2), max(k, 2)
        neighbors = np.tile(np.arange(rows)[:, None], (1, slots))
        neighbors[:n, :k] = found.neighbors
        vectors = np.zeros((rows, slots, 3))
        vectors[..., 0] = 2.0 * config.r_max
        vectors[:n, :k] = found.edge_vectors
        all_types = np.zeros(rows, dtype=np.int64)
        all_types[:n] = types
        used = np.arange(slots) < np.concatenate([found.counts, np.zeros(rows - n, dtype=np.int64)])[:, None]
        neighbor_types = np.where(used, all_types[neighbors], 0)
        table = Table(torch.from_numpy(all_types), torch.from_numpy(neighbor_types), torch.from_numpy(vectors))
        made.append(Structure(f"frame {frame.index}", n, int(found.counts.sum()), table, torch.from_numpy(neighbors)))
    return made


def sample_frames(provenance: dict[str, Any]) -> list[Frame]:
    """The training frames that a checkpoint carries; none in one that was not trained here."""
    frames = []
    for index, entry in enumerate(provenance.get("sample_frames", [])):
        n = len(entry["symbols"])
        frames.append(
            Frame(
                numbers=np.array([atomic_numbers[s] for s in entry["symbols"]], dtype=np.int64),
                positions=np.array(entry["positions"], dtype=np.float64).reshape(n, 3),
                cell=np.array(entry["cell"], dtype=np.float64).reshape(3, 3),
                pbc=np.array(entry["pbc"], dtype=bool).reshape(3),
                energy=float("nan"),
                forces=np.full((n, 3), np.nan),
                stress=np.full((3, 3), np.nan),
                source="the checkpoint",
                index=index,
            )
        )
    return frames


def evaluate(potential: Potential, structure: Structure, edges: int) -> tuple[Tensor, Tensor]:
    """Per-atom energies (N,) in eV and forces (N, 3) in eV/Å, in blocks of centres with at most `edges` slots (or one centre)."""
    rows = max(1, edges // structure.table.neighbor_types.shape[1])
    module = EdgeGradients(potential.network)
    blocks = zip(*(torch.split(array, rows) for array in structure.table), strict=True)
    energies, gradients = zip(*(module(*block) for block in blocks), strict=True)
    return torch.cat(energies).detach(), forces_of(torch.cat(gradients).detach(), structure.neighbors)
