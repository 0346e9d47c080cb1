"""What the C++ runtime refuses: every rule of files, options and arrays, as an `Error` that names quantity, value and remedy."""

import zipfile

import numpy as np
import pytest
import torch

from qallegro_ase import _runtime
from toy_export import write_toy_file
from toy_runtime import pair_arguments, toy_structures


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory):
    return write_toy_file(tmp_path_factory.mktemp("toy") / "toy.qallegro.pth")


@pytest.fixture(scope="module")
def potential(toy_file):
    return _runtime.Potential(str(toy_file))


def test_error_is_a_runtime_error_of_the_module():
    assert issubclass(_runtime.Error, RuntimeError)
    assert f"{_runtime.Error.__module__}.{_runtime.Error.__qualname__}" == "qallegro_ase._runtime.Error"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, "`format` in the record must be `qallegro`"),
        ({"format_version": 2}, "`format_version` must be 1, it is 2"),
        ({"atom_types": None}, "`atom_types` in the record must be a list of different chemical symbols, it is missing"),
        ({"r_max": -4.0}, "`r_max` in the record must be a length"),
        ({"cutoffs": [[4.0]]}, "`cutoffs` in the record must be a 2 x 2 table"),
        ({"dtype": "bfloat16"}, "`dtype`"),
        ({"kind": "aoti"}, "cannot be loaded as an AOTInductor package"),
    ],
)
def test_records_that_break_a_rule(tmp_path, changes, words):
    path = write_toy_file(tmp_path / "toy.pth", record_changes=changes)
    with pytest.raises(_runtime.Error, match=words):
        _runtime.Potential(str(path))


def test_truncated_and_foreign_files(tmp_path, toy_file):
    content = toy_file.read_bytes()
    path = tmp_path / "model.pth"
    for size in (0, 3, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(_runtime.Error, match="damaged or truncated|not an exported potential"):
            _runtime.Potential(str(path))
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(_runtime.Error, match="a training checkpoint becomes one with `qallegro export`"):
        _runtime.read_record(str(path))
    with pytest.raises(_runtime.Error, match="does not exist"):
        _runtime.Potential(str(tmp_path / "none.pth"))


def test_a_flipped_bit_in_the_weights_is_found(tmp_path, toy_file):
    with zipfile.ZipFile(toy_file) as archive:
        name = next(name for name in archive.namelist() if "/data/" in name)
        position = archive.getinfo(name).header_offset
    content = bytearray(toy_file.read_bytes())
    header = (
        30
        + int.from_bytes(content[position + 26 : position + 28], "little")
        + int.from_bytes(content[position + 28 : position + 30], "little")
    )
    content[position + header] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(content)
    assert torch.jit.load(str(path)) is not None  # libtorch itself does not see it
    with pytest.raises(_runtime.Error, match=f"the checksum of `{name}` does not match"):
        _runtime.Potential(str(path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "native9"}, "`engine` must be one of `auto`, `native`, `torchscript`, `aoti`"),
        ({"engine": "aoti"}, "runs files of kind `aoti`"),
        ({"device": "tpu"}, "`device` must be `cpu`, `cuda`, `cuda:N` or `auto`"),
        ({"threads": -1}, "`threads` must be 0"),
        ({"local_rank": -1}, "`local_rank` must be 0 or more"),
    ],
)
def test_options_that_break_a_rule(toy_file, options, words):
    with pytest.raises(_runtime.Error, match=words):
        _runtime.Potential(str(toy_file), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_a_device(toy_file):
    with pytest.raises(_runtime.Error, match="finds no CUDA device; use device `cpu`"):
        _runtime.Potential(str(toy_file), device="cuda")
    assert " cpu," in _runtime.Potential(str(toy_file), device="auto").description


def test_nan_from_the_model_names_the_atom(tmp_path):
    potential = _runtime.Potential(str(write_toy_file(tmp_path / "toy.pth", nan_below=2.0)))
    atoms = toy_structures()["bulk"]
    potential.evaluate_pairs(**pair_arguments(atoms, 4.5))
    a, b = pair_arguments(atoms, 4.5)["pairs"][0]
    atoms.positions[b] += 0.5 * (
        atoms.positions[a]
        - atoms.positions[b]
        + atoms.cell.array.T @ np.round(atoms.cell.scaled_positions(atoms.positions[b] - atoms.positions[a]))
    )
    with pytest.raises(_runtime.Error, match=rf"must be finite, those of atom ({a}|{b}) \(`"):
        potential.evaluate_pairs(**pair_arguments(atoms, 4.5))


def test_a_failure_inside_the_model_is_one_line(tmp_path):
    # The file says three types, the model knows two: its table lookup fails inside libtorch.
    changes = {"atom_types": ["Cu", "Li", "H"], "cutoffs": [[4.0] * 3] * 3}
    potential = _runtime.Potential(str(write_toy_file(tmp_path / "toy.pth", record_changes=changes)))
    arguments = pair_arguments(toy_structures()["cluster"], 4.5)
    arguments["atom_types"][0] = 2
    with pytest.raises(_runtime.Error, match="failed in torchscript: index 2 is out of bounds") as failure:
        potential.evaluate_pairs(**arguments)
    assert "\n" not in str(failure.value)


def spoiled(name, value):
    def change(arguments):
        arguments[name] = value(arguments[name])

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoiled("positions", lambda a: a[:, :2]), r"`positions` must have the shape \(4, 3\), it has \(4, 2\)"),
        (spoiled("positions", lambda a: np.where(a == 20, np.nan, a)), "`positions` must be finite, a coordinate of atom 3 is nan"),
        (spoiled("positions", lambda a: np.zeros_like(a)), "atoms lie on top of one another"),
        (spoiled("positions", lambda a: ["x"]), "`positions` must be an array of float64"),
        (spoiled("positions", lambda a: 1.0), "`positions` must be an array, it is a number"),
        (spoiled("cell", lambda a: a[0]), r"`cell` must have the shape \(3, 3\)"),
        (spoiled("pairs", lambda a: a.astype(np.int64)), "`pairs` must be an array of int32, it is one of int64"),
        (spoiled("pairs", lambda a: a + 3), "`pairs` must hold indices in 0 .. 3"),
        (spoiled("pairs", lambda a: a[::-1].copy()), "`pairs` must be sorted as `first_edge` says"),
        (spoiled("shifts", lambda a: a[1:]), "`shifts` must have the shape"),
        (spoiled("atom_types", lambda a: a + 1), "`atom_types` must lie in 0 .. 1, atom 1 has 2"),
        (spoiled("atom_types", lambda a: a - 1), "`atom_types` must lie in 0 .. 1, atom 0 has -1"),
        (spoiled("first_edge", lambda a: a[:-1]), r"`first_edge` must have the shape \(5\)"),
        (spoiled("first_edge", lambda a: a * 2), "`first_edge` must run from 0 to the number of pairs"),
    ],
)
def test_arrays_that_break_a_rule(potential, change, words):
    arguments = pair_arguments(toy_structures()["cluster"], 4.5)
    change(arguments)
    with pytest.raises(_runtime.Error, match=words):
        potential.evaluate_pairs(**arguments)
    potential.evaluate_pairs(**pair_arguments(toy_structures()["cluster"], 4.5))  # still usable
