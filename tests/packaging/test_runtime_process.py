"""The runtime as a guest in a process: what it loads and when, other threads, and the shape of what is installed."""

import os
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ase.build
import numpy as np
import pytest

from qallegro_ase import _runtime
from toy_export import toy_reference, write_toy_file
from toy_runtime import CUTOFFS, pair_arguments, rattled

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory):
    return str(write_toy_file(tmp_path_factory.mktemp("toy") / "toy.qallegro.pth", cutoffs=CUTOFFS))


def test_libtorch_is_loaded_only_when_an_engine_needs_it(toy_file):
    program = (
        "import sys\n"
        "from qallegro_ase import _runtime\n"
        "mapped = lambda: 'libtorch_cpu' in open('/proc/self/maps').read()\n"
        f"_runtime.read_record({toy_file!r})\n"
        "print(mapped())\n"
        f"_runtime.Potential({toy_file!r})\n"
        "print(mapped(), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]


def test_torch_may_be_imported_before_or_after(toy_file):
    for order in ("import torch\n{use}", "{use}import torch\n"):
        program = order.format(use=f"from qallegro_ase import _runtime\np = _runtime.Potential({toy_file!r})\n")
        program += "assert torch.get_num_threads() == 2\nprint(p.description, torch.ones(2).sum().item())"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
        assert done.returncode == 0, done.stderr
        assert "2 threads" in done.stdout and done.stdout.endswith("2.0\n")


def test_an_engine_path_without_the_library_is_named(toy_file, tmp_path):
    (tmp_path / "libqallegro_torch.so").write_bytes(b"not a library")
    program = f"from qallegro_ase import _runtime\n_runtime.Potential({toy_file!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"QALLEGRO_ENGINE_PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "cannot be loaded" in done.stderr.splitlines()[-1] and "pip install torch" in done.stderr.splitlines()[-1]


def test_the_interpreter_runs_on_during_an_evaluation(toy_file):
    potential = _runtime.Potential(toy_file)
    arguments = pair_arguments(rattled(ase.build.bulk("Cu", a=3.7, cubic=True) * (14, 14, 14)), 3.5)  # about 0.2 s
    ticks, finished = [], threading.Event()

    def tick():
        while not finished.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.002)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    potential.evaluate_pairs(**arguments)
    end = time.monotonic()
    finished.set()
    thread.join()
    assert sum(start < t < end for t in ticks) > 2


def test_threads_may_share_a_potential(toy_file):
    potential = _runtime.Potential(toy_file)
    structures = [rattled(ase.build.bulk("Cu", a=3.7, cubic=True) * (size, 2, 2), size) for size in (1, 2, 3, 4)]
    expected = [toy_reference(atoms, cutoffs=CUTOFFS) for atoms in structures]
    arguments = [pair_arguments(atoms, 4.5) for atoms in structures]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda k: potential.evaluate_pairs(**arguments[k % 4]), range(40)))
    for k, result in enumerate(results):
        np.testing.assert_allclose(result["forces"], expected[k % 4].forces, rtol=0, atol=1e-12)


def test_versions_agree():
    import qallegro

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"project(qallegro VERSION {project} " in (ROOT / "CMakeLists.txt").read_text()
    assert qallegro.__version__ == project


def test_type_stub_lists_what_the_module_has():
    import ast

    stub = ast.parse((ROOT / "ase_calc" / "qallegro_ase" / "_runtime.pyi").read_text())
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    for name in ("Potential", "Latency", "TraceFile"):
        described = {node.name for node in classes[name].body if isinstance(node, ast.FunctionDef)} - {"__init__"}
        assert described == {member for member in vars(getattr(_runtime, name)) if not member.startswith("_")}, name
    functions = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    constants = {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    assert functions | constants | set(classes) - {"Results", "Timings"} == {name for name in vars(_runtime) if not name.startswith("_")}
