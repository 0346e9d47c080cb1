"""Reading a peer's file runs nothing from it, whatever its pickles say."""

import io
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from qallegro.errors import ModelError
from qallegro.export.inert_pickle import Inert, read_pickle
from qallegro.export.nequip_import import import_model, potential_from_file
from qallegro.export.peer_file import read_peer_file

FILES = Path(__file__).parent / "files"


class Attack:
    """Leaves a file behind when it is unpickled in earnest."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


class Foreign:
    """A class that the reader cannot know, with state of its own."""

    def __init__(self):
        self.path = Path("somewhere")
        self.items = {1, 2}


def read(data, storages=None):
    """The object in a pickle that stands in a zip file beside its storages."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", data)
        for key, content in (storages or {}).items():
            archive.writestr(f"a/data/{key}", content)
    with zipfile.ZipFile(buffer) as archive:
        return read_pickle(archive, "a/data.pkl", lambda key: f"a/data/{key}")


def tensor_pickle(count, offset, size, stride):
    """What torch writes for a float32 tensor, with numbers of our choice."""

    class Storage:
        pass

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("storage", torch.FloatStorage, "0", "cpu", count) if isinstance(value, Storage) else None

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(Tensor())
    return buffer.getvalue()


def test_a_class_with_an_effect_has_none_here(tmp_path):
    marker = tmp_path / "marker"
    content = torch.load(FILES / "bessel_float32.ckpt", weights_only=True)
    content["callbacks"] = {"attack": Attack(marker), "foreign": Foreign()}
    torch.save(content, tmp_path / "attack.ckpt")
    import_model(tmp_path / "attack.ckpt", tmp_path / "model.pth")  # what an import needs is there, so it goes on
    assert not marker.exists()
    torch.load(tmp_path / "attack.ckpt", weights_only=False)  # the same file, read carelessly
    assert marker.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_foreign_objects_become_inert_records(protocol, tmp_path):
    value = {"keep": [1, 2.5, "text", None, True], "foreign": Foreign(), "attack": Attack(tmp_path / "marker"), "type": Path}
    result = read(pickle.dumps(value, protocol))
    assert result["keep"] == value["keep"]
    assert isinstance(result["foreign"], Inert) and isinstance(result["attack"], Inert)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'exit 1'\ntR.",
        b"cbuiltins\neval\n(S'1/0'\ntR.",
        b"c__builtin__\ngetattr\n(cos\nsystem\nS'__call__'\ntR(S'exit 1'\ntR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n}S'__globals__'\nNsb.",
    ],
)
def test_calls_of_a_hand_written_pickle_do_nothing(code):
    try:
        assert isinstance(read(code), Inert)
    except ModelError:
        pass  # refused is as good


def test_tensors_are_rebuilt_as_torch_does(tmp_path):
    tensors = {
        "plain": torch.randn(3, 4),
        "view": torch.randn(6, 5, dtype=torch.float64).t()[1:4, ::2],
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "integers": torch.arange(5),
        "flags": torch.tensor([True, False]),
        "half": torch.randn(4).bfloat16(),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    }
    torch.save(tensors, tmp_path / "t.pt")
    with zipfile.ZipFile(tmp_path / "t.pt") as archive:
        root = archive.namelist()[0].split("/")[0]
        found = read_pickle(archive, f"{root}/data.pkl", lambda key: f"{root}/data/{key}")
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype and not found[name].requires_grad, name


STORAGE = {"0": struct.pack("<6f", *range(6))}


def test_tensor_within_its_storage_is_read():
    assert read(tensor_pickle(6, 1, (2, 2), (3, 1)), STORAGE).tolist() == [[1.0, 2.0], [4.0, 5.0]]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((6, 1, (2, 3), (3, 1)), "within its storage of 6"),
        ((6, 0, (10**9,), (1,)), "within its storage"),
        ((6, -1, (2,), (1,)), "offset, a shape and strides"),
        ((6, 0, (2,), (-1,)), "offset, a shape and strides"),
        ((6, 0, (2, 2), (1,)), "offset, a shape and strides"),
        ((7, 0, (2,), (1,)), "must hold 28 bytes, got 24"),
        ((-1, 0, (2,), (1,)), "name and a size"),
    ],
)
def test_tensor_that_does_not_fit_its_storage_is_refused(numbers, message):
    with pytest.raises(ModelError, match=message):
        read(tensor_pickle(*numbers), STORAGE)


def test_expanded_tensor_is_not_multiplied_in_memory():
    assert isinstance(read(tensor_pickle(6, 0, (10**12,), (0,)), STORAGE), Inert)


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02Nr\xff\xff\xff\xff.",  # a memo index that would reserve 32 GB
        b"\x80\x04\x95" + b"\xff" * 8,
        b"\x80\x02\x82\x01.",
        b"(ios\nsystem\n.",
        b"",
    ],
)
def test_pickles_that_torch_does_not_write_are_refused(code):
    with pytest.raises(ModelError):
        read(code)


def test_compressed_tensors_are_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", tensor_pickle(6, 0, (6,), (1,)))
        archive.writestr("a/data/0", STORAGE["0"], zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(buffer) as archive, pytest.raises(ModelError, match="compressed"):
        read_pickle(archive, "a/data.pkl", lambda key: f"a/data/{key}")


@pytest.mark.parametrize(("name", "member"), [("spline_float64.ckpt", "data.pkl"), ("spline_float64.nequip.zip", "model/eager_model.pkl")])
def test_damaged_files_end_in_our_error_or_in_a_model(name, member, tmp_path):
    with zipfile.ZipFile(FILES / name) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    (target,) = [n for n in members if n.split("/", 1)[1] == member]
    path = tmp_path / name
    refused = 0
    for seed in range(120):
        rng = random.Random(seed)
        data = bytearray(members[target])
        for _ in range(rng.choice((1, 1, 3, 20))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with zipfile.ZipFile(path, "w") as archive:
            for n, content in members.items():
                archive.writestr(n, bytes(data) if n == target else content)
        try:
            potential_from_file(read_peer_file(path))
        except ModelError:
            refused += 1
    assert refused > 40  # most of a pickle's bytes matter
