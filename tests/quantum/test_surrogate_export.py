"""A hybrid model on its way into a file: forms, tolerance, proof, record, what is printed, and agreement with PennyLane in the loop."""

import json

import ase.io
import numpy as np
import pytest
import torch

from qallegro.errors import DataError, ExportError
from qallegro.export import forms
from qallegro.export.describe import describe_file, describe_record
from qallegro.export.exporter import export_model, with_dtype
from qallegro.export.record import read_record, read_weights
from qallegro.export.torchscript import TorchScriptFunction
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model, save_model
from qallegro.model.potential import forces_of
from qallegro.quantum.pennylane_reference import with_layer, with_pennylane
from qallegro.quantum.surrogates.costs import FORMS
from systems import STRUCTURES, make_batch, tiny_config
from tolerances import PARITY, PENNYLANE_FORCES, SURROGATE_ROUNDING

QDI = ["qdi", "qdi_reuploading"]


def plain_frames():
    return [
        {"symbols": a.get_chemical_symbols(), "positions": a.positions.tolist(), "cell": a.cell.array.tolist(), "pbc": a.pbc.tolist()}
        for a in (make() for make in STRUCTURES.values())
    ]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """configuration -> a float64 checkpoint with random weights and sample frames, outputs strong enough to matter."""
    folder, made = tmp_path_factory.mktemp("hybrids"), {}
    for name in [*QDI, "default"]:
        potential = build_potential(tiny_config(name), seed=3)
        if name in QDI:
            with torch.no_grad():
                potential.network.readout.expand.weight.mul_(20.0)
        made[name] = folder / f"{name}.pth"
        save_model(made[name], potential, {"made_by": "tests", "sample_frames": plain_frames()})
    return made


@pytest.fixture(scope="module")
def exported(checkpoints):
    """(configuration, form, dtype) -> exported file, made once."""
    cache = {}

    def make(name, form, dtype):
        if (name, form, dtype) not in cache:
            path = checkpoints[name].with_name(f"{name}-{form}-{dtype}.qallegro.pth")
            cache[name, form, dtype] = export_model(checkpoints[name], path, dtype=dtype, surrogate=form)
        return cache[name, form, dtype]

    return make


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", QDI)
def test_file_agrees_with_pennylane_in_the_loop(name, form, dtype, exported, checkpoints):
    """The whole point: energies and forces of the file are those of the circuit."""
    file = exported(name, form, dtype)
    assert file.record["surrogate"]["form"] == form
    function = TorchScriptFunction(file.path)
    reference = with_pennylane(with_dtype(load_model(checkpoints[name])[0], "float64"))
    largest = 0.0
    for make in (STRUCTURES["alloy"], STRUCTURES["cluster"]):
        batch = make_batch([make()], reference.config)
        expected = reference.predict(batch)
        energy, gradients = function(batch.types, batch.types[batch.neighbors], batch.edge_vectors)
        forces = forces_of(gradients, batch.neighbors)
        tolerance = PENNYLANE_FORCES if dtype == "float64" else PARITY["float32"].forces
        scale = max(1.0, float(expected.forces.abs().max()))
        torch.testing.assert_close(forces, expected.forces, rtol=0.0, atol=tolerance * scale)
        limit = PARITY[dtype].energy * max(1.0, float(expected.per_atom_energy.abs().max()))
        torch.testing.assert_close(energy, expected.per_atom_energy, rtol=0.0, atol=limit)
        without = with_layer(reference, torch.nn.Identity() if name == "qdi" else Narrow())
        largest = max(largest, float((without.predict(batch).forces - expected.forces).abs().max()))
    assert largest > 1e-3, "the circuit must matter for the forces, or this test says nothing"


class Narrow(torch.nn.Module):
    """In place of the circuit of four features and three outputs."""

    def forward(self, features):
        return features[:, :3]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", QDI)
