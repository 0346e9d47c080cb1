"""A process that runs engine `native` loads no libtorch, under Python and under LAMMPS."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lammps_runner import run_well, write_data
from lammps_systems import NAMES, alloy
from native_files import random_potential, write_native_file
from systems import tiny_config

IN_PYTHON = """
import sys
import numpy as np
from qallegro_ase import _runtime
potential = _runtime.Potential(sys.argv[1], engine=sys.argv[2])
vectors = np.array([[1.9, 0.3, 0.1], [-0.4, 2.2, 0.2]])
integers = lambda *values, kind=np.int32: np.array(values, dtype=kind)
result = potential.evaluate(integers(0), integers(0, 2, kind=np.int64), integers(1, 2), vectors, integers(0, 1, 0), 3)
print(potential.description.split()[0], result["energy"] != 0.0)
print(*sorted({line.split("/")[-1].split()[0] for line in open("/proc/self/maps") if "torch" in line or "libc10" in line}))
print(*sorted({"torch", "e3nn", "qallegro"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("process") / "model.qallegro.pth"
    write_native_file(path, random_potential(tiny_config("qdi", dtype="float32")))
    return path


@pytest.mark.parametrize("engine", ["native", "auto"])
def test_python_without_torch(model, engine):
    done = subprocess.run([sys.executable, "-c", IN_PYTHON, str(model), engine], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["native True", "", "", ""]


def test_runs_where_the_engines_of_torch_are_gone(model, tmp_path):
    """A machine without torch: the folder of its engines is named and empty."""
    environment = os.environ | {"QALLEGRO_ENGINE_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IN_PYTHON, str(model), "auto"], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.startswith("native True\n"), done.stderr


def test_libraries_are_not_linked_to_torch():
    """What the dynamic linker would load at the start, before any engine is chosen."""
    from importlib.util import find_spec

    runtime = Path(find_spec("qallegro_ase._runtime").origin)
    libraries = [runtime, *sorted((runtime.parent / "lammps").glob("*.so"))]
    assert len(libraries) >= 2
    for library in libraries:
        linked = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=True).stdout
        assert "libc.so" in linked and "torch" not in linked and "libc10" not in linked, library


def test_lammps_without_torch(model, tmp_path, monkeypatch):
    """The dynamic linker tells of every library that the process ever opens."""
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    script = f"units metal\natom_modify map array\nread_data alloy.data\npair_style qallegro\npair_coeff * * {model} Cu Li\nrun 2\n"
    monkeypatch.setenv("LD_DEBUG", "files")
    output = run_well(script, tmp_path).output
    assert "native on cpu" in output and "qallegroplugin.so" in output
    assert "libtorch" not in output and "libc10" not in output and "libqallegro_torch" not in output
