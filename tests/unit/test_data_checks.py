"""Every rule on reference data: what is refused with file, frame and remedy, what is warned of, and what passes."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.neighborlist import neighbor_list

from qallegro.data.checks import DataWarning
from qallegro.data.config import DataConfig
from qallegro.data.reference_data import CutoffTable, ReferenceData, load_reference_data
from qallegro.data.unit_checks import all_electron_energy
from qallegro.errors import DataError
from reference_frames import emt_frames, write_frames


def load(
    folder: Path, frames: list[Atoms], held_out: list[Atoms] | None = None, options: dict[str, Any] | None = None, **config: Any
) -> ReferenceData:
    """Frames through a file and all checks."""
    settings: dict[str, Any] = {"train": str(write_frames(folder / "train.xyz", frames)), "split": {"validation": 1}}
    if held_out is not None:
        settings["test"] = str(write_frames(folder / "test.xyz", held_out))
    return load_reference_data(DataConfig.model_validate(settings | config), CutoffTable(4.0), **(options or {}))


def changed(frames: list[Atoms], index: int, change) -> list[Atoms]:
    change(frames[index])
    return frames


def set_result(name: str, value: Any):
    def change(atoms: Atoms) -> None:
        atoms.calc.results[name] = value

    return change


def drop(*names: str):
    def change(atoms: Atoms) -> None:
        for name in names:
            del atoms.calc.results[name]

    return change


def spoil_force(atoms: Atoms) -> None:
    atoms.calc.results["forces"][2, 1] = np.nan


def spoil_position(atoms: Atoms) -> None:
    atoms.positions[1, 0] = np.inf


def overlap(atoms: Atoms) -> None:
    atoms.positions[3] = atoms.positions[0] + [0.0, 0.0, 0.2] + atoms.cell[1]


def dummy(atoms: Atoms) -> None:
    atoms.numbers[0] = 0


def flat_cell(atoms: Atoms) -> None:
    atoms.set_cell([[4, 0, 0], [8, 0, 0], [0, 0, 4]])


def iron(atoms: Atoms) -> None:
    atoms.symbols[1] = "Fe"


# name -> change of frame 3 of the training file, options, message (each names file and frame)
REFUSED = {
    "NaN energy": (set_result("energy", np.nan), {}, "`energy` must be given for every frame.*train.xyz`, frame 3.*data.keys.energy"),
    "infinite energy": (set_result("energy", np.inf), {}, "`energy` must be finite, got inf in .*frame 3"),
    "missing energy": (drop("energy"), {}, "`energy` must be given for every frame, it is missing.*frame 3"),
    "NaN force": (spoil_force, {}, r"`forces` must be finite, got nan \(atom 2\) in .*frame 3"),
    "missing forces": (drop("forces"), {}, r"`forces` must be given for every frame of a file or for none.*frame 3.*allow_missing: \[forces\]"),
    "missing stress": (drop("stress"), {}, r"`stress` must be given for every frame of a file.*frame 3 and given in frame 0.*allow_missing: \[stress\]"),
    "infinite position": (spoil_position, {}, "`positions` must be finite, got inf in .*frame 3"),
    "overlap": (overlap, {}, r"at least 0.3 Å apart.*got 0.2 Å between atoms 0 \(\w+\) and 3 \(\w+\) in .*frame 3"),
    "set distance": (lambda a: None, {"min_distance": 2.9}, "at least 2.9 Å apart.*frame"),
    "dummy atom": (dummy, {}, r"dummy atom \(X\) in .*frame 3"),
    "cell without volume": (flat_cell, {}, "`cell` must span a volume.*frame 3"),
    "species not in the model": (iron, {"options": {"atom_types": ["Cu", "Au"]}}, r"species must be among \['Cu', 'Au'\] \(`model.atom_types`\), got Fe in .*frame 3"),
    "no forces to train on": (
        lambda a: None, {"frames": {"forces": False}, "options": {"required": ["forces"]}}, "`forces` must be given where `training.loss.forces` has a weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    change, config, message = REFUSED[name]
    config = dict(config)
    frames = emt_frames(6, **config.pop("frames", {}))
    with pytest.raises(DataError, match=message):
        load(tmp_path, changed(frames, 3, change), **config)


def test_species_of_a_test_file_must_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"species of the training set\), got Fe in .*test.xyz`, frame 1"):
        load(tmp_path, emt_frames(6), changed(emt_frames(2, seed=1), 1, iron))


@pytest.mark.parametrize("quantity", ["forces", "stress"])
def test_allowed_gaps_are_nan_and_leave_the_rest_alone(quantity: str, tmp_path: Path) -> None:
    frames = changed(emt_frames(6), 3, drop(quantity))
    data = load(tmp_path, frames, allow_missing=[quantity])
    missing = [s for s in data.samples["train"] + data.samples["validation"] if np.isnan(getattr(s, quantity)).all()]
    assert len(missing) == 1 and data.quantities == ["energy", "forces", "stress"]


def test_files_with_and_without_labels_train_together(tmp_path: Path) -> None:
    bare = write_frames(tmp_path / "energies.xyz", emt_frames(3, seed=5, forces=False, stress=False))
    full = write_frames(tmp_path / "all.xyz", emt_frames(3))
    data = load(tmp_path, [*emt_frames(2, seed=2)], train=[str(bare), str(full)])
    assert data.quantities == ["energy", "forces", "stress"] and len(data.samples["train"]) == 5


def test_energies_alone_and_unwanted_labels(tmp_path: Path) -> None:
    assert load(tmp_path, emt_frames(4, forces=False, stress=False)).quantities == ["energy"]
    assert load(tmp_path, emt_frames(4), options={"unwanted": ["stress"]}).quantities == ["energy", "forces"]


def push(atoms: Atoms) -> None:
    atoms.calc.results["forces"] = atoms.calc.results["forces"] + [0.5, 0.0, 0.0]


def sequence(count: int = 12) -> list[Atoms]:
    """Small vibrations of one cell: energies and forces that belong together."""
    rng = np.random.default_rng(7)
    frames = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.positions += rng.normal(scale=0.08, size=(4, 3))
        atoms.calc = EMT()
        frames.append(Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True))
        frames[-1].info["energy"], frames[-1].arrays["forces"] = atoms.get_potential_energy(), atoms.get_forces()
    return frames


def scaled(frames: list[Atoms], energy: float = 1.0, forces: float = 1.0) -> list[Atoms]:
    for atoms in frames:
        atoms.info["energy"] *= energy
        atoms.arrays["forces"] = atoms.arrays["forces"] * forces
    return frames


def all_electron(unit: float) -> list[Atoms]:
    """Molecules with the energy of their free atoms, bound by 0.2 %."""
    result = []
    for name in ("CH3OH", "H2CO", "CH3CH2OH", "HCOOH", "CH3CHO"):
        atoms = molecule(name)
        atoms.info["energy"] = 1.002 * all_electron_energy(atoms.numbers) * units.Hartree / unit
        result.append(atoms)
    return result


WARNED = {
    "net force": (lambda: changed(emt_frames(6), 3, push), "net force must be near zero, it is not in 1 of . frames.*frame 3"),
    "kcal/mol beside eV/Å": (lambda: scaled(sequence(), energy=23.06), "energies and forces must be in one system of units"),
    "Hartree beside eV/Å": (lambda: scaled(sequence(), energy=1 / 27.2), "energies and forces must be in one system of units"),
    "forces of the other sign": (lambda: scaled(sequence(), forces=-1.0), "check the sign of the forces"),
    "Hartree": (lambda: all_electron(units.Hartree), "look like Hartree.*data.units.energy: Hartree"),
    "kcal/mol": (lambda: all_electron(units.kcal / units.mol), "look like kcal/mol"),
    "kJ/mol": (lambda: all_electron(units.kJ / units.mol), "look like kJ/mol"),
    "below all electrons": (lambda: all_electron(0.3), "which no calculation can reach"),
    "one composition": (lambda: [a for a in sequence() if not a.symbols.__setitem__(0, "Au")], "cannot be told apart"),
}


@pytest.mark.parametrize("name", WARNED)
def test_warned(name: str, tmp_path: Path) -> None:
    frames, message = WARNED[name]
    with pytest.warns(DataWarning, match=message):
        load(tmp_path, frames())


@pytest.mark.parametrize("subset", ["validation", "test"])
def test_duplicates_of_training_frames_are_warned_of(subset: str, tmp_path: Path) -> None:
    frames = emt_frames(6)
    twin = emt_frames(6)[2]
    order = [2, 0, 3, 1]
    twin.positions = twin.positions[order] + [0.4, 0.1, -0.3]
    twin.numbers = twin.numbers[order]
    path = str(write_frames(tmp_path / "other.xyz", [*emt_frames(2, seed=9), twin]))
    own = str(write_frames(tmp_path / "own.xyz", emt_frames(2, seed=11)))
    files = {"validation": own, "test": own} | {subset: path}
    message = f"{subset} frames must not be in the training set, 1 of 3 .*other.xyz`, frame 2 that of .*train.xyz`, frame 2"
    with pytest.warns(DataWarning, match=message):
        load(tmp_path, frames, split={}, **files)


def test_sound_data_is_not_warned_of(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        load(tmp_path, emt_frames(12), emt_frames(3, seed=1))
        load(tmp_path, sequence())
        load(tmp_path, all_electron(1.0))


def test_isolated_atoms_are_references_and_not_trained_on(tmp_path: Path) -> None:
    atoms = [Atoms(s, [[0, 0, 0]], info={"energy": e}) for s, e in (("Cu", -1.5), ("Au", -2.25))]
    data = load(tmp_path, [*atoms, *emt_frames(6)], reference_energies="isolated_atoms")
    assert data.statistics.reference_energies == {"Cu": -1.5, "Au": -2.25}
    assert sum(len(s) for s in data.samples.values()) == 6
    path = str(write_frames(tmp_path / "atoms.xyz", atoms))
    assert load(tmp_path, emt_frames(6), reference_energies={"path": path}).statistics.reference_energies["Au"] == -2.25


ISOLATED = {
    "a species without one": ([("Cu", -1.5)], "isolated atoms must be given for every species, Au has none"),
    "two energies": (
        [("Cu", -1.5), ("Au", -2.0), ("Cu", -1.4)],
        "one energy a species, got -1.5 and -1.4 eV for Cu in .*frame 0 and .*frame 2",
    ),
}


@pytest.mark.parametrize("name", ISOLATED)
def test_isolated_atoms_refused(name: str, tmp_path: Path) -> None:
    atoms, message = ISOLATED[name]
    frames = [Atoms(s, [[0, 0, 0]], info={"energy": e}) for s, e in atoms]
    with pytest.raises(DataError, match=message):
        load(tmp_path, [*frames, *emt_frames(6)], reference_energies="isolated_atoms")


@pytest.mark.parametrize(
    ("table", "message"),
    [({"Cu": -1.0}, "entry for every species, Au has none"), ({"Cu": -1.0, "Au": -2.0, "Ag": 0.0}, "must list species of the model.*'Ag'")],
)
def test_given_references_must_fit(table: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, emt_frames(6), reference_energies=table)


def test_nothing_but_isolated_atoms(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="isolated atoms alone"):
        load(tmp_path, [Atoms("Cu", [[0, 0, 0]], info={"energy": -1.0})] * 3)


def test_least_squares_recovers_exact_references(tmp_path: Path) -> None:
    frames = emt_frames(8)
    for atoms in frames:
        atoms.calc.results["energy"] = float(np.where(atoms.numbers == 29, -3.25, -2.5).sum())
    statistics = load(tmp_path, frames).statistics
    # Energies are printed with 8 decimals or more.
    assert statistics.reference_energies == pytest.approx({"Cu": -3.25, "Au": -2.5}, abs=1e-7)
    assert statistics.energy_residual_rms < 1e-7


def test_one_composition_shares_the_mean_energy(tmp_path: Path) -> None:
    frames = [f for f in emt_frames(30) if (f.numbers == 79).sum() == 1]
    with pytest.warns(DataWarning, match="rank 1 of 2"):
        statistics = load(tmp_path, frames).statistics
    assert statistics.reference_energies["Cu"] == pytest.approx(statistics.reference_energies["Au"])
    low, high = statistics.energy_per_atom_range
    assert low <= statistics.reference_energies["Cu"] <= high


def test_statistics_against_their_definition(tmp_path: Path) -> None:
    frames = emt_frames(7)
    data = load(tmp_path, frames, split={"validation": 1, "seed": 0}, avg_num_neighbors="per_type")
    listed = data.splits["train"][0]["frames"]
    train = [frames[i] for i in listed]
    s = data.statistics
    forces = np.concatenate([f.get_forces() for f in train])
    numbers = np.concatenate([f.numbers for f in train])
    counts = np.concatenate([np.bincount(neighbor_list("i", f, 4.0), minlength=4) for f in train])
    assert s.frames == 6 and s.atoms == {"Cu": int((numbers == 29).sum()), "Au": int((numbers == 79).sum())}
    assert s.avg_num_neighbors == pytest.approx(counts.mean())
    assert s.avg_num_neighbors_per_type["Au"] == pytest.approx(counts[numbers == 79].mean())
    assert s.forces_rms == pytest.approx(np.sqrt((forces**2).mean()), rel=1e-6)
    assert s.forces_rms_per_type["Au"] == pytest.approx(np.sqrt((forces[numbers == 79] ** 2).mean()), rel=1e-6)
    assert s.stress_rms == pytest.approx(np.sqrt(np.mean([f.get_stress(voigt=False) ** 2 for f in train])), rel=1e-6)
    assert json.loads(json.dumps(s.record()))["frames"] == 6
