"""`qallegro quantum analyze` as a user sees it."""

import json
from pathlib import Path

import pytest
import torch

from qallegro.errors import ConfigError, ModelError
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model
from qallegro.quantum.analysis.run import SECTIONS, analyze, num_steps
from qallegro.quantum.analysis.source import Circuit, open_circuit
from qallegro.quantum.config import CircuitConfig
from systems import tiny_config

TINY = "num_qubits: 2\nnum_features: 2\nobservables: Z\n"
PAPER = Path(__file__).parents[2] / "configs" / "circuits" / "paper.yaml"


@pytest.fixture
def run(qallegro):
    """`qallegro quantum analyze *words`."""
    return lambda *words: qallegro("quantum", "analyze", *words)


@pytest.fixture
def description(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def trained(tmp_path: Path, name: str = "qdi") -> tuple[Path, torch.nn.Module]:
    potential = build_potential(tiny_config(name), seed=7)
    path = tmp_path / "model.pth"
    save_model(path, potential, {})
    return path, potential


def test_everything_for_a_tiny_circuit(run, description, tmp_path):
    outcome = run(description, "--seeds", 1, "--plots", tmp_path / "plots", "--json", tmp_path / "all.json")
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / "all.json").read_text())
    assert set(result) >= {"gates", "inert", "light_cones", "zx", "fisher", "fourier", "plateaus"}
    assert "paper" not in result
    assert result["circuit"]["num_qubits"] == 2
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {f"quantum_{name}.png" for name in ("circuit", "light_cones", "zx", "fisher", "fourier", "plateaus")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "plots").iterdir())
    for text in ("RZ(θ0)", "light cones", "ZX reduction", "effective dimension", "variance of gradients"):
        assert text in outcome.out


def test_sections_are_left_out(run, description, tmp_path):
    skip = [word for name in SECTIONS for word in ("--skip", name)]
    outcome = run(description, *skip, "--json", tmp_path / "few.json", "--plots", tmp_path / "plots")
    assert outcome.code == 0, outcome.err
    assert not {"zx", "fisher", "fourier", "plateaus"} & set(json.loads((tmp_path / "few.json").read_text()))
    assert list((tmp_path / "plots").iterdir()) == []
    assert "RZ(θ0)" not in outcome.out


def test_the_paper_circuit_is_compared(run, tmp_path):
    outcome = run(PAPER, "--seeds", 1, "--skip", "plateaus", "--json", tmp_path / "paper.json")
    assert outcome.code == 0, outcome.err
    rows = {row["figure"]: row for row in json.loads((tmp_path / "paper.json").read_text())["paper"]}
    zx = rows["parameters kept by ZX reduction"]
    assert zx["paper"] == "24 of 24" and zx["reproduced"].startswith("24 of 24")
    assert "20 measuring Y, 16 measuring Z" in zx["corrected"]
    assert rows["rank of the Fisher information"]["reproduced"] == "15 at one input, with 24 angles"
    fourier = rows["non-zero Fourier coefficients"]
    assert fourier["paper"] == "127 of 161" and "Y: 161, 53, 161, 161" in fourier["reproduced"]


def test_trained_angles_are_used(run, tmp_path):
    path, potential = trained(tmp_path)
    circuit = open_circuit(path)
    layer = potential.network.readout.layer
    assert torch.equal(circuit.angles, layer.all_angles().detach())
    assert circuit.config == layer.config
    outcome = run(path, "--seeds", 1, "--skip", "plateaus", "--skip", "zx", "--json", tmp_path / "trained.json", "--plots", tmp_path)
    assert outcome.code == 0, outcome.err
    result = json.loads((tmp_path / "trained.json").read_text())
    assert result["trained_angles"] == circuit.angles.tolist()
    assert result["fisher"]["trained"]["classical"]["rank_over_inputs"] == 20
    assert "at the trained angles" in outcome.out


