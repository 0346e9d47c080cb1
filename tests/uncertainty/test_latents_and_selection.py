"""Latent features, farthest-point selection, and `qallegro select` from the outside."""

import ase.io
import numpy as np
import pytest
import torch
from ase.build import bulk

from lammps_systems import alloy, cluster
from native_files import random_potential
from qallegro.model.checkpoint import save_model
from qallegro.uncertainty.environments import EnvironmentSpace
from qallegro.uncertainty.farthest import farthest_structures
from qallegro.uncertainty.latents import Latents
from qallegro_ase import QAllegroCalculator
from systems import tiny_config


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("latents") / "model.pth"
    save_model(path, random_potential(tiny_config()), {})
    return path


@pytest.mark.parametrize("variant", ["default", "linear", "mlp", "qdi", "typed_scales"])
def test_energies_are_linear_in_latent_features(variant, tmp_path):
    potential = random_potential(tiny_config(variant))
    save_model(tmp_path / "model.pth", potential, {})
    latents = Latents.of_checkpoint(tmp_path / "model.pth")
    network = potential.network
    final = getattr(network.readout, "final", network.readout)
    last = final.rest[-1] if len(final.rest) else final.first
    for atoms in (alloy(), cluster()):
        features = latents(atoms)
        types = latents.types(atoms)
        if len(final.rest):
            linear = last([torch.from_numpy(features)])[:, 0].detach().numpy()
        else:  # the last map takes the scalars of each layer as a tensor of their own
            width = potential.config.num_scalar_features
            linear = (
                last([torch.from_numpy(part.copy()) for part in np.split(features, features.shape[1] // width, 1)])[:, 0].detach().numpy()
            )
        energies = network.shifts.detach().numpy()[types] + network.scales.detach().numpy()[types] * linear
        atoms.calc = QAllegroCalculator(tmp_path / "model.pth", engine="eager")
        np.testing.assert_allclose(energies, atoms.get_potential_energies(), rtol=0, atol=1e-10)


def test_farthest_structures_cover_clusters_one_by_one():
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    candidates = [centers[k % 3] + 0.1 * rng.normal(size=(4, 2)) for k in range(12)]
    chosen = farthest_structures(candidates, 2, known=np.zeros((1, 2)))
    assert [k % 3 for k in chosen.indices] == [2, 1]
    assert chosen.distances == pytest.approx([20.0, 10.0], abs=0.5) and chosen.remaining < 1.0
    alone = farthest_structures(candidates, 3)
    assert sorted(k % 3 for k in alone.indices) == [0, 1, 2] and np.isinf(alone.distances[0])


def test_one_unusual_atom_brings_its_structure():
    ordinary = [np.zeros((50, 2)) + 0.01 * k for k in range(5)]
    ordinary[3] = ordinary[3].copy()
    ordinary[3][17] = 5.0
    chosen = farthest_structures(ordinary, 1, known=np.zeros((1, 2)))
    assert chosen.indices == [3]


def test_what_is_known_is_not_chosen():
    known = np.arange(6.0).reshape(3, 2)
    assert farthest_structures([known[:2], known[2:]], 5, known).indices == []
    assert farthest_structures([np.zeros((0, 2))], 5).indices == []


def test_species_do_not_cover_one_another(model):
    structures = [bulk("Cu", a=3.7), bulk("Li", "fcc", a=3.7), alloy()]
    space = EnvironmentSpace(Latents.of_checkpoint(model), structures)
    copper, lithium = space.environments(0), space.environments(1)
    assert copper.shape == lithium.shape and not (copper * lithium).any()


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Rattled crystals, one of them compressed, in two files."""
    monkeypatch.chdir(tmp_path)
    crystals = []
    for k in range(8):
        atoms = bulk("Cu", a=3.0 if k == 5 else 3.7, cubic=True)
        atoms.rattle(0.02, seed=k)
        atoms.arrays["force_deviation"] = np.full(4, 0.1 * k)
        atoms.info["step"] = k
        crystals.append(atoms)
    ase.io.write("known.xyz", crystals[:2])
    ase.io.write("dump.xyz", crystals[2:])


def test_select_takes_what_is_new(model, frames, qallegro):
    code, _, err = qallegro("select", "dump.xyz", "--model", model, "--known", "known.xyz", "-n", "2", "-o", "next.xyz")
    assert code == 0, err
    chosen = ase.io.read("next.xyz", ":")
    assert len(chosen) == 2 and chosen[0].info["step"] == 5 and chosen[0].info["selected_from"] == "dump.xyz@3"
    code, _, err = qallegro("select", "dump.xyz", "--model", model, "--above", "0.65", "-o", "hot.xyz")
    assert code == 0 and [atoms.info["step"] for atoms in ase.io.read("hot.xyz", ":")] == [7]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("dump.xyz -n 0", "`--count` must be 1 or more"),
        ("gone.xyz", "must exist, got `gone.xyz`"),
        ("known.xyz --known known.xyz", "at least one environment must be new"),
        ("dump.xyz --above 3", "none exceeds `--above`"),
        ("dump.xyz -o out.cif", "must end in .xyz"),
        ("silicon.xyz", "a structure has Si"),
    ],
)
def test_mistakes_get_one_message(model, frames, qallegro, words, message):
    ase.io.write("silicon.xyz", bulk("Si"))
    words = words.split()
    output = [] if "-o" in words else ["-o", "x.xyz"]
    code, _, err = qallegro("select", *words, "--model", model, *output)
    assert code == 1 and message in err and err.startswith("qallegro: error: ")
