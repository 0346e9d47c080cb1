"""Models of the package: whole, small, as their record says; written offline; run in ASE and LAMMPS alike."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from lammps_runner import observe_lines, run_well, snapshot, system_lines, thermo_rows, write_data
from qallegro.errors import ModelError
from qallegro.export.structures import sample_frames
from qallegro.model.checkpoint import load_model
from qallegro.models import store
from qallegro.models.write import get_model
from qallegro_ase import QAllegroCalculator
from tolerances import CALCULATOR, STORED_MODEL_ENERGY

NAMES = store.names()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """name -> exported file of every model."""
    folder = tmp_path_factory.mktemp("store")
    return {name: get_model(name, folder / f"{name}.qallegro.pth") for name in NAMES}


def crystal(name: str) -> Atoms:
    """A training frame of a model as a periodic structure that LAMMPS takes."""
    frame = sample_frames(store.find(name).record["provenance"])[0]
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    if not atoms.pbc.all():
        atoms.center(vacuum=store.find(name).record["config"]["r_max"])
        atoms.pbc = True
    box = atoms.cell.standard_form()[0]
    atoms.set_cell(box, scale_atoms=True)
    return atoms


def test_there_is_a_model() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_model_is_small_and_its_card_says_what_it_is(name: str) -> None:
    stored = store.find(name)
    assert stored.size <= store.SIZE_LIMIT
    for heading in ("## Domain", "## Errors", "## Data", "## Settings", "## Use"):
        assert heading in stored.card
    assert stored.about in stored.card and stored.record["sha256"]
    files = [file["path"] for file in stored.record["provenance"]["data_files"]]
    assert files and not any("/" in path for path in files) and "root" not in stored.record["provenance"]["config"]["data"]


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_is_that_of_the_package(name: str, tmp_path: Path) -> None:
    path = get_model(name, tmp_path / "model.pth")
    potential, provenance = load_model(path)
    original, _ = store.load(store.find(name))
    assert provenance["stored_model"]["name"] == name
    for key, tensor in original.state_dict().items():
        assert torch.equal(tensor, potential.state_dict()[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_runs_in_ase_and_lammps_with_the_same_numbers(name: str, files: dict[str, Path], tmp_path: Path) -> None:
    atoms = crystal(name)
    species = store.find(name).record["config"]["atom_types"]
    write_data(tmp_path / "frame.data", atoms, species)
    script = system_lines(atoms, "frame.data") + f"pair_style qallegro\npair_coeff * * {files[name]} {' '.join(species)}\n"
    script += observe_lines("frame") + "velocity all create 300 1\nfix 1 all nve\ntimestep 0.0001\nrun 100\n"
    run_well(script, tmp_path)
    lammps = snapshot(tmp_path, "in.log", "frame", frame=0)
    atoms.calc = QAllegroCalculator(str(files[name]))
    tolerance = CALCULATOR[store.find(name).record["config"]["dtype"]]
    assert np.isfinite(atoms.get_potential_energy())
    assert lammps.thermo["PotEng"] / len(atoms) == pytest.approx(atoms.get_potential_energy() / len(atoms), rel=tolerance.energy)
    np.testing.assert_allclose(lammps.forces, atoms.get_forces(), rtol=0, atol=tolerance.forces)
    energies = [row["TotEng"] / len(atoms) for row in thermo_rows(tmp_path / "in.log", "frame")]
    assert len(energies) == 101 and np.ptp(energies) < STORED_MODEL_ENERGY


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_the_record_are_those_of_its_data(name: str, shared: Path, files: dict[str, Path], qallegro, tmp_path: Path) -> None:
    record = store.find(name).record
    data = [shared / "data" / source["path"] for source in record["provenance"]["config"]["data"]["test"]]
    if not all(path.is_file() for path in data):
        pytest.skip("needs the test files of the model")
    assert qallegro("evaluate", files[name], *data, "--json", tmp_path / "errors.json").code == 0
    found, told = json.loads((tmp_path / "errors.json").read_text()), record["errors"]["test"]
    # The exported file rounds in another order than the checkpoint; errors are some 1e3 times that.
    assert found["energy"]["mae_meV_per_atom"] == pytest.approx(told["energy"]["mae_meV_per_atom"], rel=1e-3)
    if "forces" in told:
        assert found["forces"]["mae_meV_per_angstrom"] == pytest.approx(told["forces"]["mae_meV_per_angstrom"], rel=1e-3)


def test_command_line(tmp_path: Path, qallegro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = qallegro("models", "list")
    assert listed.code == 0 and all(name in listed.out for name in NAMES)
    assert qallegro("models", "list", "--card", NAMES[0]).out.startswith(f"# {NAMES[0]}")
    done = qallegro("models", "get", NAMES[0])
    assert done.code == 0 and (tmp_path / f"{NAMES[0]}.pth").is_file(), done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "gold"], f"model must be one of {', '.join(NAMES)}, got 'gold'"),
        (["list", "--card", "gold"], "model must be one of"),
        (["get", NAMES[0], "-o", "no/x.pth"], "folder of the output must exist"),
        (["get", NAMES[0], "-o", "x.bin"], "output name must end in `.pth` for a checkpoint"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failures(words: list[str], message: str, tmp_path: Path, qallegro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = qallegro("models", *words)
    assert done.code == 1 and message in done.err and "Traceback" not in done.err, done.err


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(store.find(NAMES[0]).folder, tmp_path / "broken")
    weights = tmp_path / "broken" / store.WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="must have the SHA-256 of its record"):
        store.load(store.find("broken", tmp_path))


def test_record_of_another_version_is_refused(tmp_path: Path) -> None:
    shutil.copytree(store.find(NAMES[0]).folder, tmp_path / "newer")
    record = json.loads((tmp_path / "newer" / store.RECORD).read_text())
    (tmp_path / "newer" / store.RECORD).write_text(json.dumps(record | {"format_version": 99}))
    with pytest.raises(ModelError, match="got qallegro-stored-model, version 99"):
        store.find("newer", tmp_path)