def test_trained_angles_change_the_spectrum(tmp_path):
    path, _ = trained(tmp_path)
    circuit = open_circuit(path)
    skip = frozenset({"zx", "fisher", "plateaus", "drawing"})
    own = analyze(circuit, seeds=1, skip=skip)["fourier"]["trained"]
    # All angles at zero: the state stays |0>, <Y> = 0 for every input.
    still = analyze(circuit._replace(angles=torch.zeros_like(circuit.angles)), seeds=1, skip=skip)["fourier"]["trained"]
    assert own["by_output"][0]["parts"] == 161
    assert [row["parts"] for row in still["by_output"]] == [0, 0, 0, 0]


def test_every_step_is_announced():
    config = CircuitConfig(num_qubits=2, num_features=2)
    steps: list[str] = []
    analyze(Circuit(config, None, "test"), seeds=1, advance=steps.append)
    assert len(steps) == num_steps(config, frozenset(), False)


def test_an_exported_record_is_enough(tmp_path, monkeypatch):
    path, potential = trained(tmp_path)
    layer = potential.network.readout.layer
    record = {
        "model": potential.config.model_dump(mode="json"),
        "surrogate": {"circuit": layer.config.model_dump(mode="json"), "angles": layer.all_angles().tolist()},
    }
    monkeypatch.setattr("qallegro.export.record.is_exported_file", lambda _: True)
    monkeypatch.setattr("qallegro.export.record.read_record", lambda _: record)
    circuit = open_circuit(path)
    assert circuit.config == layer.config
    assert torch.equal(circuit.angles, layer.all_angles().detach())
    record["surrogate"]["angles"] = [0.0]
    with pytest.raises(ModelError, match="24 finite angles, got 1"):
        open_circuit(path)
    del record["surrogate"]
    with pytest.raises(ModelError, match="analyze the checkpoint"):
        open_circuit(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("num_qubit: 4\n", ["num_qubit", "num_qubits"]),
        ("num_qubits: 0\n", ["`num_qubits` must be 1 or more, got 0"]),
        ("num_qubits: 3\n", ["`num_features` must be a multiple", "3 or 6"]),
        ("observables: W\n", ["`observables`", "'W'"]),
        ("depth: [0, 1]\n", ["RZ on |0>"]),
        ("- 4\n", ["must be a table", "got list"]),
        ("a: [\n", ["must be YAML"]),
    ],
)
def test_a_wrong_description(run, tmp_path, text, words):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    outcome = run(path)
    assert outcome.code == 1
    assert outcome.err.startswith("qallegro: error: ") and "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def test_wrong_files(run, tmp_path):
    for name in ("absent.pth", "absent.yaml"):
        outcome = run(tmp_path / name)
        assert outcome.code == 1 and "absent" in outcome.err and "Traceback" not in outcome.err
    (tmp_path / "text.pth").write_text("no model")
    assert "must be a checkpoint" in run(tmp_path / "text.pth").err
    assert "got the folder" in run(tmp_path).err
    path, _ = trained(tmp_path, "default")
    assert "must have a circuit" in run(path).err


def test_wrong_options(run, description, tmp_path):
    assert "among drawing, zx" in run(description, "--skip", "fischer").err
    assert "`seeds` must be 1 or more, got 0" in run(description, "--seeds", 0).err
    (tmp_path / "file").write_text("")
    assert "`--plots` must name a folder" in run(description, "--plots", tmp_path / "file" / "plots").err
    assert "`--json` must name a file" in run(description, "--json", tmp_path / "absent" / "a.json").err


def test_too_many_qubits(run, tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("num_qubits: 11\nnum_features: 11\n")
    outcome = run(path)
    assert outcome.code == 1 and "at most 10 qubits, got 11" in outcome.err


def test_unknown_section_in_python():
    with pytest.raises(ConfigError, match="got fischer"):
        analyze(Circuit(CircuitConfig(), None, "test"), skip=frozenset({"fischer"}))
