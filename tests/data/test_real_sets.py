"""The real reference sets that the configurations in configs/ are made for; they lie beside the checkout."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from qallegro.data.checks import DataWarning
from qallegro.data.neighbors import fingerprint, neighbor_table
from qallegro.data.readers import read_frames
from qallegro.data.reference_data import CutoffTable, ReferenceData, load_reference_data
from qallegro.errors import DataError
from qallegro.training.load_config import load_config
from qallegro.training.run import train

CONFIGS = Path(__file__).parents[2] / "configs"


def load(name: str, shared: Path, *overrides: str) -> ReferenceData:
    config = load_config(CONFIGS / f"{name}.yaml", [f"data.root={shared / 'data'}", *overrides])
    return load_reference_data(config.data, CutoffTable(config.model["r_max"]))


# name -> frames of training, validation, test; species; labels. Counts are those of the sets' papers and of SOURCES.md.
SETS = {
    "rmd17_aspirin": ((950, 50, 1000), ["H", "C", "O"], ["energy", "forces"]),
    "rmd17_benzene": ((950, 50, 1000), ["H", "C"], ["energy", "forces"]),
    "3bpa": ((450, 50, 469), ["H", "C", "N", "O"], ["energy", "forces"]),
    "cu_li": ((431, 37, 60), ["Li", "Cu"], ["energy", "forces", "stress"]),
}


@pytest.mark.parametrize("name", SETS)
def test_sets_of_the_configurations(name: str, shared: Path) -> None:
    counts, species, quantities = SETS[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=DataWarning)
        # Known of these sets: one composition, and strained crystals that symmetry makes equal.
        warnings.filterwarnings("ignore", message=".*cannot be told apart|.* must not be in the training set", category=DataWarning)
        data = load(name, shared)
    assert tuple(len(s) for s in data.samples.values()) == counts
    assert data.atom_types == species and data.quantities == quantities


def test_energies_of_qm9_without_zero_point(shared: Path) -> None:
    data = load("qm9", shared, 'data.train={path: qm9_train.xyz.gz, index: ":400"}', "data.split.validation=20", "data.test=null")
    assert data.quantities == ["energy"] and len(data.samples["train"]) == 380
    # A linear fit by composition leaves some tens of meV an atom in molecules of this size.
    assert 0.005 < data.statistics.energy_residual_rms < 0.2


def test_isolated_atoms_of_3bpa(shared: Path) -> None:
    references = load("3bpa", shared).statistics.reference_energies
    # wB97X totals of free atoms, eV; hydrogen lies near -13.6.
    assert references["H"] == pytest.approx(-13.587, abs=1e-3) and references["C"] == pytest.approx(-1029.489, abs=1e-3)


def test_two_levels_of_theory_in_one_file_of_atoms_are_noticed(shared: Path) -> None:
    with pytest.raises(DataError, match="isolated atoms must have one energy a species"):
        load("3bpa", shared, "data.reference_energies={path: botnet_isolated_atoms.xyz.gz}")


def test_copper_duplicates_are_true(shared: Path) -> None:
    """Strained crystals that only a rotation tells apart: energies differ by the noise of the calculation."""
    prints = {}
    for name in ("cu_mlearn_train", "cu_mlearn_test"):
        for frame in read_frames(shared / "data" / f"{name}.xyz.gz"):
            prints.setdefault(fingerprint(frame, neighbor_table(frame.positions, frame.cell, frame.pbc, 5.0)), []).append(frame)
    twins = [frames for frames in prints.values() if len(frames) > 1]
    assert twins
    for frames in twins:
        assert np.ptp([f.energy / len(f.numbers) for f in frames]) < 1e-3


def test_short_training_on_aspirin_learns(shared: Path, tmp_path: Path) -> None:
    words = [
        "data.train={path: rmd17_aspirin_train_01.xyz.gz, index: ':80'}", "data.test={path: rmd17_aspirin_test_01.xyz.gz, index: ':40'}",
        "data.split={validation: 10}", "model.l_max=1", "model.num_layers=1", "model.num_scalar_features=16", "model.num_tensor_features=8",
        "model.latent_mlp={width: 16}", "training.max_epochs=12", "training.max_time=null", "training.schedule={warmup_steps: 10}",
        "training.validate_every=3", "trainer.plots=false",
    ]  # fmt: skip
    config = load_config(CONFIGS / "rmd17_aspirin.yaml", [f"data.root={shared / 'data'}", *words])
    with pytest.warns(DataWarning, match="cannot be told apart"):
        metrics = train(config, tmp_path / "run").metrics["test"]
    # The mean absolute force of this set is 930 meV/Å.
    assert metrics["forces"]["mae_meV_per_angstrom"] < 450
