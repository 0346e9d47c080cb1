"""How new an atom is: the scale of a training set, and what the native engine makes of it, against plain linear algebra."""

import warnings

import numpy as np
import pytest
import torch

from lammps_systems import alloy, cluster
from native_files import random_potential, write_native_file
from novelty_samples import rattled_alloys, samples_of
from qallegro.uncertainty.latents import Latents
from qallegro.uncertainty.novelty import NoveltyScale, novelty_scale
from qallegro_ase import ExtrapolationError, ExtrapolationWarning, QAllegroCalculator, SetupError
from systems import tiny_config

#: float64: distances are divided by spreads down to 1e-4 of the largest
AGREEMENT = 1e-8


def test_the_training_set_lies_within_one_and_what_is_strange_beyond():
    potential = random_potential(tiny_config())
    structures = rattled_alloys(20)
    scale = novelty_scale(potential, samples_of(structures, potential.config))
    latents = Latents(potential)
    known = np.concatenate([scale.novelty(latents(atoms), latents.types(atoms)) for atoms in structures])
    assert 0.5 < known.max() <= 1.0
    alike = rattled_alloys(30)[20:]
    assert max(scale.novelty(latents(atoms), latents.types(atoms)).max() for atoms in alike) < 1.5
    (denser,) = rattled_alloys(1, lattice_constant=3.2)
    assert np.median(scale.novelty(latents(denser), latents.types(denser))) > 1.5


def test_distances_are_those_of_the_covariance():
    potential = random_potential(tiny_config())
    structures = rattled_alloys(20)
    scale = novelty_scale(potential, samples_of(structures, potential.config))
    latents = Latents(potential)
    features, types = (np.concatenate([f(atoms) for atoms in structures]) for f in (latents, latents.types))
    lithium = features[types == 1]
    difference = lithium - lithium.mean(0)
    covariance = np.cov(lithium, rowvar=False, bias=True)
    floor = 1e-8 * np.linalg.eigvalsh(covariance)[-1]
    expected = np.sqrt(np.einsum("na,ab,nb->n", difference, np.linalg.inv(covariance + floor * np.eye(len(covariance))), difference))
    np.testing.assert_allclose(scale.novelty(lithium, np.ones(len(lithium), dtype=int)) * float(scale.reach[1]), expected, rtol=1e-6)


def test_a_perfect_crystal_is_not_new_to_itself_and_a_species_without_atoms_always():
    potential = random_potential(tiny_config())
    crystal = alloy()
    crystal.symbols[:] = "Cu"
    crystal.set_scaled_positions(np.round(crystal.get_scaled_positions() * 4) / 4)
    scale = novelty_scale(potential, samples_of([crystal], potential.config))
    latents = Latents(potential)
    assert scale.novelty(latents(crystal), latents.types(crystal)).max() < 1.0
    found = scale.novelty(latents(alloy()), latents.types(alloy()))
    assert np.isinf(found[latents.types(alloy()) == 1]).all() and np.isfinite(found[latents.types(alloy()) == 0]).all()
    assert NoveltyScale.from_tensors(scale.tensors()) == scale


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("variant", ["default", "mlp", "qdi", "typed_scales"])
def test_the_native_engine_tells_the_same(variant, threads, tmp_path):
    potential = random_potential(tiny_config(variant))
    scale = novelty_scale(potential, samples_of(rattled_alloys(8), potential.config))
    write_native_file(tmp_path / "m.pth", potential, record_changes=RANGES, novelty=scale.tensors())
    latents = Latents(potential)
    calculator = QAllegroCalculator(tmp_path / "m.pth", guard="warn", threads=threads)
    for atoms in (alloy(), cluster()):  # the cluster has an atom without neighbors
        atoms.calc = calculator
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExtrapolationWarning)
            atoms.get_forces()
        expected = scale.novelty(latents(atoms), latents.types(atoms))
        np.testing.assert_allclose(calculator.results["novelty"], expected, rtol=AGREEMENT, atol=AGREEMENT)


#: ranges that everything lies in
RANGES = {
    "provenance": {
        "statistics": {
            "shortest_distances": {a: {b: 0.1 for b in ("Cu", "Li")} for a in ("Cu", "Li")},
            "neighbor_counts": {a: {b: [0, 1000] for b in ("Cu", "Li")} for a in ("Cu", "Li")},
        }
    }
}


def test_asking_changes_no_force_and_the_guard_speaks_once(tmp_path):
    potential = random_potential(tiny_config(dtype="float32"))
    scale = novelty_scale(potential, samples_of(rattled_alloys(8), potential.config))
    write_native_file(tmp_path / "m.pth", potential, record_changes=RANGES, novelty=scale.tensors())
    (known,), (strange,) = rattled_alloys(1), rattled_alloys(1, lattice_constant=3.0)
    calculator = QAllegroCalculator(tmp_path / "m.pth", guard="warn")
    plain = QAllegroCalculator(tmp_path / "m.pth")
    assert (calculator.get_forces(known) == plain.get_forces(known)).all() and "novelty" not in plain.results
    with pytest.warns(ExtrapolationWarning, match=r"times as far from the training set.*`max_novelty` is 1\.5"):
        calculator.get_forces(strange)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strange.rattle(0.01)
        calculator.get_forces(strange)
        calculator.set(max_novelty=1e6, guard="error")
        calculator.get_forces(strange)
    calculator.set(max_novelty=1.5)
    with pytest.raises(ExtrapolationError, match="train anew"):
        calculator.get_forces(strange)
    with pytest.raises(SetupError, match="`max_novelty` must be larger than 0"):
        calculator.set(max_novelty=0)


def test_files_that_cannot_tell_it_say_nothing_of_it(tmp_path):
    """An earlier file, a readout without latent features, and a broken scale."""
    potential = random_potential(tiny_config("linear"))
    scale = novelty_scale(potential, samples_of(rattled_alloys(2), potential.config)).tensors()
    write_native_file(tmp_path / "linear.pth", potential, record_changes=RANGES, novelty=scale)
    write_native_file(tmp_path / "old.pth", random_potential(tiny_config()), record_changes=RANGES)
    atoms = alloy()
    for name in ("linear", "old"):
        calculator = QAllegroCalculator(tmp_path / f"{name}.pth", guard="warn")
        calculator.get_forces(atoms)
        assert "novelty" not in calculator.results and "distance_below_training" in calculator.results
    write_native_file(tmp_path / "bad.pth", potential, record_changes=RANGES, novelty=scale | {"reach": torch.ones(3)})
    with pytest.raises(SetupError, match="reach"):
        QAllegroCalculator(tmp_path / "bad.pth")
