"""Features of a periodic head start in the range of its circuit, whatever size the scalars have."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from ase.build import molecule

from novelty_samples import rattled_alloys, samples_of
from qallegro.data.sample import Sample, collate
from qallegro.errors import TrainingError
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model
from qallegro.model.config import ModelConfig
from qallegro.training import feature_norm
from qallegro.training.feature_norm import with_feature_norm
from qallegro.training.load_config import load_config
from qallegro.training.run import train
from reference_frames import emt_frames, tiny_run, write_config, write_frames
from systems import tiny_config

#: The norm is written with three digits.
ROUNDING = 5e-3
SEED = 1
#: slopes of tanh, 1 in its middle: what training saw as dead, and what it learns with
FLAT, STEEP = 1e-6, 0.9
SECTIONS = {"allegro_qdi": "qdi", "allegro_rff": "random_fourier"}
QDI = {"variant": "allegro_qdi", "qdi": {"width": 4}}


def benzenes(count: int = 4) -> list[Atoms]:
    frames = [molecule("C6H6") for _ in range(count)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.08, seed=seed)
    return frames


def growing(variant: str) -> ModelConfig:
    """The paper's network for benzene: its scalars grow from layer to layer."""
    return ModelConfig(
        atom_types=["H", "C"], r_max=12.0, l_max=1, num_layers=3, num_tensor_features=32, avg_num_neighbors=11.0, variant=variant
    )


def features(config: ModelConfig, samples: list[Sample]) -> np.ndarray:
    """What the tanh of the head acts on before its trained scale, of all edges, by a potential with its first weights."""
    potential, seen = build_potential(config, SEED), []
    potential.network.readout.project.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().double()))
    for sample in samples:
        batch = collate([sample])
        potential.network(batch.types, batch.types[batch.neighbors], batch.edge_vectors)
    values = torch.cat(seen).numpy()
    return values[values != 0.0]


@pytest.mark.parametrize("variant", SECTIONS)
def test_features_that_would_saturate_start_at_unit_size(variant: str) -> None:
    config = growing(variant)
    samples = samples_of(benzenes(), config)
    before = np.sqrt(np.square(features(config, samples)).mean())
    assert before > 50.0, "the case must saturate"
    normed = with_feature_norm(config, samples, SEED)
    assert getattr(normed, SECTIONS[variant]).feature_norm == pytest.approx(before, rel=ROUNDING)
    assert np.sqrt(np.square(features(normed, samples)).mean()) == pytest.approx(1.0, rel=ROUNDING)
    assert normed.model_dump(exclude=set(SECTIONS.values())) == config.model_dump(exclude=set(SECTIONS.values()))


def test_angles_have_a_slope_again() -> None:
    config = growing("allegro_qdi")
    samples = samples_of(benzenes(), config)

    def slope(made: ModelConfig) -> float:
        """Median over edges of the derivative of tanh with the initial scale of 0.5."""
        return float(np.median(1.0 - np.tanh(0.5 * features(made, samples)) ** 2))

    assert slope(config) < FLAT and slope(with_feature_norm(config, samples, SEED)) > STEEP


def test_small_features_stay_as_they_are() -> None:
    config = tiny_config("qdi")
    samples = samples_of(rattled_alloys(3), config)
    assert np.sqrt(np.square(features(config, samples)).mean()) < 1.0
    assert with_feature_norm(config, samples, SEED).qdi.feature_norm == 1.0


def test_lone_atoms_have_no_features() -> None:
    config = growing("allegro_qdi")
    assert with_feature_norm(config, samples_of([Atoms("C")], config), SEED).qdi.feature_norm == 1.0


def test_number_that_is_given_holds_and_other_variants_have_none() -> None:
    config = growing("allegro_qdi")
    given = config.model_copy(update={"qdi": config.qdi.model_copy(update={"feature_norm": 3.0})})
    samples = samples_of(benzenes(1), config)
    assert with_feature_norm(given, samples, SEED) is given
    plain = growing("allegro_mlp")
    assert with_feature_norm(plain, samples, SEED) is plain


def recorded(folder: Path) -> dict:
    return yaml.safe_load((folder / "config.yaml").read_text())["model"]["qdi"]


def test_run_measures_once_and_goes_on_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_frames(tmp_path / "set.xyz", emt_frames(12))
    # Sums over neighbors that are not averaged make features large.
    changes = {f"model__{key}": value for key, value in QDI.items()} | {"model__num_layers": 2, "model__avg_num_neighbors": 1e-3}
    config = load_config(write_config(tmp_path / "run.yaml", tiny_run(data, **changes, training__max_epochs=1)))
    run = train(config, tmp_path / "run").folder
    norm = recorded(run.path)["feature_norm"]
    assert norm > 1.0 and load_model(run.model)[0].config.qdi.feature_norm == norm
    monkeypatch.setattr(feature_norm, "_norm", lambda *arguments: 7.0)
    longer = load_config(tmp_path / "run.yaml", ["training.max_epochs=2"])
    train(longer, run.path, resume=True)
    assert load_model(run.model)[0].config.qdi.feature_norm == recorded(run.path)["feature_norm"] == norm


def test_run_of_a_version_without_a_norm_goes_on_without(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "set.xyz", emt_frames(12))
    changes = {f"model__{key}": value for key, value in QDI.items()}
    given = tiny_run(data, **changes, training__max_epochs=1)
    given["model"]["qdi"] = QDI["qdi"] | {"feature_norm": 1.0}
    run = train(load_config(write_config(tmp_path / "run.yaml", given)), tmp_path / "run").folder
    content = yaml.safe_load(run.config.read_text())
    del content["model"]["qdi"]["feature_norm"]
    run.config.write_text(yaml.safe_dump(content, sort_keys=False))
    longer = tiny_run(data, **changes, training__max_epochs=2)
    train(load_config(write_config(tmp_path / "longer.yaml", longer)), run.path, resume=True)
    assert load_model(run.model)[0].config.qdi.feature_norm is None


def test_training_whose_forces_have_died_stops(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "set.xyz", emt_frames(12))
    given = tiny_run(data, model__variant="allegro_qdi", model__qdi={"width": 4, "feature_norm": 1e-12})
    config = load_config(write_config(tmp_path / "run.yaml", given))
    with pytest.raises(TrainingError, match="predicted forces must not all be zero, those of the validation frames are at step 2"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "model.pth").exists()
