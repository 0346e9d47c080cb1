"""Tables that the native engine computes for itself, next to e3nn and the model code: 3j tensors, tensor products, harmonics."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from e3nn import o3

from qallegro.model.angular import SphericalHarmonics
from qallegro.model.tensor_product import couplings, dimension
from tolerances import NATIVE_TABLES

CPP = Path(__file__).parents[2] / "cpp"
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
DEGREES_3J, DEGREES_COUPLING, LAYERS, DEGREES_STEP = 6, 4, 4, 8

pytestmark = pytest.mark.skipif(not COMPILER, reason="needs a C++ compiler")


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> dict[str, str]:
    """Header line -> what the C++ program prints below it."""
    program = tmp_path_factory.mktemp("native_tables") / "native_tables"
    sources = [CPP / "tests/native_tables.cpp", CPP / "src/native/wigner.cpp", CPP / "src/native/couplings.cpp"]
    flags = ["-std=c++20", "-O1", "-fvisibility=hidden", f"-I{CPP / 'src'}", f"-I{CPP / 'include'}"]
    built = subprocess.run([*COMPILER.split(), *flags, *map(str, sources), "-o", str(program)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    text = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    sections = re.split(r"^((?:3j|coupling|step) .*)\n", text, flags=re.MULTILINE)
    assert sections[0] == ""
    tables = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert 2 * len(tables) == len(sections) - 1, "a header is printed twice"
    return tables


def rows(text: str, columns: int) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64).reshape(-1, columns)


def dense(entries: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The tensor of sparse entries (indices, value); each place may be named once, zeros not at all."""
    places, values = entries[:, :-1].astype(int), entries[:, -1]
    assert len(np.unique(places, axis=0)) == len(places)
    assert np.all(values != 0.0)
    tensor = np.zeros(shape)
    tensor[tuple(places.T)] = values
    return tensor


def assert_close(value: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert value.shape == expected.shape, what
    np.testing.assert_allclose(value, expected, rtol=0, atol=NATIVE_TABLES, err_msg=what)


def test_3j_tensors_are_those_of_e3nn(printed):
    import torch

    degrees = range(DEGREES_3J + 1)
    triangles = [(a, b, c) for a in degrees for b in degrees for c in degrees if abs(a - b) <= c <= a + b]
    assert [f"3j {a} {b} {c}" for a, b, c in triangles] == [header for header in printed if header.startswith("3j")]
    for a, b, c in triangles:
        expected = o3.wigner_3j(a, b, c, dtype=torch.float64).numpy()
        assert_close(rows(printed[f"3j {a} {b} {c}"], 1).reshape(expected.shape), expected, f"3j {a} {b} {c}")


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("l_max", range(DEGREES_COUPLING + 1))
def test_couplings_are_those_of_the_model(printed, l_max, parity):
    for num_layers in range(1, LAYERS + 1):
        start = f"coupling {l_max} {parity:d} {num_layers} "
        headers = [header for header in printed if header.startswith(start)]
        layers = couplings(l_max, parity, num_layers)
        assert len(headers) == len(layers) == num_layers
        for k, (header, layer) in enumerate(zip(headers, layers, strict=True)):
            shape = tuple(layer.coefficients.shape)
            assert header == start + " ".join(map(str, (k, *shape)))
            irreps_in, irreps_out, entries = printed[header].split("\n", 2)
            assert [int(n) for n in irreps_in.split()] == [n for irrep in layer.irreps_in for n in irrep]
            assert [int(n) for n in irreps_out.split()] == [n for irrep in layer.irreps_out for n in irrep]
            assert shape[1:] == ((l_max + 1) ** 2, dimension(layer.irreps_in), dimension(layer.irreps_out))
            table = rows(entries, 5)
            order = np.lexsort(table[:, [0, 1, 2, 3]].T)  # by output, then input, environment, path
            assert np.array_equal(order, np.arange(len(table)))
            assert_close(dense(table, shape), layer.coefficients.numpy(), header)


def test_steps_of_the_harmonics_are_those_of_the_model(printed):
    steps = SphericalHarmonics(DEGREES_STEP).steps
    assert [header for header in printed if header.startswith("step")] == [f"step {degree}" for degree in range(2, DEGREES_STEP + 1)]
    for degree, step in enumerate(steps, start=2):
        tensor = dense(rows(printed[f"step {degree}"], 4), (2 * degree - 1, 3, 2 * degree + 1))
        assert_close(tensor, step.coupling.view(tensor.shape).numpy(), f"step {degree}")
