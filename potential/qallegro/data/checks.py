"""What is refused in reference data, and what is only worth a warning."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from ase.data import chemical_symbols

from qallegro.data.frame import Frame
from qallegro.errors import DataError

# A net force beyond this share of the typical force, and beyond what electronic-structure grids leave, breaks Newton's third law.
NET_FORCE_SHARE = 0.1
NET_FORCE_FLOOR = 0.02  # eV/Å an atom


class DataWarning(UserWarning):
    """Reference data can be used, but looks wrong."""


def warn(message: str) -> None:
    warnings.warn(message, DataWarning, stacklevel=2)


def check_frame(frame: Frame) -> None:
    """Refuse what no potential can be trained on.

    Raises:
        DataError: NaN or infinite geometry, NaN inside a label, a periodic cell without volume, a dummy atom.
    """
    for quantity in ("positions", "cell"):
        array = getattr(frame, quantity)
        if not np.isfinite(array).all():
            bad = array[~np.isfinite(array)].flat[0]
            raise DataError(f"`{quantity}` must be finite, got {bad} in {frame.where}; remove or repair the frame")
    if (frame.numbers < 1).any() or (frame.numbers >= len(chemical_symbols)).any():
        raise DataError(f"species must be chemical elements, got a dummy atom (X) in {frame.where}; remove it")
    for quantity in ("energy", "forces", "stress"):
        array = np.atleast_1d(getattr(frame, quantity))
        if np.isinf(array).any() or (np.isnan(array).any() and not np.isnan(array).all()):
            flat = array.reshape(-1)
            bad = int(np.flatnonzero(~np.isfinite(flat))[0])
            atom = f" (atom {bad // 3})" if quantity == "forces" else ""
            raise DataError(f"`{quantity}` must be finite, got {flat[bad]}{atom} in {frame.where}; remove or recompute the frame")
    if frame.pbc.any():
        periodic = frame.cell[frame.pbc]
        spanned = np.sqrt(max(np.linalg.det(periodic @ periodic.T), 0.0))
        if spanned < 1e-6:
            raise DataError(
                f"`cell` must span a volume along periodic directions, got {frame.cell.tolist()} with pbc {frame.pbc.tolist()} "
                f"in {frame.where}; give the lattice, or set pbc to F"
            )


def check_labels(frames: Sequence[Frame], quantities: Iterable[str], allow_missing: Iterable[str]) -> None:
    """Refuse frames that lack a label which the others of their file carry.

    Energies must be everywhere. Forces and stress may be absent from a whole file (a file of another kind) but not from some of its
    frames, unless `allow_missing` says so. Stress is expected of three-dimensionally periodic frames alone.

    Raises:
        DataError: the first frame that lacks a label.
    """
    have: dict[tuple[str, str], Frame] = {}
    lack: dict[tuple[str, str], Frame] = {}
    for frame in frames:
        for quantity in quantities:
            if (quantity == "stress" and not frame.pbc.all()) or (quantity != "energy" and frame.is_isolated_atom):
                continue
            (have if frame.has(quantity) else lack).setdefault((frame.source, quantity), frame)
    for (source, quantity), frame in lack.items():
        if quantity == "energy":
            raise DataError(
                f"`energy` must be given for every frame, it is missing or NaN in {frame.where}; "
                "name its key with `data.keys.energy`, or remove the frame"
            )
        if (source, quantity) in have and quantity not in allow_missing:
            raise DataError(
                f"`{quantity}` must be given for every frame of a file or for none, it is missing or NaN in {frame.where} and given in "
                f"frame {have[source, quantity].index}; repair the frame, or leave such labels out of the loss with "
                f"`data.allow_missing: [{quantity}]`"
            )


def check_species(frames: Sequence[Frame], atom_types: Sequence[str], reason: str) -> None:
    """Refuse elements the model has no type for.

    Raises:
        DataError: names the species, the frame and the remedy.
    """
    known = set(atom_types)
    for frame in frames:
        unknown = sorted(frame.species - known)
        if unknown:
            raise DataError(
                f"species must be among {list(atom_types)} ({reason}), got {unknown[0]} in {frame.where}; "
                "train on frames with it, or leave it out"
            )


def check_distances(frame: Frame, neighbors: np.ndarray, edge_vectors: np.ndarray, counts: np.ndarray, min_distance: float) -> float:
    """The shortest distance in Å of a frame (inf without neighbors).

    Raises:
        DataError: two atoms are closer than `min_distance`.
    """
    if edge_vectors.shape[1] == 0:
        return float("inf")
    used = np.arange(edge_vectors.shape[1]) < counts[:, None]
    r = np.where(used, np.linalg.norm(edge_vectors, axis=-1), np.inf)
    shortest = float(r.min())
    if shortest < min_distance:
        i, slot = np.unravel_index(int(r.argmin()), r.shape)
        j = int(neighbors[i, slot])
        raise DataError(
            f"atoms must be at least {min_distance} Å apart (`data.min_distance`), got {shortest:.4g} Å between atoms {i} "
            f"({chemical_symbols[frame.numbers[i]]}) and {j} ({chemical_symbols[frame.numbers[j]]}) in {frame.where}; "
            "remove the frame, or check cell, pbc and length unit"
        )
    return shortest


def warn_net_forces(frames: Sequence[Frame]) -> None:
    """Warn of frames whose forces do not sum to zero."""
    worst: tuple[float, Frame] | None = None
    count = labelled = 0
    for frame in frames:
        if not frame.has("forces") or len(frame.numbers) < 2:
            continue
        labelled += 1
        net = float(np.linalg.norm(frame.forces.mean(0)))
        rms = float(np.sqrt(np.mean(frame.forces**2)))
        if net > max(NET_FORCE_FLOOR, NET_FORCE_SHARE * rms):
            count += 1
            if worst is None or net > worst[0]:
                worst = (net, frame)
    if worst is not None:
        warn(
            f"net force must be near zero, it is not in {count} of {labelled} frames with forces; largest {worst[0]:.3g} eV/Å an atom in "
            f"{worst[1].where}; atoms held fixed, an external field, or forces in another order of atoms?"
        )


def warn_duplicates(train: Sequence[tuple[bytes, Frame]], test: Sequence[tuple[bytes, Frame]], name: str) -> None:
    """Warn of frames in the validation or test set whose geometry is also in the training set.

    Args:
        train, test: fingerprints (see `neighbors.fingerprint`) and frames.
        name: of the second set.
    """
    known = {key: frame for key, frame in reversed(train)}
    hits = [(known[key], frame) for key, frame in test if key in known]
    if hits:
        twin, frame = hits[0]
        warn(
            f"{name} frames must not be in the training set, {len(hits)} of {len(test)} have the geometry of a training frame (up to "
            f"rotation and order of atoms), the first {frame.where} that of {twin.where}; errors on them say little, remove them"
        )
