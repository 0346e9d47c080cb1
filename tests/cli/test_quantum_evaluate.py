"""`qallegro quantum evaluate` from the outside, and the statistics behind it."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import json
from pathlib import Path

import numpy as np
import pytest

from qallegro.data.readers import read_frames
from qallegro.errors import ConfigError
from qallegro.export.exporter import export_model
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model, save_model
from qallegro.quantum.device_study import statistics, study_devices, study_record
from qallegro.quantum.devices import DeviceSettings
from qallegro.training.evaluate import make_samples
from reference_frames import emt_frames, write_frames
from systems import tiny_config

CIRCUIT = {"num_qubits": 2, "num_features": 2, "depth": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hybrid model and a classical one with random weights, and frames with labels and without."""
    folder = tmp_path_factory.mktemp("quantum_evaluate")
    base = {"atom_types": ["Cu", "Au"], "r_max": 3.0}
    hybrid = tiny_config("qdi", qdi={"circuit": CIRCUIT, "width": 8}, per_type_energy_shifts={"Cu": -3.0, "Au": -2.0}, **base)
    save_model(folder / "model.pth", build_potential(hybrid, seed=1), {})
    save_model(folder / "mlp.pth", build_potential(tiny_config("mlp", **base), seed=1), {})
    frames = emt_frames(4)
    write_frames(folder / "set.xyz", frames)
    write_frames(folder / "plain.xyz", [f.__class__(f.symbols, positions=f.positions, cell=f.cell, pbc=True) for f in frames])
    (folder / "junk.pth").write_text("no model")
    return folder


@pytest.fixture
def study_of(folder: Path):
    potential, _ = load_model(folder / "model.pth")

    def run(settings: list[DeviceSettings], repeats: int = 2, **words: int):
        frames = read_frames(folder / "set.xyz")[:2]
        samples = make_samples(frames, potential.config.atom_types, np.array(potential.config.cutoffs()))
        return study_devices(potential, samples, settings, repeats, **words)

    return run


def test_statistics_are_those_of_the_repeats() -> None:
    rng = np.random.default_rng(0)
    repeated = 3.0 + 0.5 * rng.normal(size=(400, 5))
    s = statistics(np.full(5, 2.9), repeated)
    assert np.allclose(s.mean, repeated.mean(0)) and np.allclose(s.bias, s.mean - 2.9)
    # 400 normal numbers of spread 0.5 around a bias of 0.1: 3.5 per cent is one sigma of the spread.
    assert np.abs(s.spread / 0.5 - 1.0).max() < 0.15
    assert np.abs((s.bias - 0.1) / s.standard_error).max() < 4.0 and np.allclose(s.standard_error, s.spread / 20.0)
    once = statistics(np.zeros(2), np.ones((1, 2)))
    assert np.isnan(once.spread).all() and np.isnan(once.standard_error).all() and once.bias.tolist() == [1.0, 1.0]


def test_exact_device_has_no_bias_and_is_evaluated_once(study_of) -> None:
    study = study_of([DeviceSettings("lightning.qubit")], repeats=5)
    (result,) = study.results
    assert result.energies.shape == (1, 2) and result.forces.shape == (1, 8, 3)
    assert np.abs(result.energies[0] - study.exact.energy).max() < 1e-10 and np.abs(result.forces[0] - study.exact.forces).max() < 1e-10


def test_spread_of_forces_falls_with_shots_and_single_frames_are_repeatable(study_of) -> None:
    settings = [DeviceSettings("default.qubit", shots, seed=7) for shots in (25, 2500)]
    study, again = study_of(settings, repeats=6), study_of(settings, repeats=6)
    few, many = (statistics(study.exact.forces, r.forces) for r in study.results)
    ratio = np.sqrt(np.mean(few.spread**2) / np.mean(many.spread**2))
    assert 6.0 < ratio < 16.0  # 10 by the root of shots; 24 components of 6 repeats each know it to about 10 per cent
    assert all(np.array_equal(a.forces, b.forces) for a, b in zip(study.results, again.results, strict=True))
    assert not np.array_equal(study.results[0].forces[0], study.results[0].forces[1])


def test_record_is_what_the_study_holds(study_of) -> None:
    study = study_of([DeviceSettings("default.qubit", 50), DeviceSettings("default.qubit")], repeats=3)
    record = json.loads(json.dumps(study_record(study), allow_nan=False))
    sampled, exact = record["results"]
    assert (record["frames"], record["atoms"]) == (2, 8) and 8 * 8 < record["edges"] <= 8 * 14
    assert sampled["shots"] == 50 and sampled["evaluations"] == 3 and exact["shots"] is None and exact["evaluations"] == 1
    assert np.allclose(sampled["energy_eV_of_frames"]["mean"], study.results[0].energies.mean(0))
    assert np.isclose(sampled["forces_rms_meV_per_angstrom"]["spread"], 1e3 * np.sqrt((study.results[0].forces.std(0, ddof=1) ** 2).mean()))
    assert exact["energy_meV_per_atom"]["spread"] is None and exact["energy_eV_of_frames"]["standard_error"] == [None, None]
    mae = 1e3 * np.abs(study.results[0].forces - study.labels.forces).mean()
    assert np.isclose(sampled["errors_against_labels"]["forces_mae_meV_per_angstrom"], mae)
    assert exact["errors_against_labels"] == pytest.approx(record["exact"]["errors_against_labels"], rel=1e-9)


