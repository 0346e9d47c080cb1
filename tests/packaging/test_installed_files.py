"""What an installation consists of: three compiled files of our own, none of libtorch or MPI, and the torch requirement that fits them."""

import re
from importlib.metadata import files, requires, version
from pathlib import Path

import pytest

COMPILED = {"_runtime", "libqallegro_torch", "qallegroplugin"}


@pytest.fixture(scope="module")
def compiled_files() -> dict[str, Path]:
    return {Path(file.name).name.split(".")[0]: Path(file.locate()) for file in files("qallegro") if ".so" in file.name}


def test_only_our_own_libraries_are_installed(compiled_files):
    assert set(compiled_files) == COMPILED
    assert compiled_files["qallegroplugin"].parent.name == "lammps" and compiled_files["libqallegro_torch"].parent.name == "engines"


@pytest.mark.parametrize("name", ["_runtime", "qallegroplugin"])
def test_the_faces_need_no_libtorch(compiled_files, name):
    content = compiled_files[name].read_bytes()
    assert b"libtorch.so" not in content and b"libc10.so" not in content and b"libmpi" not in content


def test_the_engine_library_exports_its_factory_and_finds_torch_beside_it(compiled_files):
    content = compiled_files["libqallegro_torch"].read_bytes()
    assert b"$ORIGIN/../../torch/lib" in content and b"libtorch_cpu.so" in content
    assert b"qallegro_make_engine_v4" in content


def test_the_requirement_names_the_torch_of_the_build():
    minor = ".".join(version("torch").split(".")[:2])
    torch = [re.sub(r"\s", "", line) for line in requires("qallegro") if re.match(r"torch\b", line) and "extra" not in line]
    assert f"torch=={minor}.*" in torch
