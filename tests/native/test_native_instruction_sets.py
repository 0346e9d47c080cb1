"""The kernels of every instruction set that this processor has give the same numbers; `QALLEGRO_ISA` picks one when a file is opened."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from native_files import EdgeResult, check_agreement, eager_result, random_potential, random_rows, write_native_file
from systems import tiny_config
from tolerances import PARITY

NEEDED = {"avx512": {"avx512f", "avx512dq", "avx512vl", "avx512bw", "avx512cd"}, "avx2": {"avx2", "fma"}, "plain": set()}
MODELS = ["default", "l3", "no_parity", "spline", "deep_mish", "mlp", "qdi", "qdi_reuploading", "rff", "zbl", "scalar", "linear"]
COUNTS = [0, 1, 2, 7, 8, 9, 16, 17, 40, 3, 33, 130, 4, 5]
PROGRAM = """
import sys
import numpy as np
from qallegro_ase import _runtime
arrays = dict(np.load("rows.npz"))
results = {}
for name in sys.argv[1:]:
    potential = _runtime.Potential(name + ".pth", engine="native")
    given = [arrays[key] for key in ("centers", "first_edge", "neighbors", "vectors", "types")]
    result = potential.evaluate(*given, len(arrays["types"]), want_edge_gradients=True)
    results[name + "/energies"] = result["per_atom_energy"][: len(arrays["centers"])]
    results[name + "/gradients"] = result["edge_gradients"]
    print(potential.description)
np.savez("results.npz", **results)
"""


def flags() -> set[str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return set(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))


def run(folder, isa, *names):
    environment = os.environ | {"QALLEGRO_ISA": isa, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", PROGRAM, *names], cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of all models in both precisions, and edges."""
    folder = tmp_path_factory.mktemp("isa")
    rows = random_rows(tiny_config(), COUNTS)
    n, edges = len(rows.center_types), len(rows.neighbor_types)
    np.savez(
        folder / "rows.npz",
        centers=np.arange(n, dtype=np.int32),
        first_edge=rows.first_edge,
        neighbors=np.arange(n, n + edges, dtype=np.int32),
        vectors=rows.vectors,
        types=np.concatenate([rows.center_types, rows.neighbor_types]).astype(np.int32),
    )
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """Name of a file -> its precision, and the network's results in Python."""
    rows, result = random_rows(tiny_config(), COUNTS), {}
    for name in MODELS:
        for dtype in ("float64", "float32"):
            network = write_native_file(folder / f"{name}-{dtype}.pth", random_potential(tiny_config(name, dtype=dtype)))
            result[f"{name}-{dtype}"] = dtype, eager_result(network, rows)
    return result


@pytest.mark.parametrize("isa", NEEDED)
def test_instruction_set(isa, folder, expected):
    if not NEEDED[isa] <= flags():
        pytest.skip(f"this processor does not have {isa}")
    done = run(folder, isa, *expected)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(f"native on cpu, {isa}, ") for line in done.stdout.splitlines()) and done.stdout
    with np.load(folder / "results.npz") as results:
        for name, (dtype, eager) in expected.items():
            found = EdgeResult(results[f"{name}/energies"], results[f"{name}/gradients"])
            check_agreement(found, eager, PARITY[dtype], f"{isa} {name}")


def test_the_best_one_is_the_default(folder, expected):
    best = next(isa for isa, needed in NEEDED.items() if needed <= flags())
    done = run(folder, "", "default-float32")
    assert done.stdout.startswith(f"native on cpu, {best}, ")


def test_an_unknown_one_is_refused(folder, expected):
    done = run(folder, "sse9", "default-float32")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert "`QALLEGRO_ISA` must be one of" in message and "`plain`" in message and "it is `sse9`; unset it" in message


def test_one_that_the_processor_lacks_is_refused(folder, expected):
    lacking = next((isa for isa, needed in NEEDED.items() if not needed <= flags()), None)
    if lacking is None:
        pytest.skip("this processor has them all")
    done = run(folder, lacking, "default-float32")
    assert done.returncode == 1
    # A build for another kind of processor does not know the name at all.
    assert "`QALLEGRO_ISA`" in done.stderr.splitlines()[-1] and "unset it" in done.stderr.splitlines()[-1]