def test_record_holds_the_proof_and_weights_the_constants(name, form, exported, checkpoints):
    file = exported(name, form, "float64")
    surrogate = file.record["surrogate"]
    assert surrogate == read_record(file.path)["surrogate"]
    potential = load_model(checkpoints[name])[0]
    layer = potential.network.readout.layer
    assert surrogate["module"] == "readout.layer"
    assert surrogate["circuit"] == layer.config.model_dump(mode="json")
    assert surrogate["angles"] == layer.all_angles().tolist()
    assert surrogate["tolerance"] is None and surrogate["degrees"] == [layer.config.num_reuploads] * layer.config.num_features
    weights = read_weights(file.path)
    members = {f"readout.layer.{key}": member["shape"] for key, member in surrogate["members"].items()}
    assert {k: list(v.shape) for k, v in weights.items() if k.startswith("readout.layer.")} == members
    assert {k: list(v.shape) for k, v in weights.items()} == file.record["weights"]["shapes"]
    assert "readout.layer.angles" not in weights
    for what in ("value", "gradient"):
        bound = surrogate["bounds"][what]
        assert 0.0 <= bound["approximation"] < 1e-12 and 0.0 < bound["rounding"] < 1e-10
        for where in ("random", "training"):
            assert surrogate["measured"][where][what] <= SURROGATE_ROUNDING["float64"]
    edges = sum(len(make_batch([make()], potential.config).edge_vectors.norm(dim=2).ravel()) for make in STRUCTURES.values())
    assert 0 < surrogate["measured"]["training"]["points"] <= edges
    structures = surrogate["measured"]["structures"]
    assert structures["structures"] == structures["of"] == len(STRUCTURES) + len(file.record["samples"])
    assert structures["forces"] <= PENNYLANE_FORCES
    assert surrogate["timing"]["milliseconds"][form] > 0.0
    assert file.record["provenance"] == {"made_by": "tests"}, "sample frames stay behind"
    assert describe_file(checkpoints[name])["provenance"]["sample_frames"] == plain_frames()


def read_fourier(surrogate, weights, x):
    outputs = np.zeros(len(surrogate["observables"]))
    for k, group in enumerate(surrogate["groups"]):
        tables = []
        for feature, numbers in zip(group["features"], group["functions"], strict=True):
            halves = [(number + 1) // 2 * x[feature] / 2 for number in numbers]
            values = [np.sin(h) ** 2 if n % 2 else np.sin(h) * np.cos(h) for n, h in zip(numbers, halves, strict=True)]
            tables.append(np.array([1.0 if n == 0 else v for n, v in zip(numbers, values, strict=True)]))
        product = np.ones(1)
        for table in tables[: group["multiplied_features"]]:
            product = np.outer(table, product).ravel()
        sums = weights[f"groups.{k}.coefficients"] @ product[weights[f"groups.{k}.products"]]
        for table in tables[group["multiplied_features"] :]:
            sums = table @ sums.reshape(len(table), -1)
        outputs[group["outputs"]] = sums
    return outputs


def encode(delta, twice_reference, h):
    re, im = np.split(twice_reference[:, 0] + 2 * delta, 2)
    square, product = np.sin(h) ** 2, np.sin(h) * np.cos(h)
    return delta - np.concatenate([square * re + product * im, square * im - product * re])


def read_unitary(surrogate, weights, x):
    h = weights["first_half_phases"] @ x
    delta = weights["first_squares"] @ np.sin(h) ** 2 + weights["first_products"] @ (np.sin(h) * np.cos(h))
    for k, unitary in enumerate(weights["unitaries"]):
        delta = unitary @ encode(delta, weights["twice_references"][k], weights["half_phases"][k] @ x)
    return weights["signs"] @ (delta * (delta + weights["twice_references"][-1][:, 0]))


def read_gates(surrogate, weights, x):
    delta = np.zeros(weights["signs"].shape[1])
    for k, steps in enumerate(surrogate["steps"]):
        delta = encode(delta, weights["twice_references"][k], weights["half_phases"][k] @ x)
        for i, step in enumerate(steps):
            name = f"blocks.{k}.steps.{i}"
            if step == "rotations":
                matrix = weights[f"{name}.matrix"]
                turned = matrix @ delta.reshape(len(matrix), -1)
                delta = turned.reshape(2, len(matrix) // 2, -1).transpose(0, 2, 1).ravel()
            else:
                delta = delta[weights[f"{name}.source"]] * weights[f"{name}.sign"][:, 0]
    return weights["signs"] @ (delta * (delta + weights["twice_references"][-1][:, 0]))


READERS = {"fourier": read_fourier, "unitary": read_unitary, "gates": read_gates}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", QDI)
def test_a_reader_without_torch_finds_the_outputs(name, form, exported, checkpoints):
    """From the record and the weights alone, in numpy, as docs/file-format.md tells it."""
    file = exported(name, form, "float64")
    prefix = file.record["surrogate"]["module"] + "."
    weights = {key.removeprefix(prefix): t.numpy() for key, t in read_weights(file.path).items() if key.startswith(prefix)}
    x = np.random.default_rng(0).uniform(-np.pi, np.pi, len(file.record["surrogate"]["degrees"]))
    layer = load_model(checkpoints[name])[0].network.readout.layer
    expected = layer(torch.from_numpy(x).unsqueeze(0))[0].detach().numpy()
    assert np.abs(expected).max() > 0.01
    found = READERS[form](file.record["surrogate"], weights, x)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=SURROGATE_ROUNDING["float64"])


def test_tolerance_prunes_and_says_what_it_costs(checkpoints, tmp_path):
    """The file is the pruned form to rounding; how far that is from the circuit is measured and stays within the proven bound."""
    file = export_model(checkpoints["qdi_reuploading"], tmp_path / "pruned.qallegro.pth", surrogate="fourier", surrogate_tolerance=0.05)
    surrogate = file.record["surrogate"]
    counts = surrogate["coefficients"]
    assert counts["dropped"] > 20 and counts["kept"] == counts["spectrum"] - counts["dropped"]
    bound = surrogate["bounds"]["value"]["approximation"]
    assert surrogate["measured"]["random"]["value"] <= bound <= 0.05
    assert surrogate["measured"]["random"]["value"] > 1e-4
    assert surrogate["measured"]["structures"]["forces"] > 1e-6
    assert "with the surrogate" in file.record["verification"]["against"]
    assert max(s["forces"] for s in file.record["verification"]["samples"]) <= 1e-10
    exact = export_model(checkpoints["qdi_reuploading"], tmp_path / "exact.qallegro.pth", surrogate="fourier").record
    assert exact["surrogate"]["coefficients"]["kept"] > counts["kept"]
    assert "with the surrogate" not in exact["verification"]["against"]


def test_without_sample_frames_there_is_no_training_set_to_measure_on(checkpoints, tmp_path):
    potential, provenance = load_model(checkpoints["qdi"])
    save_model(tmp_path / "model.pth", potential, {"made_by": "tests"})
    surrogate = export_model(tmp_path / "model.pth").record["surrogate"]
    assert "training" not in surrogate["measured"] and surrogate["measured"]["structures"]["structures"] > 5
    assert surrogate["timing"]["edges"] == 2000


def test_data_file_takes_the_place_of_the_sample_frames(checkpoints, tmp_path):
    ase.io.write(tmp_path / "set.xyz", [make() for make in STRUCTURES.values()])
    count = {}
    for data in ("set.xyz", "set.xyz@:1"):
        record = export_model(checkpoints["qdi"], tmp_path / "m.qallegro.pth", data=f"{tmp_path}/{data}", surrogate="unitary").record
        count[data] = record["surrogate"]["measured"]["training"]["points"]
    assert 0 < count["set.xyz@:1"] < count["set.xyz"]
    with pytest.raises(DataError, match="must exist"):
        export_model(checkpoints["qdi"], data="absent.xyz")


def test_a_form_off_on_whole_structures_leaves_no_file(checkpoints, tmp_path, monkeypatch):
    evaluate = forms.evaluate

    def off(potential, structure, edges):
        energy, forces = evaluate(potential, structure, edges)
        return (energy, forces) if hasattr(potential.network.readout.layer, "angles") else (energy, forces * (1 + 1e-6) + 1e-8)

    monkeypatch.setattr(forms, "evaluate", off)
    with pytest.raises(ExportError, match="must agree with PennyLane in the loop"):
        export_model(checkpoints["qdi"], tmp_path / "m.qallegro.pth", surrogate="unitary")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"surrogate": "fourier"}, {"surrogate_tolerance": 1e-3}])
