"""The C++ parts built with CMake and without torch or LAMMPS, once for all tests that want them."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command, **environment) -> subprocess.CompletedProcess:
    """Run a command that must succeed; its output is in `stdout`."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}"
    return done


def configure(source: Path, folder: Path, **options):
    """Configure `source` in `folder` with -Dkey=value for each option."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    defined = [f"-D{key}={value}" for key, value in options.items()]
    run("cmake", "-S", source, "-B", folder, *generator, f"-DPython_EXECUTABLE={sys.executable}", *defined)


def cpp_build(sanitize: str = "OFF", target: str = "all") -> Path:
    """The folder of a build of the runtime, its C interface and its tests under the sanitizers named, up to date."""
    folder = ROOT / "build" / f"ctest-sanitize-{sanitize.lower()}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:  # tests in two processes may want the same build
        fcntl.flock(lock, fcntl.LOCK_EX)
        parts = {"QALLEGRO_TORCH": "OFF", "QALLEGRO_LAMMPS": "OFF", "QALLEGRO_TESTS": "ON", "QALLEGRO_SANITIZE": sanitize}
        # The tests of the Python package run what -O3 makes; here half the time to compile is worth more.
        fast = {"CMAKE_BUILD_TYPE": "Release", "CMAKE_CXX_FLAGS_RELEASE": "-O1 -DNDEBUG", "QALLEGRO_KERNEL_LEVEL": "-O1"}
        configure(ROOT, folder, **(fast if sanitize == "OFF" else {"CMAKE_BUILD_TYPE": "Debug"}), **parts)
        run("cmake", "--build", folder, "--parallel", 2, "--target", target)
    return folder
