"""Phonons from reference frames: supercells of one crystal with one atom displaced and its DFT forces."""

from collections.abc import Sequence
from typing import NamedTuple

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from qallegro.data.config import data_path
from qallegro.errors import DataError
from qallegro.validation.phonons import Phonons, as_atoms, displaced_cells, from_forces

#: Å, how far atoms that were not displaced may lie from their sites
SITE_TOLERANCE = 2e-3


class ReferencePhonons(NamedTuple):
    """Phonons of reference forces."""

    phonons: Phonons
    frames: list[ase.Atoms]  #: those used, with their forces
    cell: ase.Atoms  #: conventional cell of the reference


def read_reference(text: str) -> list[ase.Atoms]:
    """Frames of a file; a slice may follow, as in `frames.xyz@5`.

    Raises:
        DataError: no file that ASE can read, or frames without forces.
    """
    source = data_path(text)
    try:
        frames = ase.io.read(source.path, index=source.index or ":")
    except Exception as error:  # readers of ASE raise whatever they meet
        raise DataError(f"`--reference` must name a file of frames that ASE can read, got `{text}`: {error}") from error
    frames = [frames] if isinstance(frames, ase.Atoms) else list(frames)
    for number, frame in enumerate(frames):
        try:
            frame.get_forces()
        except (RuntimeError, PropertyNotImplementedError) as error:
            raise DataError(f"`--reference` must hold frames with forces, frame {number} of `{text}` has none") from error
    if not frames:
        raise DataError(f"`--reference` must hold frames, `{text}` has none")
    return frames


def nearest_to_rest(frames: Sequence[ase.Atoms]) -> list[ase.Atoms]:
    """Of frames at several volumes, those at the one of least pressure (of lowest energy if they have no stress)."""

    def strain(frame: ase.Atoms) -> float:
        try:
            return abs(float(frame.get_stress()[:3].mean()))
        except (RuntimeError, PropertyNotImplementedError):
            return float(frame.get_potential_energy()) / len(frame)

    best = min(frames, key=strain)
    return [frame for frame in frames if np.allclose(frame.cell.array, best.cell.array, atol=1e-4)]


def phonons_of_frames(frames: Sequence[ase.Atoms], cell: ase.Atoms, temperatures: np.ndarray | None = None) -> ReferencePhonons:
    """Force constants and frequencies from reference forces.

    Args:
        frames: equal supercells, each with one atom displaced.
        cell: the crystal's conventional cell; its lattice constants are taken from the frames.

    Raises:
        DataError: a frame is no such supercell, has no or several displaced atoms, or too few displacements for all force constants.
    """
    lattice = frames[0].cell.array
    cell = cell.copy()
    repeats = np.round(np.linalg.norm(lattice, axis=1) / cell.cell.lengths()).astype(int)
    if (repeats < 1).any() or len(frames[0]) != np.prod(repeats) * len(cell):
        raise DataError(
            f"a frame of `--reference` must be a supercell of the conventional cell ({len(cell)} atoms), along its axes; it has "
            f"{len(frames[0])} atoms in a cell of {np.round(frames[0].cell.lengths(), 3).tolist()} Å"
        )
    cell.set_cell(lattice / repeats[:, None], scale_atoms=True)
    phonopy = displaced_cells(cell, repeats, 0.01)
    ideal = as_atoms(phonopy.supercell)
    sets = [_displacement(frame, ideal, number) for number, frame in enumerate(frames)]
    phonopy.dataset = {"natom": len(ideal), "first_atoms": sets}
    try:
        found = from_forces(phonopy, repeats, float(np.linalg.norm(sets[0]["displacement"])), temperatures)
    except RuntimeError as error:
        raise DataError(
            f"`--reference` must hold enough displacements for all force constants, {len(sets)} do not suffice: {error}"
        ) from error
    return ReferencePhonons(found, list(frames), cell)


def force_errors(frames: Sequence[ase.Atoms], calculator: Calculator) -> tuple[float, float]:
    """RMS error of a potential's forces on the frames, and RMS of the reference forces, eV/Å."""
    errors, sizes = [], []
    for frame in frames:
        atoms = ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
        atoms.calc = calculator
        errors.append((atoms.get_forces() - frame.get_forces()).ravel())
        sizes.append(frame.get_forces().ravel())
    return tuple(float(np.sqrt(np.mean(np.concatenate(part) ** 2))) for part in (errors, sizes))


def _displacement(frame: ase.Atoms, ideal: ase.Atoms, number: int) -> dict:
    """phonopy's record of one frame: which atom of the ideal supercell moved, by how much, and the forces in the ideal order."""
    inverse = np.linalg.inv(ideal.cell.array)

    def shortest(vectors: np.ndarray) -> np.ndarray:
        fractions = vectors @ inverse
        return (fractions - np.round(fractions)) @ ideal.cell.array

    best: tuple[int, np.ndarray, np.ndarray] | None = None
    for first in (0, 1):  # one of two atoms has not moved
        for other in range(len(ideal)):
            if frame.numbers[first] != ideal.numbers[other]:
                continue
            moved = frame.positions - (frame.positions[first] - ideal.positions[other])
            away = shortest(moved[None, :, :] - ideal.positions[:, None, :])
            order = np.linalg.norm(away, axis=2).argmin(axis=1)
            rest = away[np.arange(len(ideal)), order]
            if len(set(order)) < len(ideal) or (frame.numbers[order] != ideal.numbers).any():
                continue
            count = int((np.linalg.norm(rest, axis=1) > SITE_TOLERANCE).sum())
            if best is None or count < best[0]:
                best = (count, order, rest)
        if best is not None and best[0] == 1:
            break
    if best is None or best[0] != 1:
        raise DataError(
            f"frame {number} of `--reference` must be the crystal with one atom displaced by more than {SITE_TOLERANCE} Å, it has "
            f"{'another structure' if best is None else f'{best[0]} displaced atoms'}"
        )
    _, order, rest = best
    atom = int(np.linalg.norm(rest, axis=1).argmax())
    return {"number": atom, "displacement": rest[atom], "forces": frame.get_forces()[order]}
