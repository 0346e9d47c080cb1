"""What benchmarks/accuracy makes of its settings, runs and numbers. Not the numbers themselves."""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
import torch
import yaml
from ase.calculators.singlepoint import SinglePointCalculator

from qallegro.errors import ModelError
from qallegro.model.checkpoint import load_model
from qallegro.models import store
from qallegro.training.load_config import check_config, load_config
from qallegro.training.run import train
from reference_frames import emt_frames, tiny_run, write_config, write_frames

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path += [str(BENCHMARKS / name) for name in ("variants", "recipes", "training_speed", "accuracy")]

import accuracy_clock  # noqa: E402
import accuracy_report  # noqa: E402
import accuracy_results  # noqa: E402
import accuracy_settings  # noqa: E402
import budget  # noqa: E402
import keep_model  # noqa: E402
import over_sets  # noqa: E402
import peer_data  # noqa: E402
import peer_programs  # noqa: E402
import peers_over_sets  # noqa: E402
import table  # noqa: E402
from accuracy_results import Row  # noqa: E402
from accuracy_sets import SETS  # noqa: E402

# Sums of some hundred terms of order one in another order.
ROUNDING = 1e-12
RECORD = {
    "machine": {"processor": "a processor", "cores": 2},
    "date": "today",
    "clock": "processor",
    "threads": 1,
    "versions": {"torch": "2"},
    "missing": ["mace: it needs an environment of its own"],
}


@pytest.mark.parametrize("settings", accuracy_settings.SETTINGS)
@pytest.mark.parametrize("data_set", SETS)
def test_every_run_of_a_table_is_a_valid_configuration(data_set: str, settings: str) -> None:
    variants = accuracy_settings.available(data_set, settings)
    assert bool(variants) == (settings == "ours" or data_set not in ("3bpa", "si", "cu_li_dft"))
    for variant in variants:
        content = accuracy_settings.configuration(data_set, variant, settings, 1, "/data", "quick", 60.0, None)
        config = check_config(content, variant)
        assert config.training.max_seconds == 60.0 and config.data.split.seed == config.seed == 1
        content = accuracy_settings.configuration(data_set, variant, settings, 1, "/data", "quick", None, 7)
        config = check_config(content, variant)
        assert (config.training.max_seconds, config.training.max_epochs, config.training.schedule.over) == (None, 7, "epochs")


@pytest.mark.parametrize("preset", ["quick", "accurate"])
def test_ours_have_equal_numbers_of_parameters(preset: str) -> None:
    species = SETS["aspirin"].species
    sections = {v: accuracy_settings.model_section("aspirin", v, "ours", preset) for v in accuracy_settings.VARIANTS}
    counts = {variant: budget.trainable_parameters(section, species) for variant, section in sections.items()}
    assert all(abs(n - counts["allegro"]) <= accuracy_settings.TOLERANCE * counts["allegro"] for n in counts.values()), counts


def test_settings_of_the_paper_are_those_it_reports() -> None:
    content = accuracy_settings.configuration("aspirin", "qdi", "paper", 1, "/data", "quick", 60.0, None)
    model, training = content["model"], content["training"]
    assert (model["r_max"], model["num_layers"], model["readout_mlp"]["width"], model["qdi"]["width"]) == (9.5, 4, 16, 4)
    circuit = model["qdi"]["circuit"]
    assert (circuit["num_features"], circuit["depth"], circuit["num_features"] % circuit["num_qubits"]) == (21, 4, 0)
    assert (training["batch_size"], training["optimizer"]["learning_rate"]) == (1, 1e-3)
    frozen = accuracy_settings.model_section("aspirin", "qdi_frozen", "paper", "quick")
    assert frozen["qdi"] == model["qdi"] | {"trainable": False}


def row(variant: str, seed: int, forces: float, program: str = "qallegro", latency: float = 50.0, stress: float = 0.3) -> Row:
    return Row(program, "ours", variant, seed, 70_000, forces, 1.4 * forces, 0.5, 0.7, 120.0, 1000, latency, stress)


def test_rows_survive_a_file_with_what_is_not_known(tmp_path: Path) -> None:
    accuracy_results.write_row(tmp_path, row("allegro", 1, math.nan))
    assert json.loads((tmp_path / "result.json").read_text())["forces_mae"] is None
    read = accuracy_results.kept_row(tmp_path / "result.json")
    assert math.isnan(read.forces_mae) and read._replace(forces_mae=0.0, forces_rmse=0.0) == row("allegro", 1, 0.0)


