"""The frames of a qallegro run as files that other programs read, and errors of what they predict."""

from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from qallegro.data.config import DataConfig
from qallegro.data.reference_data import CutoffTable, load_reference_data, read_sources
from qallegro.data.statistics import Statistics

SUBSETS = ("train", "validation", "test")
#: share of the frames that the duration of an epoch is measured with
TRIAL_SHARE = 0.1


class PeerData(NamedTuple):
    """What a peer trains on."""

    folder: Path  #: holds SUBSET.xyz, and trial/SUBSET.xyz with a part of the frames
    species: list[str]
    statistics: Statistics
    has_forces: bool


def write_frames(section: dict[str, Any], species: list[str], r_max: float, folder: Path) -> PeerData:
    """Write the frames that a configuration deals out; labels are those that qallegro trains on, energies in eV.

    Args:
        section: the `data` section.
        species: in the order of types.
        r_max: Å, of the model, for the mean number of neighbors.
        folder: where the files go.
    """
    config = DataConfig.model_validate(section)
    data = load_reference_data(config, CutoffTable(r_max), species)
    frames = {(frame.source, frame.index): frame for source in (config.train, config.test or []) for frame in _read(source, config)}
    (folder / "trial").mkdir(parents=True, exist_ok=True)
    has_forces = "forces" in data.quantities
    for subset in SUBSETS:
        atoms = []
        for entry in data.splits[subset]:
            source = data.splits["files"][entry["file"]]["path"]
            atoms += [_atoms(frames[source, index], has_forces) for index in entry["frames"]]
        ase.io.write(folder / f"{subset}.xyz", atoms, format="extxyz")
        # Spread evenly over the files, so that every species is among them.
        trial = np.linspace(0, len(atoms) - 1, max(2, round(TRIAL_SHARE * len(atoms)))).round().astype(int)
        ase.io.write(folder / "trial" / f"{subset}.xyz", [atoms[k] for k in trial], format="extxyz")
    return PeerData(folder, species, data.statistics, has_forces)


def _read(source: Any, config: DataConfig) -> list[Any]:
    return read_sources(source, config, Path(config.root or "."))


def _atoms(frame: Any, has_forces: bool) -> Atoms:
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    if not any(frame.pbc):
        # Molecules of rMD17 drift to 190 Å: too far for float32, and MACE needs 0.8 s a frame to find neighbors there.
        atoms.positions -= atoms.positions.mean(axis=0)
    labels: dict[str, Any] = {"energy": float(frame.energy)} | ({"forces": frame.forces} if has_forces else {})
    # nequip reads the results of a calculator, MACE names of its own.
    atoms.info["REF_energy"] = labels["energy"]
    if has_forces:
        atoms.arrays["REF_forces"] = frame.forces
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


def errors(data: PeerData, energies: list[float], forces: list[np.ndarray] | None) -> dict[str, float]:
    """Errors of predictions for the test frames in their order, as `accuracy_results.Row` names them.

    Raises:
        ValueError: not one prediction for each test frame.
    """
    frames = ase.io.read(data.folder / "test.xyz", ":")
    if len(frames) != len(energies):
        raise ValueError(f"predictions must be given for each of the {len(frames)} test frames, got {len(energies)}")
    energy = np.array([(e - atoms.info["REF_energy"]) / len(atoms) for e, atoms in zip(energies, frames, strict=True)])
    result = {"energy_mae": 1e3 * float(np.abs(energy).mean()), "energy_rmse": 1e3 * float(np.sqrt((energy**2).mean()))}
    if not data.has_forces or forces is None:
        return result | {"forces_mae": float("nan"), "forces_rmse": float("nan")}
    force = np.concatenate([f - atoms.arrays["REF_forces"] for f, atoms in zip(forces, frames, strict=True)])
    return result | {"forces_mae": 1e3 * float(np.abs(force).mean()), "forces_rmse": 1e3 * float(np.sqrt((force**2).mean()))}
