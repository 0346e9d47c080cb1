"""Runs that start from a trained model: what they take over, what they adapt, what they refuse."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
import yaml

from qallegro.cli.main import main
from qallegro.data.config import Source
from qallegro.errors import ConfigError, DataError
from qallegro.model.checkpoint import load_model
from qallegro.models import store
from qallegro.training.evaluate import evaluate_file
from qallegro.training.load_config import load_config
from qallegro.training.predictors import open_predictor
from qallegro.training.run import train
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.space import check_space
from reference_frames import emt_frames, tiny_run, write_config, write_frames

#: eV, zero of energy of an atom in another program; exact in float64 sums of a few atoms
OTHER_ZERO = {"Cu": -1600.0, "Au": 40.0}
#: eV an atom: least squares recover an offset from predictions in float32
RECOVERED = 1e-4


def shifted(frames: list, zero: dict[str, float]) -> list:
    """Frames whose energies count from another zero."""
    for atoms in frames:
        atoms.calc.results["energy"] += sum(zero[symbol] for symbol in atoms.symbols)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    write_frames(folder / "set.xyz", emt_frames(24))
    write_frames(folder / "other_zero.xyz", shifted(emt_frames(24), OTHER_ZERO))
    write_frames(folder / "new.xyz", shifted(emt_frames(18, seed=7), OTHER_ZERO))
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    config = tiny_run(
        folder / "set.xyz", training__max_epochs=30, training__optimizer__kind="muon", training__optimizer__learning_rate=0.03
    )
    return train(load_config(write_config(folder / "first.yaml", config)), folder / "first").folder.model


def run_from(model: Path | str, folder: Path, name: str, data: str = "new.xyz", **changes: Any) -> Path:
    """A configuration without a model of its own."""
    config = tiny_run(folder / data, start_from=str(model), **changes)
    own = {key: value for key, value in config.pop("model").items() if f"model__{key}" in changes}
    return write_config(folder / f"{name}.yaml", config | ({"model": own} if own else {}))


def test_without_a_step_the_zero_of_energy_alone_moves(folder: Path, model: Path) -> None:
    still = {"training__max_epochs": 1, "training__optimizer__learning_rate": 1e-30}
    before, _ = load_model(model)
    shifts, errors = [], []
    for data in ("set", "other_zero"):
        file = run_from(model, folder, f"still_{data}", f"{data}.xyz", **still)
        run = train(load_config(file), folder / f"still_{data}").folder
        after, provenance = load_model(run.model)
        moved = {k for k, v in before.state_dict().items() if not torch.equal(v, after.state_dict()[k])}
        assert moved == {"network.shifts"}
        assert provenance["started_from"]["model"] == str(model)
        shifts.append(after.network.shifts.numpy())
        errors.append(evaluate_file(open_predictor(run.model), [Source(path=str(folder / f"{data}.xyz"))]).errors)
    assert np.allclose(shifts[1] - shifts[0], [OTHER_ZERO[symbol] for symbol in before.config.atom_types], atol=RECOVERED)
    assert errors[1].forces.mae == errors[0].forces.mae
    assert errors[1].energy.mae == pytest.approx(errors[0].energy.mae, abs=RECOVERED)


def test_few_epochs_from_a_trained_model_beat_as_many_from_scratch(folder: Path, model: Path) -> None:
    tuned = train(load_config(run_from(model, folder, "tuned")), folder / "tuned").metrics
    fresh = train(load_config(write_config(folder / "fresh.yaml", tiny_run(folder / "new.xyz"))), folder / "fresh").metrics
    assert tuned["validation"]["forces"]["mae_meV_per_angstrom"] < 0.5 * fresh["validation"]["forces"]["mae_meV_per_angstrom"]


def test_a_resumed_run_keeps_its_reference_energies(folder: Path, model: Path) -> None:
    file = run_from(model, folder, "resumed", training__schedule__kind="constant")
    train(load_config(file, ["training.max_epochs=1"]), folder / "resumed")
    train(load_config(file), folder / "resumed", resume=True)
    train(load_config(file), folder / "whole")
    resumed, whole = (load_model(folder / name / "model.pth")[0].state_dict() for name in ("resumed", "whole"))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_reference_energies_that_are_given_stay(folder: Path, model: Path) -> None:
    shifts = {"Cu": -1.0, "Au": 2.0}
    file = run_from(model, folder, "given", "set.xyz", model__per_type_energy_shifts=shifts, model__dtype="float64", training__max_epochs=1)
    potential, _ = load_model(train(load_config(file), folder / "given").folder.model)
    assert potential.config.per_type_energy_shifts == shifts and potential.config.dtype == "float64"


def test_frames_may_lack_species_of_the_model(folder: Path, model: Path) -> None:
    copper = [atoms for atoms in ase.io.read(folder / "new.xyz", ":") if set(atoms.symbols) == {"Cu"}]
    write_frames(folder / "copper.xyz", copper)
    file = run_from(model, folder, "copper", "copper.xyz", data__split={"validation": 1}, training__max_epochs=1)
    after, _ = load_model(train(load_config(file), folder / "copper").folder.model)
    before, _ = load_model(model)
    gold = before.config.atom_types.index("Au")
    assert after.config.atom_types == before.config.atom_types
    assert after.network.shifts[gold] == pytest.approx(float(before.network.shifts[gold]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__l_max": 2}, r"`model.l_max` must be that of `start_from` .*first/model.pth, 1, got 2; leave it out"),
        ({"model__latent_mlp": {"width": 16}}, r"`model.latent_mlp` must be that of `start_from`"),
        ({"model__lmax": 2}, r"`model.lmax`: unknown key; the nearest valid key is `model.l_max`"),
    ],
)
def test_other_hyperparameters_are_refused(changes: dict[str, Any], message: str, folder: Path, model: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(load_config(run_from(model, folder, "refused", **changes)), folder / "refused")
    assert not (folder / "refused").exists()


def test_same_hyperparameters_may_be_repeated(folder: Path, model: Path) -> None:
    config = tiny_run(folder / "new.xyz", start_from=str(model), training__max_epochs=1)
    train(load_config(write_config(folder / "same.yaml", config)), folder / "same")


def test_a_species_that_the_model_does_not_know_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="Au"):
        train(load_config(run_from("silicon_quick", folder, "species")), folder / "species")


def test_a_model_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"`start_from` must be a file of `qallegro train`, or one of .*silicon_quick.*none\.pth"):
        train(load_config(run_from("none.pth", folder, "none")), folder / "none")


def test_a_configuration_needs_a_model_or_one_to_start_from(folder: Path) -> None:
    config = tiny_run(folder / "new.xyz")
    del config["model"]
    with pytest.raises(ConfigError, match="`model` must be given, or `start_from` must name a trained model"):
        load_config(write_config(folder / "neither.yaml", config))


def test_paths_start_from_the_file_and_names_stay(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = run_from("first/model.pth", folder, "paths")
    monkeypatch.chdir(tmp_path)
    assert load_config(file).start_from == str(folder / "first/model.pth")
    assert load_config(file, ["start_from=here.pth"]).start_from == str(tmp_path / "here.pth")
    assert load_config(file, ["start_from=copper_small"]).start_from == "copper_small"


def test_preset_on_files_takes_the_model_of_the_package(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preset's own hyperparameters give way; recorded is what was started from."""
    copper = [atoms for atoms in emt_frames(40, seed=5) if set(atoms.symbols) == {"Cu"}]
    write_frames(folder / "cu.xyz", copper)
    words = [
        "train",
        "--preset",
        "quick",
        str(folder / "cu.xyz"),
        "start_from=copper_small",
        "training.max_steps=2",
        "training.max_time=1h",
    ]
    monkeypatch.setattr("sys.argv", ["qallegro", *words, "data.split.validation=2", "-o", str(folder / "preset")])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert "weights to start from: those of copper_small" in capsys.readouterr().out
    config = yaml.safe_load((folder / "preset" / "config.yaml").read_text())
    own = store.find("copper_small").record["config"]
    changed = {key for key, value in own.items() if config["model"][key] != value}
    assert config["start_from"] == "copper_small" and changed <= {"per_type_energy_shifts"}
    assert config["training"]["optimizer"]["kind"] == "muon"


def test_a_study_refuses_it(folder: Path, model: Path) -> None:
    base = yaml.safe_load(run_from(model, folder, "study").read_text())
    config = TuningConfig.model_validate(
        {"base": base, "space": {"model.l_max": {"type": "int", "low": 1, "high": 2}}, "budget": {"epochs": 1}}
    )
    with pytest.raises(ConfigError, match="`base` must not have `start_from`"):
        check_space(config, "study.yaml")
