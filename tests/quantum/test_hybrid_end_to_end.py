"""A hybrid model from `qallegro train` to LAMMPS on two ranks and ASE, against PennyLane in the loop of the same checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from lammps_runner import observe_lines, run_well, snapshot, system_lines, write_data
from qallegro.export.exporter import export_model, with_dtype
from qallegro.model.checkpoint import load_model
from qallegro.quantum.pennylane_reference import with_pennylane
from qallegro_ase import QAllegroCalculator
from reference_frames import emt_frames, tiny_run, write_config, write_frames
from systems import make_batch
from tolerances import PARITY

CIRCUIT = {"num_qubits": 4, "num_features": 4, "encoding_axis": "Z", "observables": "Y"}


def structure(species):
    """32 atoms of two species, far from any training frame."""
    atoms = bulk("Cu", cubic=True, a=3.75) * 2
    atoms.symbols[:] = species[0]
    atoms.symbols[np.random.default_rng(5).permutation(32)[:13]] = species[1]
    atoms.rattle(0.15, seed=6)
    return atoms


@pytest.fixture(scope="module", params=["emt", "cu_li"])
def checkpoint(request, tmp_path_factory):
    """`model.pth` of a short run, and its species."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "emt":
        write_frames(folder / "train.xyz", emt_frames(16))
        changes = {"model__variant": "allegro_qdi", "model__qdi": {"circuit": CIRCUIT, "width": 8}, "trainer__progress": "lines"}
        words, species = [str(write_config(folder / "run.yaml", tiny_run(Path("train.xyz"), **changes)))], ("Cu", "Au")
    else:
        data = request.getfixturevalue("shared") / "data"
        config = Path(__file__).parents[2] / "configs" / "cu_li_qdi.yaml"
        words, species = (
            [str(config), f"data.root={data}", "training.max_steps=40", "training.max_epochs=1", "trainer.plots=false"],
            ("Cu", "Li"),
        )
    command = [sys.executable, "-m", "qallegro.cli.main", "train", *words, "-o", str(folder / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "circuit of 4 qubits with 4 features and 24 angles, of which 4 cannot act" in done.stdout
    return folder / "run" / "model.pth", species


@pytest.fixture(scope="module", params=["float64", "float32"])
def case(request, checkpoint, tmp_path_factory):
    """Exported file, structure, forces of PennyLane in the loop (float64 network), tolerance."""
    path, species = checkpoint
    exported = export_model(path, tmp_path_factory.mktemp("file") / "hybrid.qallegro.pth", dtype=request.param)
    atoms = structure(species)
    potential = with_pennylane(with_dtype(load_model(path)[0], "float64"))
    forces = potential.predict(make_batch([atoms], potential.config)).forces.numpy()
    assert np.abs(forces).max() > 0.02  # eV/Å, three orders above the tolerance
    return exported.path, atoms, species, forces, PARITY[request.param].forces


def test_ase(case):
    path, atoms, _, forces, tolerance = case
    atoms = atoms.copy()
    atoms.calc = QAllegroCalculator(path)
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=tolerance)


@pytest.mark.parametrize("ranks", [1, 2])
def test_lammps(case, ranks, tmp_path):
    path, atoms, species, forces, tolerance = case
    write_data(tmp_path / "structure.data", atoms, list(species))
    script = system_lines(atoms, "structure.data") + f"pair_style qallegro\npair_coeff * * {path} {' '.join(species)}\n"
    run_well(script + observe_lines("hybrid") + "run 0\n", tmp_path, ranks)
    np.testing.assert_allclose(snapshot(tmp_path, "in.log", "hybrid").forces, forces, rtol=0, atol=tolerance)