def test_progress_counts_every_circuit(study_of) -> None:
    seen: list[tuple[int, int]] = []
    study = study_of([DeviceSettings("default.qubit", 10), DeviceSettings("default.qubit")], repeats=2, advance=lambda *c: seen.append(c))
    total = study.edges * (1 + 2 * 2) * 3
    assert seen[-1] == (total, total) and [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_too_many_circuits_are_refused_with_an_estimate(study_of) -> None:
    with pytest.raises(
        ConfigError, match=r"at most `max_circuits` \(10\), got [\d,]+: \d+ edges, 5 circuits an edge and evaluation, 2 eval.*about \d+ min"
    ):
        study_of([DeviceSettings("default.qubit", 10)], max_circuits=10)


def test_command_prints_writes_and_draws(qallegro, folder: Path, tmp_path: Path) -> None:
    words = ("--shots", 20, "--shots", 200, "--shots", "exact", "--repeats", 3, "--frames", 2, "--seed", 4)
    done = qallegro(
        "quantum",
        "evaluate",
        folder / "model.pth",
        folder / "set.xyz",
        *words,
        "--json",
        tmp_path / "o.json",
        "--plots",
        tmp_path / "plots",
    )
    assert done.code == 0, done.err
    assert "2 of 4 frames, 8 atoms" in done.out and "default.qubit" in done.out
    for word in ("energy (meV/atom)", "forces (meV/Å)", "bias ± error", "spread", "against the labels", "exact circuit", "200 shots"):
        assert word in done.out
    record = json.loads((tmp_path / "o.json").read_text())
    assert [r["shots"] for r in record["results"]] == [20, 200, None] and [r["seed"] for r in record["results"]] == [4, 4, 4]
    assert [where.split()[-1] for where in record["frame_of_data"]] == ["0", "2"]
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == ["device_forces.png", "device_shots.png"]
    assert all(p.stat().st_size > 10_000 for p in (tmp_path / "plots").iterdir())


@pytest.mark.parametrize(
    ("words", "device"),
    [(("--device", "lightning.qubit", "--shots", 30, "--repeats", 2), "lightning.qubit"), (("--noise", 0.02), "default.mixed")],
)
def test_command_runs_on_devices_without_labels(qallegro, folder: Path, tmp_path: Path, words: tuple, device: str) -> None:
    done = qallegro("quantum", "evaluate", folder / "model.pth", folder / "plain.xyz", "--frames", 1, *words, "--json", tmp_path / "o.json")
    assert done.code == 0, done.err
    assert "against the labels" not in done.out
    (result,) = json.loads((tmp_path / "o.json").read_text())["results"]
    assert result["device"] == device and result["errors_against_labels"] == {}
    assert result["forces_rms_meV_per_angstrom"]["bias"] > 0.0


# words after the model -> parts of the message
REFUSED: list[tuple[str, tuple, tuple[str, ...]]] = [
    ("model.pth", ("--device", "default.qbit"), ("`device` must be a PennyLane device that is installed, got 'default.qbit'",)),
    ("model.pth", ("--device", "qiskit.aer"), ("install its plugin, pennylane-qiskit",)),
    ("model.pth", ("--shots", "0"), ("`shots` must be 1 or more, got 0",)),
    ("model.pth", ("--shots", "-3"), ("`shots` must be 1 or more, got -3",)),
    ("model.pth", ("--shots", "many"), ("`--shots` must be a whole number, 1 or more, or exact, got 'many'",)),
    ("model.pth", ("--noise", "0.1", "--device", "lightning.qubit"), ("lightning.qubit does not", "take default.mixed")),
    ("model.pth", ("--noise", "-0.1"), ("`noise` must be a probability between 0 and 1, got -0.1",)),
    ("model.pth", ("--repeats", "0"), ("`repeats` must be 1 or more, got 0",)),
    ("model.pth", ("--frames", "0"), ("`--frames` must be 1 or more, got 0",)),
    ("model.pth", ("--max-circuits", "5"), ("at most `max_circuits` (5)", "take fewer frames")),
    ("model.pth", ("--energy-unit", "cal"), ("`energy`: must be", "got 'cal'")),
    ("model.pth", ("--json", "/nowhere/o.json"), ("`--json` must lead into a folder that can be written to, got `/nowhere`: no such folder",)),
    ("model.pth", ("--plots", "/dev/null/plots"), ("`--plots` must lead into a folder that can be written to, got `/dev/null/plots`",)),
    ("mlp.pth", (), ("must have a circuit (`variant: allegro_qdi`)", "got `variant: allegro_mlp`", "train one with")),
    ("junk.pth", (), ("model file must be written by qallegro",)),
    ("absent.pth", (), ("model file must exist",)),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "parts"), REFUSED)
def test_command_refuses(qallegro, folder: Path, model: str, words: tuple, parts: tuple[str, ...]) -> None:
    done = qallegro("quantum", "evaluate", folder / model, folder / "set.xyz", "--frames", 1, *words)
    assert done.code == 1 and done.err.startswith("qallegro: error: ") and "Traceback" not in done.err
    for part in parts:
        assert part in done.err


def test_command_asks_for_the_checkpoint_of_an_exported_file(qallegro, folder: Path, tmp_path: Path) -> None:
    exported = export_model(folder / "mlp.pth", tmp_path / "m.qallegro.pth").path
    done = qallegro("quantum", "evaluate", exported, folder / "set.xyz")
    assert done.code == 1 and "must be a checkpoint (model.pth) for a quantum device, got the exported file" in done.err
    assert "give the checkpoint that it was made from" in done.err