def test_table_holds_runs_peers_literature_and_claims(tmp_path: Path) -> None:
    no = math.nan
    rows = [row(v, s, f + 0.01 * s, stress=no) for v, f in (("allegro", 10.0), ("mlp", 9.0), ("qdi", 9.0)) for s in (1, 2, 3)]
    rows.append(row("64 channels", 1, 12.0, program="mace", latency=no, stress=no)._replace(parameters=0, steps=0))
    text = accuracy_report.markdown("aspirin", rows, RECORD)
    assert "| Allegro, ours | 70,000 | 3 | 10.02 ± 0.01 | 14.03 ± 0.01 | 0.50 ± 0.00 | 0.70 ± 0.00 | 2 min | 1,000 | 50.0 ± 0.0 |" in text
    assert "| mace 64 channels, trained here | - | 1 | 12.00 |" in text and "| MACE (Batatia et al." in text
    assert "Not trained here: mace: it needs an environment of its own." in text
    assert "+QDI has lower errors than Allegro, by 1.00 meV/Å" in text and "no difference resolved" in text
    accuracy_report.draw("aspirin", rows, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_table_of_a_crystal_holds_stress() -> None:
    text = accuracy_report.markdown("cu_li_dft", [row("allegro", s, 10.0, stress=0.1 * s) for s in (1, 2, 3)], RECORD)
    assert "| energy RMSE | stress MAE (GPa) | training |" in text and "| 0.70 ± 0.00 | 0.20 ± 0.10 | 2 min |" in text


def test_table_of_energies_alone() -> None:
    rows = [row("allegro", s, math.nan) for s in (1, 2)]
    text = accuracy_report.markdown("qm9", rows, RECORD)
    assert "| Allegro, ours | 70,000 | 2 | - | - | 0.50 ± 0.00 |" in text and "| 10.3 |" in text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accuracy")
    write_frames(folder / "train.xyz", emt_frames(12))
    write_frames(folder / "test.xyz", emt_frames(5, seed=1))
    content = tiny_run(Path("train.xyz"), data__test="test.xyz", training__max_epochs=1)
    return train(load_config(write_config(folder / "run.yaml", content)), folder / "run").folder.path


def test_run_becomes_a_model_of_the_package(run: Path, tmp_path: Path) -> None:
    text = keep_model.Text("a test", "EMT", "none")
    stored = keep_model.keep(run, "tiny", text, tmp_path)
    assert store.names(tmp_path) == ["tiny"] and stored.about == "a test"
    potential, provenance = store.load(stored)
    assert potential.config.atom_types == ["Cu", "Au"]
    scale = load_model(run / "model.pth")[1]["novelty"]
    assert set(provenance["novelty"]) == set(scale) and all(torch.equal(provenance["novelty"][name], scale[name]) for name in scale)
    assert "| test | " in stored.card and str(run.parent) not in stored.card + json.dumps(stored.record)
    # A model of the same name takes its place.
    assert keep_model.keep(run, "tiny", text._replace(about="another"), tmp_path).about == "another"
    with pytest.raises(ModelError, match="must come from a finished run"):
        keep_model.keep(tmp_path, "none", text, tmp_path)


def test_record_of_a_model_tells_what_it_started_from_and_not_where_that_lay(run: Path, tmp_path: Path) -> None:
    content = tiny_run(Path("train.xyz"), data__test="test.xyz", start_from="run/model.pth", training__max_epochs=1)
    content.pop("model")
    tuned = train(load_config(write_config(run.parent / "tuned.yaml", content)), tmp_path / "run").folder.path
    (tmp_path / "models").mkdir()
    stored = keep_model.keep(tuned, "tuned", keep_model.Text("a", "b", "c"), tmp_path / "models")
    assert "It started from the weights of model.pth" in stored.card
    assert str(run.parent) not in stored.card + json.dumps(stored.record)


def test_row_of_a_run_has_its_errors_and_the_time_of_a_step(run: Path, tmp_path: Path) -> None:
    chosen = SETS["si"]._replace(data={"test": ["test.xyz"]}, latency_atoms=32)
    row = accuracy_results.read_row(run, chosen, run.parent, "ours", "allegro", 1)
    errors = json.loads((run / "test_metrics.json").read_text())["test"]
    assert row.forces_mae == errors["forces"]["mae_meV_per_angstrom"] and row.steps > 0
    assert 0.1 < row.latency < 1e6
    assert accuracy_results.kept_row(run / accuracy_results.RESULT) == row


def test_model_too_large_for_the_package_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SIZE_LIMIT", 1000)
    with pytest.raises(ModelError, match="must take at most 1,000 bytes"):
        keep_model.keep(run, "tiny", keep_model.Text("a", "b", "c"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def frames(run: Path, tmp_path_factory: pytest.TempPathFactory) -> peer_data.PeerData:
    section = yaml.safe_load((run / "config.yaml").read_text())["data"]
    return peer_data.write_frames(section, ["Cu", "Au"], 4.0, tmp_path_factory.mktemp("peers"))


def test_peers_get_the_frames_of_the_run(run: Path, frames: peer_data.PeerData) -> None:
    splits = json.loads((run / "splits.json").read_text())
    for subset in peer_data.SUBSETS:
        written = ase.io.read(frames.folder / f"{subset}.xyz", ":")
        assert len(written) == sum(len(entry["frames"]) for entry in splits[subset])
        assert len(ase.io.read(frames.folder / "trial" / f"{subset}.xyz", ":")) == 2
    sources = ase.io.read(run.parent / "test.xyz", ":")
    for index, atoms in zip(splits["test"][0]["frames"], ase.io.read(frames.folder / "test.xyz", ":"), strict=True):
        assert atoms.info["REF_energy"] == pytest.approx(sources[index].get_potential_energy(), rel=1e-7)
        np.testing.assert_allclose(atoms.arrays["REF_forces"], sources[index].get_forces(), atol=1e-7)


def test_peers_get_molecules_at_the_origin(tmp_path: Path) -> None:
    molecule = ase.Atoms("Cu2", [(190.0, 0, 0), (192.2, 0, 0)])
    molecule.calc = SinglePointCalculator(molecule, energy=-1.0, forces=np.zeros((2, 3)))
    ase.io.write(tmp_path / "molecules.xyz", [molecule] * 4)
    source = {"root": str(tmp_path), "train": ["molecules.xyz"], "test": ["molecules.xyz"], "split": {"train": 3, "validation": 1}}
    peer_data.write_frames(source, ["Cu"], 4.0, tmp_path / "peers")
    written = ase.io.read(tmp_path / "peers" / "test.xyz")
    np.testing.assert_allclose(written.positions, [(-1.1, 0, 0), (1.1, 0, 0)], atol=1e-6)  # digits of the file


def test_errors_of_predictions(frames: peer_data.PeerData) -> None:
    test = ase.io.read(frames.folder / "test.xyz", ":")
    energies = [atoms.info["REF_energy"] + 0.004 * (-1) ** k for k, atoms in enumerate(test)]
    forces = [atoms.arrays["REF_forces"] + 0.002 for atoms in test]
    found = peer_data.errors(frames, energies, forces)
    assert found == pytest.approx({"energy_mae": 1.0, "energy_rmse": 1.0, "forces_mae": 2.0, "forces_rmse": 2.0}, rel=1e3 * ROUNDING)
    assert math.isnan(peer_data.errors(frames, energies, None)["forces_mae"])
    with pytest.raises(ValueError, match="for each of the 5 test frames, got 1"):
        peer_data.errors(frames, energies[:1], None)


@pytest.mark.parametrize("name", peer_programs.PROGRAMS)
def test_commands_of_the_peers(name: str, frames: peer_data.PeerData, tmp_path: Path) -> None:
    program = peer_programs.PROGRAMS[name]
    job = peer_programs.Job("python", frames, frames.folder, tmp_path / name, 1, 12, 4)
    command = program.train(job)
    assert command[0] == "python" and not program.finished(job)
    if name == "nequip-allegro":
        config = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
        assert config["trainer"]["max_epochs"] == 12 and config["training_module"]["model"]["type_names"] == ["Cu", "Au"]
        assert not any("ckpt_path" in word for word in command)
        (tmp_path / name / "last.ckpt").write_text("")
        assert any(word.startswith("++ckpt_path=") for word in program.train(job))
    else:
        assert command[command.index("--max_num_epochs") + 1] == "12" and "--restart_latest" in command
        assert command[command.index("--start_stage_two") + 1] == "9"


def test_peers_of_other_terms_are_not_put_into_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "mace_1"
    folder.mkdir()
    (folder / accuracy_results.RESULT).write_text("{}")
    (folder / accuracy_results.STATE).write_text(json.dumps({"budget": 7200.0, "clock": "wall", "threads": 2, "epochs": 3}))
    same = argparse.Namespace(data_set="aspirin", hours=2.0, epochs=None, clock="wall", threads=2)
    assert table.other_terms(tmp_path, same) is None
    for other in ({"hours": 1.0}, {"hours": None}, {"epochs": 3}, {"clock": "processor"}, {"threads": 1}):
        complaint = table.other_terms(tmp_path, argparse.Namespace(**vars(same) | other))
        assert complaint is not None and "peers must have the terms of the table" in complaint and "mace_1" in complaint


def test_the_clock_of_the_processor_does_not_count_waiting() -> None:
    now = accuracy_clock.CLOCKS["processor"]
    started = now()
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1.0)"], check=True)
    slept = now() - started
    started = now()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 1.0: pass"], check=True)
    assert now() - started > slept + 0.5


def test_the_clock_of_the_processor_takes_one_thread(capsys: pytest.CaptureFixture[str]) -> None:
    def settled(*words: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        parser.add_argument("--threads", type=int)
        accuracy_clock.add_clock(parser)
        arguments = parser.parse_args(words)
        accuracy_clock.settle_threads(parser, arguments)
        return arguments

    assert settled("--clock", "processor").threads == 1
    assert settled("--threads", "3").clock == "wall"
    with pytest.raises(SystemExit):
        settled("--clock", "processor", "--threads", "2")
    assert "--threads must be 1" in capsys.readouterr().err


def table_file(folder: Path, data_set: str, errors: dict[str, list[float]]) -> None:
    rows = [
        {"program": "qallegro", "settings": "ours", "variant": variant, "forces_mae": error, "energy_mae": 1.0}
        for variant, values in errors.items()
        for error in values
    ]
    peer = {"program": "mace", "settings": "same time", "variant": "allegro", "forces_mae": 1e6, "energy_mae": 1e6}
    (folder / f"{data_set}.json").write_text(json.dumps({"data_set": data_set, "rows": [*rows, peer]}))


def test_ratio_over_sets_is_the_geometric_mean_of_geometric_means(tmp_path: Path) -> None:
    table_file(tmp_path, "aspirin", {"allegro": [10.0, 40.0], "mlp": [30.0, 30.0]})
    table_file(tmp_path, "benzene", {"allegro": [2.0], "mlp": [8.0], "qdi": [2.0]})
    (found,) = over_sets.ratios(over_sets.log_errors(tmp_path))
    assert (found.a, found.b) == ("mlp", "allegro") and found.ratios == pytest.approx({"aspirin": 1.5, "benzene": 4.0})
    assert found.mean == pytest.approx(6.0**0.5)
    low, high = found.interval
    assert low * high == pytest.approx(6.0) and low < 1.0 and found.claim == "no difference resolved"


def test_a_difference_that_holds_in_every_set_is_claimed(tmp_path: Path) -> None:
    for data_set, factor in {"aspirin": 1.20, "benzene": 1.21, "si": 1.19, "cu_li": 1.20}.items():
        table_file(tmp_path, data_set, {"allegro": [10.0], "mlp": [10.0 * factor]})
    found = over_sets.ratios(over_sets.log_errors(tmp_path))
    assert [r.claim for r in found] == ["larger errors"]
    assert "| 4 | 1.200 |" in over_sets.table(found)


def test_one_table_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table_file(tmp_path, "aspirin", {"allegro": [10.0], "mlp": [30.0]})
    monkeypatch.setattr("sys.argv", ["over_sets.py", "--results", str(tmp_path)])
    with pytest.raises(SystemExit, match="tables of two data sets or more must lie in"):
        over_sets.main()


def test_peers_stand_beside_qallegro_on_the_quantity_that_a_set_is_judged_by(tmp_path: Path) -> None:
    def row(program: str, forces: float | None, energy: float) -> dict:
        return {"program": program, "seconds": 300.0, "forces_mae": forces, "energy_mae": energy}

    tables = {
        "benzene": [row("qallegro", 2.0, 1.0), row("nequip-allegro", 30.0, 0.5), row("mace", 6.0, 4.0)],
        "qm9": [row("mace", None, 8.0), row("qallegro", None, 4.0)],
        "si": [row("qallegro", 50.0, 1.0)],  # without peers
    }
    for name, rows in tables.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"data_set": name, "rows": rows}))
    results = peers_over_sets.read(tmp_path)
    assert [(r.data_set, r.program) for r in results] == [
        ("benzene", "qallegro"), ("benzene", "mace"), ("benzene", "nequip-allegro"), ("qm9", "qallegro"), ("qm9", "mace"),
    ]  # fmt: skip
    assert peers_over_sets.ratios(results) == [1.0, 3.0, 15.0, 1.0, 2.0]
    lines = peers_over_sets.markdown(results).splitlines()
    assert len(lines) == 7 and "| 5.0 | 30 | 0.50 | 15 |" in lines[4] and "| 5.0 |  | 8.00 | 2 |" in lines[6]
    peers_over_sets.draw(results, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size > 10_000
