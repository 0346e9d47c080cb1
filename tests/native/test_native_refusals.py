"""What engine `native` refuses, each by name with the remedy: devices, records and weights that it cannot run."""

import re

import pytest
import torch

from native_files import random_potential, write_native_file
from qallegro_ase import _runtime
from systems import tiny_config


def refused(path, *words, **options):
    with pytest.raises(_runtime.Error) as caught:
        _runtime.Potential(str(path), **{"engine": "native"} | options)
    text = str(caught.value)
    for word in words:
        assert re.search(word, text), text


def model(path, name="default", **options):
    write_native_file(path, random_potential(tiny_config(name)), **options)
    return path


def changed(**changes):
    """A record's `model` with other hyperparameters."""
    return {"record_changes": {"model": tiny_config().model_dump(mode="json") | changes}}


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_devices(device, tmp_path):
    refused(model(tmp_path / "m.pth"), "`engine` `native` runs on the CPU", f"`{device}`", "use engine `torchscript`", device=device)


def test_unknown_kinds_of_models(tmp_path):
    path = tmp_path / "m.pth"
    refused(
        model(path, **changed(variant="allegro_other")), "`native` does not know the variant", "allegro_other", "use engine `torchscript`"
    )
    refused(
        model(path, **changed(pair_potential="morse")), "`native` does not know the pair potential", "morse", "use engine `torchscript`"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"l_max": 9}, r"`model.l_max` .* must lie in 0 \.\. 8, it is 9"),
        ({"l_max": -1}, r"`model.l_max` .* must lie in 0 \.\. 8, it is -1"),
        ({"num_layers": 0}, "`model.num_layers` .* it is 0"),
        ({"num_tensor_features": 1 << 20}, "`model.num_tensor_features`"),
        ({"avg_num_neighbors": 0.0}, "`model.avg_num_neighbors` .* must be positive"),
        ({"latent_mlp": {"depth": 1, "width": 12, "nonlinearity": "relu"}}, "`model.nonlinearity` .* it is `relu`"),
        ({"radial_embedding": {"kind": "gaussian"}}, "`model.radial_embedding.kind` .*gaussian"),
        ({"num_scalar_features": "eight"}, "`model` in the record of .* must describe the network"),
        ({"avg_num_neighbors": {"Cu": 12.0}}, "`model` in the record of .*Li"),
    ],
)
def test_hyperparameters(changes, words, tmp_path):
    refused(model(tmp_path / "m.pth", **changed(**changes)), words, "export the model again")


@pytest.mark.parametrize(
    "name", ["scales", "first_projection.weight", "layers.0.path_weights", "layers.1.path_weights", "readout.first.weight"]
)
def test_missing_weights(name, tmp_path):
    assert name in random_potential(tiny_config()).network.state_dict()
    refused(model(tmp_path / "m.pth", drop=[name]), re.escape(name), "export")


@pytest.mark.parametrize("name", ["scales", "first_projection.weight", "layers.0.path_weights", "layers.1.latent.first.weight"])
def test_weights_of_another_shape(name, tmp_path):
    weight = random_potential(tiny_config()).network.state_dict()[name]
    for shape in ((*weight.shape[:-1], weight.shape[-1] + 1), weight.shape[::-1] if weight.dim() > 1 else (1, 2), ()):
        replace = {name: torch.zeros(shape, dtype=weight.dtype)}
        refused(model(tmp_path / "m.pth", replace=replace), re.escape(name), "shape", "export")


def test_more_layers_than_weights(tmp_path):
    """The tensor products of many layers are worked out only where the file has weights for them."""
    refused(model(tmp_path / "m.pth", **changed(num_layers=1000)), "layers.999.path_weights", "export")


def test_a_circuit_without_its_classical_form(tmp_path):
    refused(model(tmp_path / "m.pth", "qdi", record_changes={"surrogate": None}), "surrogate", "export")


def test_a_file_without_weights(tmp_path):
    import zipfile

    with zipfile.ZipFile(model(tmp_path / "m.pth")) as old, zipfile.ZipFile(tmp_path / "bare.pth", "w") as new:
        new.writestr("model/extra/qallegro.json", old.read("model/extra/qallegro.json"))
    refused(tmp_path / "bare.pth", "must hold a member `extra/weights.safetensors`", "export the model again")
