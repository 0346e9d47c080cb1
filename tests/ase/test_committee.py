"""A calculator over several files: means, deviations, errors."""

import copy
import pickle

import numpy as np
import pytest

from lammps_systems import alloy
from native_files import random_potential, write_native_file
from qallegro_ase import QAllegroCalculator, SetupError
from systems import tiny_config


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    for seed in range(3):
        write_native_file(folder / f"{seed}.pth", random_potential(tiny_config(), seed))
    write_native_file(folder / "other.pth", random_potential(tiny_config(atom_types=["Li", "Cu"]), 3))
    return folder


def evaluated(model, **options):
    """Results with the stresses of atoms."""
    calculator = QAllegroCalculator(model, **options)
    calculator.calculate(alloy(), ["energy", "stresses"])
    return calculator.results


def test_results_are_means_and_deviations_are_root_mean_squares(files):
    parts = [evaluated(files / f"{seed}.pth") for seed in range(3)]
    found = evaluated([files / f"{seed}.pth" for seed in range(3)])
    for name in ("energy", "energies", "forces", "stress", "stresses"):
        np.testing.assert_allclose(found[name], np.mean([part[name] for part in parts], axis=0), rtol=0, atol=1e-12)
    forces = np.array([part["forces"] for part in parts])
    squares = ((forces - forces.mean(0)) ** 2).sum(-1)
    np.testing.assert_allclose(found["forces_committee_deviation"], np.sqrt(squares.mean(0)), rtol=0, atol=1e-12)
    assert found["max_forces_committee_deviation"] == found["forces_committee_deviation"].max() > 0.01
    assert found["energy_committee_deviation"] == pytest.approx(np.std([part["energy"] for part in parts]))


def test_members_that_agree_do_not_deviate(files):
    found = evaluated([files / "1.pth"] * 4)
    assert (found["forces_committee_deviation"] == 0.0).all() and found["energy_committee_deviation"] == 0.0


def test_one_file_in_a_list_is_that_file(files):
    found, alone = evaluated([files / "1.pth"]), evaluated(files / "1.pth")
    assert found["energy"] == alone["energy"] and "forces_committee_deviation" not in found


def test_a_committee_knows_its_timings_and_travels(files):
    calculator = QAllegroCalculator([files / "0.pth", files / "1.pth"])
    atoms = alloy()
    for step in range(6):
        atoms.positions[0, 0] += 1e-4 * step
        energy = calculator.get_potential_energy(atoms)
    assert "committee of 2" in calculator.description and calculator.timings["evaluations"] == 12
    assert calculator.latency.steps > 0 and calculator.latency.summary()["step"]["total"] > 0.0
    for other in (pickle.loads(pickle.dumps(calculator)), copy.deepcopy(calculator)):
        other.reset()
        assert other.get_potential_energy(atoms) == energy


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["0.pth", "other.pth"], "same species in the same order"),
        (["0.pth", "gone.pth"], "gone.pth"),
        ([], "`model` must be the path of a file"),
        (["0.pth", 7], "`model` must be the path of a file"),
    ],
)
def test_mistakes_get_one_message(files, models, message):
    with pytest.raises(SetupError, match=message):
        QAllegroCalculator([files / model if isinstance(model, str) else model for model in models])
