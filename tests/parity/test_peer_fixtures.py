"""The model against numbers of the public peer nequip-allegro 0.8.3, in order of the flow: edges, energies, forces, stress."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from qallegro.export.exporter import with_dtype
from qallegro.export.peer_weights import potential_from_peer
from systems import make_batch
from tolerances import PARITY

FOLDER = Path(__file__).parents[2].parent / "shared" / "parity"
FIXTURES = sorted(FOLDER.glob("*.npz"))
#: eV: a dimer at the cutoff has an energy of nothing, which no relative error can be taken of
SMALLEST_ENERGY = 1e-3
pytestmark = pytest.mark.skipif(not FIXTURES, reason="needs the peer's numbers in ../shared/parity")


@pytest.fixture(params=FIXTURES or [None], ids=lambda path: path.stem if path else "none", scope="module")
def fixture(request):
    with np.load(request.param, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


@pytest.fixture(scope="module")
def potential(fixture):
    weights = {k.removeprefix("weights/"): torch.as_tensor(v) for k, v in fixture.items() if k.startswith("weights/")}
    return potential_from_peer(json.loads(str(fixture["config"])), weights)


def structures(fixture):
    for name in sorted({key.split("/")[0] for key in fixture if key.endswith("/positions")}):
        data = {key.split("/")[1]: value for key, value in fixture.items() if key.startswith(f"{name}/")}
        yield name, Atoms(data["symbols"], positions=data["positions"], cell=data["cell"], pbc=data["pbc"]), data


def check(potential, fixture, tolerance):
    assert len(list(structures(fixture))) == 6
    for name, atoms, expected in structures(fixture):
        batch = make_batch([atoms], potential.config)
        n_edges = int((batch.edge_vectors.norm(dim=2) < potential.config.r_max).sum())
        assert n_edges == expected["n_edges"], name
        result = potential.predict(batch)
        scale = max(float(np.abs(expected["per_atom_energy"]).max()), SMALLEST_ENERGY)
        np.testing.assert_allclose(result.per_atom_energy, expected["per_atom_energy"], rtol=0, atol=tolerance.energy * scale, err_msg=name)
        energy_scale = max(abs(float(expected["energy"])), SMALLEST_ENERGY)
        np.testing.assert_allclose(result.energy[0], expected["energy"], rtol=0, atol=tolerance.energy * energy_scale, err_msg=name)
        np.testing.assert_allclose(result.forces, expected["forces"], rtol=0, atol=tolerance.forces, err_msg=name)
        if "stress" in expected:
            stress = -result.virial[0] / batch.volume[0]
            np.testing.assert_allclose(stress, expected["stress"], rtol=0, atol=tolerance.stress, err_msg=name)


def test_float64_network_agrees_to_rounding(fixture, potential):
    check(potential, fixture, PARITY["float64"])


def test_float32_network_agrees_to_single_precision(fixture, potential):
    check(with_dtype(potential, "float32"), fixture, PARITY["float32"])
