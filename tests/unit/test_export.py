"""Exported files: equal to the eager model for every configuration, readable without torch, refused when off."""

import json
import zipfile

import numpy as np
import pytest
import torch

from qallegro.errors import ExportError, ModelError
from qallegro.export.describe import describe_file
from qallegro.export.exporter import export_model, with_dtype
from qallegro.export.record import read_record, read_weights
from qallegro.export.samples import make_samples, padded_table
from qallegro.export.torchscript import TorchScriptFunction
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model, save_model
from systems import CONFIGS, STRUCTURES, make_batch, tiny_config
from tolerances import PARITY


def checkpoint(folder, name="default", **changes):
    path = folder / "model.pth"
    save_model(path, build_potential(tiny_config(name, **changes), seed=3), {"data": "none, random weights"})
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONFIGS)
def test_file_equals_eager_model_on_periodic_structures(name, dtype, tmp_path):
    path = checkpoint(tmp_path, name)
    exported = export_model(path, dtype=dtype)
    assert exported.path == tmp_path / "model.qallegro.pth"
    potential = with_dtype(load_model(path)[0], dtype)
    function = TorchScriptFunction(exported.path)
    for make in STRUCTURES.values():
        batch = make_batch([make()], potential.config, slots=2)
        expected = potential.predict(batch)
        rows = max(len(batch.types), 2)
        types = torch.zeros(rows, dtype=torch.int64)
        types[: len(batch.types)] = batch.types
        neighbor_types = torch.zeros(rows, batch.neighbors.shape[1], dtype=torch.int64)
        neighbor_types[: len(batch.types)] = batch.types[batch.neighbors]
        vectors = torch.zeros(*neighbor_types.shape, 3, dtype=torch.float64)
        vectors[..., 0] = 2 * potential.config.r_max
        vectors[: len(batch.types)] = batch.edge_vectors
        energy, gradients = function(types, neighbor_types, vectors)
        scale = max(1.0, float(expected.forces.abs().max()))
        n = len(batch.types)
        forces = gradients[:n].sum(1).index_add(0, batch.neighbors.flatten(), gradients[:n].flatten(0, 1), alpha=-1.0)
        assert float((energy[:n] - expected.per_atom_energy).abs().max()) <= PARITY[dtype].energy * scale
        assert float((forces - expected.forces).abs().max()) <= PARITY[dtype].forces * scale


def test_plain_torch_opens_it_even_under_no_grad(tmp_path):
    exported = export_model(checkpoint(tmp_path))
    module = torch.jit.load(str(exported.path))
    entry = exported.record["samples"][-1]
    with torch.no_grad():
        table, _ = padded_table(make_samples(tiny_config())[-1], 4.0)
        energy, gradients = module(*table)
        assert not torch.is_grad_enabled()
    np.testing.assert_allclose(energy, entry["per_atom_energy"], rtol=0, atol=1e-10)
    assert float(gradients.abs().max()) > 0


def test_record_and_weights_are_read_without_libtorch(tmp_path):
    path = checkpoint(tmp_path, "typed_cutoffs")
    exported = export_model(path)
    with zipfile.ZipFile(exported.path) as archive:
        extra = [member for member in archive.infolist() if "/extra/" in member.filename]
        assert len(extra) == 2 and all(member.compress_type == zipfile.ZIP_STORED for member in extra)
        record = json.loads(archive.read(f"{archive.namelist()[0].split('/')[0]}/extra/qallegro.json"))
    assert record == read_record(exported.path) == exported.record
    assert record["format_version"] == 1 and record["atom_types"] == ["Cu", "Li"]
    assert record["cutoffs"] == [[3.5, 3.1], [3.1, 4.0]]
    weights = read_weights(exported.path)
    state = load_model(path)[0].network.state_dict()
    assert set(weights) == set(state) and all(torch.equal(weights[k], state[k]) for k in state)
    assert {k: list(v.shape) for k, v in weights.items()} == record["weights"]["shapes"]
    assert record["verification"]["samples"][-1]["name"] == "no edges"


def test_float64_file_of_a_float32_model_holds_its_weights_exactly(tmp_path):
    path = checkpoint(tmp_path, dtype="float32")
    weights = read_weights(export_model(path, dtype="float64").path)
    assert weights["tensor_embed.weight"].dtype == torch.float64
    assert torch.equal(weights["tensor_embed.weight"].float(), load_model(path)[0].network.state_dict()["tensor_embed.weight"])


def test_a_file_that_is_off_is_not_left(tmp_path, monkeypatch):
    path = checkpoint(tmp_path)

    class Off(TorchScriptFunction):
        def __call__(self, *table):
            energy, gradients = super().__call__(*table)
            return energy, gradients * (1 + 1e-7)

    monkeypatch.setattr("qallegro.export.torchscript.TorchScriptFunction", Off)
    with pytest.raises(ExportError, match="must agree with the eager model"):
        export_model(path)
    assert list(tmp_path.iterdir()) == [path]


