"""The C interface as an installed package: what is in it, and the example built and run against it out of the tree, without torch."""

import re
import shutil
import subprocess
from importlib.metadata import files
from pathlib import Path

import ase.io
import numpy as np
import pytest

from cpp_build import ROOT, configure, cpp_build, run
from lammps_models import MODELS

pytestmark = pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")

#: The example prints 12 digits of each number
PRINTED = 1e-10
#: Name of each function in the header
FUNCTION = re.compile(r"^QALLEGRO_API .*?(qallegro_\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", cpp_build(), "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def example(prefix, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    configure(ROOT / "cpp" / "examples" / "c", folder, CMAKE_PREFIX_PATH=prefix, CMAKE_C_FLAGS="-Werror")
    run("cmake", "--build", folder)
    return folder / "copper"


def library_of(prefix: Path) -> Path:
    (library,) = prefix.glob("lib*/**/libqallegro.so")
    return library


def run_example(example: Path, *words) -> subprocess.CompletedProcess:
    """The example, which finds the engines of the installed Python package."""
    (engines,) = {Path(file.locate()).parent for file in files("qallegro") if "libqallegro_torch" in file.name}
    environment = {"QALLEGRO_ENGINE_PATH": str(engines), "OMP_NUM_THREADS": "1"}
    return subprocess.run([example, *map(str, words)], capture_output=True, text=True, env=environment)


def test_what_is_installed(prefix):
    library = library_of(prefix)
    installed = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    folder = library.parent.relative_to(prefix)
    version = re.search(r"QALLEGRO_API_MAJOR (\d+)[^#]*#define QALLEGRO_API_MINOR (\d+)", (prefix / "include" / "qallegro.h").read_text())
    names = [f"libqallegro.so{suffix}" for suffix in ("", f".{version[1]}", f".{version[1]}.{version[2]}")]
    config = ["Config", "ConfigVersion", "Targets", "Targets-release"]
    package = [f"cmake/qallegro/qallegro{name}.cmake" for name in config] + ["pkgconfig/qallegro.pc"]
    assert installed == {"include/qallegro.h"} | {f"{folder}/{name}" for name in names + package}


@pytest.mark.skipif(not shutil.which("nm") or not shutil.which("readelf"), reason="needs binutils")
def test_the_library_exports_the_functions_of_the_header_only(prefix):
    symbols = run("nm", "--dynamic", "--defined-only", "--format=posix", library_of(prefix)).stdout.splitlines()
    declared = FUNCTION.findall((prefix / "include" / "qallegro.h").read_text())
    assert sorted(line.split()[0] for line in symbols) == sorted(declared) and len(declared) > 10
    dynamic = run("readelf", "--dynamic", library_of(prefix)).stdout
    assert re.search(r"SONAME.*\[libqallegro\.so\.1\]", dynamic)
    assert not re.search(r"NEEDED.*(torch|c10|python|mpi)", dynamic)


def test_every_function_is_documented():
    declared = FUNCTION.findall((ROOT / "cpp" / "include" / "qallegro.h").read_text())
    page = (ROOT / "docs" / "c-api.md").read_text()
    assert [name for name in declared if f"{name}(" not in page] == []


@pytest.mark.skipif(not shutil.which("pkg-config") or not shutil.which("cc"), reason="needs pkg-config and a C compiler")
def test_the_example_builds_with_pkg_config(prefix, tmp_path):
    folder = library_of(prefix).parent / "pkgconfig"
    flags = run("pkg-config", "--cflags", "--libs", "qallegro", PKG_CONFIG_PATH=str(folder)).stdout.split()
    source = ROOT / "cpp" / "examples" / "c" / "copper.c"
    run("cc", "-std=c99", source, "-o", tmp_path / "copper", *flags, "-lm")
    done = subprocess.run([tmp_path / "copper"], capture_output=True, text=True, env={"LD_LIBRARY_PATH": str(folder.parent)})
    assert done.returncode == 2 and done.stderr.startswith("usage:")


@pytest.mark.parametrize(
    ("name", "engine"),
    [("toy", "torchscript"), ("allegro", "torchscript"), ("allegro", "native"), ("allegro_float32", "native")],
)
def test_the_example_agrees_with_python(name, engine, example, tmp_path):
    model = MODELS[name]
    path = model.write(tmp_path / "model.qallegro.pth")
    done = run_example(example, path, engine)
    assert done.returncode == 0, done.stderr
    (tmp_path / "copper.xyz").write_text(done.stdout)
    atoms = ase.io.read(tmp_path / "copper.xyz", format="extxyz")
    expected = model.reference(atoms)
    assert atoms.get_potential_energy() == pytest.approx(expected.energy, abs=len(atoms) * model.tolerance.energy + PRINTED)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=model.tolerance.force + PRINTED)
    virial = np.reshape(atoms.info["virial"], (3, 3))
    np.testing.assert_allclose(virial, expected.virial, rtol=0, atol=len(atoms) * model.tolerance.virial + PRINTED)


def test_the_example_tells_what_went_wrong(example, tmp_path):
    done = run_example(example, tmp_path / "missing.pth")
    assert done.returncode == 2 and done.stdout == "" and "missing.pth" in done.stderr
    (tmp_path / "text.pth").write_text("no potential")
    done = run_example(example, tmp_path / "text.pth")
    assert done.returncode == 2 and done.stdout == "" and "text.pth" in done.stderr
    done = run_example(example, MODELS["toy"].write(tmp_path / "toy.pth"), "libtorch")
    assert done.returncode == 2 and "`engine` must be one of" in done.stderr


@pytest.mark.skipif(not shutil.which("gfortran"), reason="needs gfortran")
def test_the_fortran_of_the_documentation_runs(prefix, tmp_path):
    blocks = re.findall(r"```fortran\n(.*?)```", (ROOT / "docs" / "c-api.md").read_text(), re.DOTALL)
    (tmp_path / "dimer.f90").write_text("\n".join(blocks))
    folder = library_of(prefix).parent
    flags = ["-std=f2018", "-Wall", "-Werror", f"-J{tmp_path}", f"-L{folder}", f"-Wl,-rpath,{folder}"]
    run("gfortran", *flags[:4], tmp_path / "dimer.f90", "-o", tmp_path / "dimer", *flags[4:], "-lqallegro")
    path = MODELS["toy"].write(tmp_path / "model.qallegro.pth")
    done = run_example(tmp_path / "dimer", path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[1]) == pytest.approx(MODELS["toy"].reference(ase.Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]])).energy)
