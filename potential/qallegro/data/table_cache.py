"""Neighbor tables of many frames, kept on disk between runs if a folder is given."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qallegro.data.frame import Frame
from qallegro.data.neighbors import NeighborTable, neighbor_table
from qallegro.errors import ConfigError
from qallegro.whole_file import whole_file

# Part of the key: raise it when the content of a table changes for the same frame.
_VERSION = 1


def neighbor_tables(
    frames: Sequence[Frame], type_of: np.ndarray, r_max: float, cutoffs: np.ndarray, folder: str | Path | None = None
) -> list[NeighborTable]:
    """One table a frame.

    Args:
        frames: structures.
        type_of: type of each atomic number.
        r_max: largest cutoff in Å.
        cutoffs: (T, T) cutoff in Å for a centre and a neighbor type.
        folder: where tables are kept; a file there that is damaged is made anew.
    """
    if folder is None:
        return _compute(frames, type_of, r_max, cutoffs)
    path = Path(folder) / f"neighbors-{_key(frames, type_of, r_max, cutoffs)}.npz"
    tables = _read(path, frames) if path.is_file() else None
    if tables is None:
        tables = _compute(frames, type_of, r_max, cutoffs)
        _write(path, tables)
    return tables


def _compute(frames: Sequence[Frame], type_of: np.ndarray, r_max: float, cutoffs: np.ndarray) -> list[NeighborTable]:
    return [neighbor_table(f.positions, f.cell, f.pbc, r_max, type_of[f.numbers], cutoffs) for f in frames]


def _key(frames: Sequence[Frame], type_of: np.ndarray, r_max: float, cutoffs: np.ndarray) -> str:
    digest = hashlib.sha256(f"{_VERSION} {r_max!r} {cutoffs.tolist()!r}".encode())
    for frame in frames:
        for array in (type_of[frame.numbers], frame.positions, frame.cell, frame.pbc):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(len(frame.numbers).to_bytes(8, "little"))
    return digest.hexdigest()[:32]


def _write(path: Path, tables: list[NeighborTable]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.savez(
                temporary,
                widths=np.array([t.neighbors.shape[1] for t in tables]),
                neighbors=np.concatenate([t.neighbors.ravel() for t in tables]),
                edge_vectors=np.concatenate([t.edge_vectors.reshape(-1, 3) for t in tables]),
                counts=np.concatenate([t.counts for t in tables]),
            )
    except OSError as error:
        raise ConfigError(
            f"`data.cache` must be a folder that can be written to, got `{path.parent}`: {error.strerror}; name another, or leave it out"
        ) from error


def _read(path: Path, frames: Sequence[Frame]) -> list[NeighborTable] | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            widths, neighbors, edge_vectors, counts = (archive[k] for k in ("widths", "neighbors", "edge_vectors", "counts"))
        sizes = np.array([len(f.numbers) for f in frames])
        slots = np.concatenate([[0], np.cumsum(sizes * widths)])
        rows = np.concatenate([[0], np.cumsum(sizes)])
        return [
            NeighborTable(
                neighbors[slots[f] : slots[f + 1]].reshape(n, k),
                edge_vectors[slots[f] : slots[f + 1]].reshape(n, k, 3),
                counts[rows[f] : rows[f + 1]],
            )
            for f, (n, k) in enumerate(zip(sizes, widths, strict=True))
        ]
    except Exception:  # a damaged zip fails in many ways, and the tables can always be made again
        return None