def test_nan_counts_as_off(tmp_path, monkeypatch):
    path = checkpoint(tmp_path)

    class Broken(TorchScriptFunction):
        def __call__(self, *table):
            energy, gradients = super().__call__(*table)
            return energy * torch.nan, gradients

    monkeypatch.setattr("qallegro.export.torchscript.TorchScriptFunction", Broken)
    with pytest.raises(ExportError, match="must agree"):
        export_model(path)
    assert list(tmp_path.iterdir()) == [path]


BAD_EXPORTS = {
    "no checkpoint": (lambda f: {"model": f / "absent.pth"}, ModelError, "model file must exist"),
    "bad dtype": (lambda f: {"model": f / "model.pth", "dtype": "float16"}, ExportError, "`dtype` must be float32 or float64"),
    "bad format": (lambda f: {"model": f / "model.pth", "format": "onnx"}, ExportError, "`format` must be one of"),
    "over the checkpoint": (lambda f: {"model": f / "model.pth", "output": f / "model.pth"}, ExportError, "must not be the checkpoint"),
    "no folder": (lambda f: {"model": f / "model.pth", "output": f / "x" / "m.qallegro.pth"}, ExportError, "folder of the output"),
    "wrong suffix": (lambda f: {"model": f / "model.pth", "output": f / "m.txt"}, ExportError, "output name must end in"),
    "no cuda": (lambda f: {"model": f / "model.pth", "device": "cuda"}, ExportError, "without CUDA"),
}


@pytest.mark.parametrize("case", BAD_EXPORTS)
def test_bad_export(case, tmp_path):
    if case == "no cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    checkpoint(tmp_path)
    arguments, kind, message = BAD_EXPORTS[case]
    with pytest.raises(kind, match=message):
        export_model(**arguments(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["model.pth"]


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "foreign":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "hello")
    elif how == "newer version":
        _rewrite(path, lambda record: record | {"format_version": 99})
    elif how == "another program":
        _rewrite(path, lambda record: record | {"format": "other"})


def _rewrite(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if name.endswith("extra/qallegro.json"):
                content = json.dumps(change(json.loads(content)))
            archive.writestr(name, content)


@pytest.mark.parametrize("how", ["truncated", "empty", "foreign", "newer version", "another program"])
def test_damaged_exported_file(how, tmp_path):
    path = export_model(checkpoint(tmp_path)).path
    damage(path, how)
    with pytest.raises(ExportError, match="version|format|whole zip|one member"):
        read_record(path)


@pytest.mark.parametrize("how", ["truncated", "pickle", "version", "config", "weights"])
def test_damaged_checkpoint(how, tmp_path):
    path = checkpoint(tmp_path)
    content = torch.load(path, weights_only=True)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:900])
    elif how == "pickle":

        class Evil:
            def __reduce__(self):
                return (print, ("this must never run",))

        torch.save({"format": "qallegro-model", "payload": Evil()}, path)
    else:
        if how == "version":
            content["format_version"] = 2
        elif how == "config":
            content["config"]["l_max"] = -1
        else:
            content["state"]["network.tensor_embed.weight"] = torch.zeros(1, 1)
        torch.save(content, path)
    with pytest.raises(ModelError):
        load_model(path)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = checkpoint(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ExportError, match="No space left"):
        export_model(path)
    assert list(tmp_path.iterdir()) == [path]


def test_describe_knows_checkpoints_and_files(tmp_path):
    path = checkpoint(tmp_path)
    assert describe_file(path)["kind"] == "checkpoint"
    assert describe_file(export_model(path).path)["kind"] == "torchscript"


@pytest.mark.slow
def test_aoti_package_equals_eager_model_for_other_sizes(tmp_path):
    """Compiled once, run on sizes that it was not traced with, the verification's own and larger."""
    path = checkpoint(tmp_path, "zbl", dtype="float32")
    exported = export_model(path, format="aoti")
    assert exported.path.name == "model.qallegro.pt2" and exported.record["kind"] == "aoti"
    assert {c.slots for c in exported.comparisons} >= {4, 12, 20}
    assert read_record(exported.path) == exported.record
    from qallegro.export.aoti import AOTIFunction

    potential = with_dtype(load_model(path)[0], "float32")
    function = AOTIFunction(exported.path)
    batch = make_batch([STRUCTURES["alloy"](), STRUCTURES["cluster"]()], potential.config)
    expected = potential.predict(batch)
    # A transposed view: the package must not read it as if it were contiguous.
    vectors = batch.edge_vectors.transpose(0, 1).contiguous().transpose(0, 1)
    energy, gradients = function(batch.types, batch.types[batch.neighbors], vectors)
    scale = max(1.0, float(expected.forces.abs().max()))
    assert float((energy - expected.per_atom_energy).abs().max()) <= PARITY["float32"].energy * scale
    forces = gradients.sum(1).index_add(0, batch.neighbors.flatten(), gradients.flatten(0, 1), alpha=-1.0)
    assert float((forces - expected.forces).abs().max()) <= PARITY["float32"].forces * scale
