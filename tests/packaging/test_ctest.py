"""Builds and runs the tests of the C++ runtime, plain and under AddressSanitizer and UndefinedBehaviorSanitizer, without torch."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, **environment) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, f"{' '.join(str(word) for word in command)}\n{done.stdout[-6000:]}"
    return done


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
@pytest.mark.parametrize(("sanitize", "build_type"), [("OFF", "Release"), ("ON", "Debug")])
def test_cpp_tests_pass(sanitize, build_type):
    folder = ROOT / "build" / f"ctest-sanitize-{sanitize.lower()}"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = {"QALLEGRO_TORCH": "OFF", "QALLEGRO_LAMMPS": "OFF", "QALLEGRO_TESTS": "ON", "QALLEGRO_SANITIZE": sanitize}
    options["CMAKE_BUILD_TYPE"] = build_type
    run("cmake", "-S", ROOT, "-B", folder, *generator, f"-DPython_EXECUTABLE={sys.executable}", *(f"-D{k}={v}" for k, v in options.items()))
    run("cmake", "--build", folder, "--parallel", 2)
    # Detection of odr violations and leaks stays on: the fake engine library is opened by dlopen, as libtorch's engines are.
    done = run("ctest", "--test-dir", folder, "--output-on-failure", ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
    assert "100% tests passed" in done.stdout
