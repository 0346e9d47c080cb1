"""Guards: distances, numbers of neighbors and latent features that the training set has not seen, told without any second model."""

import warnings
from typing import Any

import numpy as np

from qallegro_ase.errors import ExtrapolationError, ExtrapolationWarning, SetupError
from qallegro_ase.verlet import PairList

GUARD_LEVELS = ("off", "warn", "error")


class Guard:
    """Compares every evaluation with the training set, whose ranges are in the record of the model.

    Args:
        record: of the model.
        level: "warn" raises an `ExtrapolationWarning` at each step out of the ranges, "error" an `ExtrapolationError`.
        max_novelty: above which atoms are out of them.

    Raises:
        SetupError: the file was trained before ranges were kept, or imported.
    """

    def __init__(self, record: dict[str, Any], level: str, max_novelty: float) -> None:
        statistics = record.get("provenance", {}).get("statistics", {})
        species = record["atom_types"]
        try:
            shortest, counts = statistics["shortest_distances"], statistics["neighbor_counts"]
            distances = [[shortest[a][b] for b in species] for a in species]
            self._fewest, self._most = (np.array([[counts[a][b][end] for b in species] for a in species]) for end in (0, 1))
        except KeyError:
            raise SetupError(
                f"`guard` must be off for this file, it is {level!r}: the file does not hold what its training set has seen; "
                "train it with this release of qallegro"
            ) from None
        # A pair that never met in training is closer than ever wherever it meets.
        self._shortest = np.array([[np.inf if r is None else r for r in row] for row in distances])
        self._species, self._cutoffs, self._level = species, np.asarray(record["cutoffs"]), level
        self._max_novelty = max_novelty
        self._inside = {"geometry": True, "novelty": True}

    def check(self, positions: np.ndarray, cell: np.ndarray, types: np.ndarray, pair_list: PairList) -> dict[str, np.ndarray]:
        """Results per atom: `distance_below_training`, Å that its closest neighbor is nearer than any such pair in training, and
        `neighbors_outside_training`, by how many neighbors of some species it lies above (+) or below (-) its like in training; 0: inside.

        Raises:
            ExtrapolationError: outside, with the level "error".
        """
        i, j = pair_list.pairs.T
        r = np.linalg.norm(positions[j] - positions[i] + pair_list.shifts @ cell, axis=1)
        inside = r < self._cutoffs[types[i], types[j]]
        i, j, r = i[inside], j[inside], r[inside]
        limit = self._shortest[types[i], types[j]]
        # Of a pair that never met: all that it lies within the cutoff.
        below = np.where(np.isfinite(limit), limit, self._cutoffs[types[i], types[j]]) - r
        closer = np.zeros(len(positions))
        np.maximum.at(closer, i, below)
        counts = np.zeros((len(positions), len(self._species)), dtype=np.int64)
        np.add.at(counts, (i, types[j]), 1)
        excess = np.maximum(counts - self._most[types], 0) - np.maximum(self._fewest[types] - counts, 0)
        worst = np.abs(excess).argmax(axis=1) if len(positions) else np.zeros(0, dtype=int)
        outside = np.take_along_axis(excess, worst[:, None], axis=1)[:, 0]
        if closer.any() or outside.any():
            self._tell_geometry(closer, outside, counts, worst, types)
        else:
            self._inside["geometry"] = True
        return {"distance_below_training": closer, "neighbors_outside_training": outside}

    def check_novelty(self, novelty: np.ndarray, types: np.ndarray) -> dict[str, np.ndarray]:
        """Result per atom: `novelty`, as the runtime tells it.

        Raises:
            ExtrapolationError: above the limit, with the level "error".
        """
        if novelty.max(initial=0.0) > self._max_novelty:
            atom = int(novelty.argmax())
            text = (
                f"lies {novelty[atom]:.3g} times as far from the training set, in the model's latent features, as the farthest atom of it "
                f"(`max_novelty` is {self._max_novelty:g})"
            )
            self._tell("novelty", atom, types, text)
        else:
            self._inside["novelty"] = True
        return {"novelty": novelty}

    def _tell_geometry(self, closer: np.ndarray, outside: np.ndarray, counts: np.ndarray, worst: np.ndarray, types: np.ndarray) -> None:
        if closer.any():
            atom = int(closer.argmax())
            text = f"has a neighbor {closer[atom]:.3g} Å nearer than any pair of these species in training"
        else:
            atom = int(np.abs(outside).argmax())
            a, b = types[atom], worst[atom]
            text = (
                f"has {counts[atom, b]} neighbors {self._species[b]}, in training {self._species[a]} had "
                f"{self._fewest[a, b]} to {self._most[a, b]}"
            )
        self._tell("geometry", atom, types, text)

    def _tell(self, kind: str, atom: int, types: np.ndarray, text: str) -> None:
        message = f"the structure lies outside of what the model was trained on: atom {atom} ({self._species[types[atom]]}) {text}"
        if self._level == "error":
            raise ExtrapolationError(message + "; label such structures and train anew, or set `guard` to warn")
        if self._inside[kind]:  # one warning for each time that a run leaves the ranges
            warnings.warn(message, ExtrapolationWarning, stacklevel=5)
        self._inside[kind] = False