def test_options_need_a_circuit(options, checkpoints, tmp_path):
    with pytest.raises(ExportError, match="need a model with a circuit, got `variant: allegro`"):
        export_model(checkpoints["default"], tmp_path / "m.qallegro.pth", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_circuit_has_no_surrogate_in_its_record(checkpoints, tmp_path):
    record = export_model(checkpoints["default"], tmp_path / "m.qallegro.pth").record
    assert "surrogate" not in record and record["provenance"] == {"made_by": "tests"}


def test_info_tells_the_form_and_the_proof(exported):
    from rich.console import Console

    file = exported("qdi", "fourier", "float64")
    console = Console(width=200, record=True, file=open("/dev/null", "w"))
    console.print(describe_record(file.record))
    text = console.export_text()
    for words in ("surrogate: form", "fourier, in place of `readout.layer`", "proven, value", "measured on random features", "left out"):
        assert words in text
    assert json.dumps(file.record)


@pytest.mark.slow
def test_aoti_package_of_a_hybrid(checkpoints, tmp_path):
    """Each form compiles ahead of time and runs on sizes that it was not traced with."""
    from qallegro.export.aoti import AOTIFunction

    for name, form in (("qdi", "fourier"), ("qdi_reuploading", "unitary"), ("qdi", "gates")):
        file = export_model(checkpoints[name], tmp_path / f"{name}-{form}.qallegro.pt2", format="aoti", surrogate=form)
        reference = with_pennylane(with_dtype(load_model(checkpoints[name])[0], "float64"))
        batch = make_batch([STRUCTURES["alloy"](), STRUCTURES["cluster"]()], reference.config)
        expected = reference.predict(batch)
        _, gradients = AOTIFunction(file.path)(batch.types, batch.types[batch.neighbors], batch.edge_vectors)
        scale = max(1.0, float(expected.forces.abs().max()))
        forces = forces_of(gradients, batch.neighbors)
        torch.testing.assert_close(forces, expected.forces, rtol=0.0, atol=PENNYLANE_FORCES * scale)
