"""Engine `native` on the peer's models: its numbers for the reference structures, by way of the ASE calculator."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from native_files import write_native_file
from qallegro.export.exporter import with_dtype
from qallegro.export.nequip_import import potential_from_file
from qallegro.export.peer_file import read_peer_file
from qallegro.export.peer_weights import potential_from_peer
from qallegro_ase import QAllegroCalculator
from tolerances import PARITY

SHARED = Path(__file__).parents[2].parent / "shared" / "parity"
FIXTURES = sorted(SHARED.glob("*.npz"))
FILES = sorted((Path(__file__).parents[1] / "parity" / "files").glob("*.ckpt"))
#: eV: a dimer at the cutoff has an energy of nothing, which no relative error can be taken of
SMALLEST_ENERGY = 1e-3


def check(path, numbers, tolerance, structures):
    """Energies, forces and stresses of `structures` structures in the archive `numbers`."""
    calculator = QAllegroCalculator(path, engine="native", skin=0.0)
    names = sorted({key.split("/")[0] for key in numbers if key.endswith("/positions")})
    assert len(names) == structures
    for name in names:
        data = {key.split("/")[1]: value for key, value in numbers.items() if key.startswith(f"{name}/")}
        atoms = Atoms(data["symbols"], positions=data["positions"], cell=data["cell"], pbc=data["pbc"], calculator=calculator)
        expected = data["per_atom_energy"].ravel()
        scale = max(float(np.abs(expected).max()), SMALLEST_ENERGY)
        np.testing.assert_allclose(atoms.get_potential_energies(), expected, rtol=0, atol=tolerance.energy * scale, err_msg=name)
        total = tolerance.energy * scale * len(atoms)
        np.testing.assert_allclose(atoms.get_potential_energy(), data["energy"], rtol=0, atol=total, err_msg=name)
        np.testing.assert_allclose(atoms.get_forces(), data["forces"], rtol=0, atol=tolerance.forces, err_msg=name)
        if "stress" in data:
            stress = atoms.get_stress(voigt=data["stress"].size == 6)
            np.testing.assert_allclose(stress, data["stress"], rtol=0, atol=tolerance.stress, err_msg=name)


@pytest.mark.skipif(not FIXTURES, reason="needs the peer's numbers in ../shared/parity")
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_reference_numbers(fixture, tmp_path):
    with np.load(fixture, allow_pickle=False) as data:
        numbers = {name: data[name] for name in data.files}
    weights = {key.removeprefix("weights/"): torch.as_tensor(value) for key, value in numbers.items() if key.startswith("weights/")}
    potential = potential_from_peer(json.loads(str(numbers["config"])), weights).requires_grad_(False).eval()
    for dtype in ("float64", "float32"):
        write_native_file(tmp_path / f"{dtype}.qallegro.pth", with_dtype(potential, dtype))
        check(tmp_path / f"{dtype}.qallegro.pth", numbers, PARITY[dtype], 6)


@pytest.mark.parametrize("checkpoint", FILES, ids=lambda path: path.stem)
def test_imported_models(checkpoint, tmp_path):
    potential, _ = potential_from_file(read_peer_file(checkpoint))
    write_native_file(tmp_path / "model.qallegro.pth", potential.requires_grad_(False).eval())
    with np.load(checkpoint.with_suffix(".npz"), allow_pickle=False) as data:
        check(tmp_path / "model.qallegro.pth", dict(data), PARITY[potential.config.dtype], 3)
