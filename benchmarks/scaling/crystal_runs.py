"""LAMMPS on displaced fcc sites with `pair_style qallegro latency FILE`: its report, and what the ranks send, counted in MPI itself."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from qallegro.latency.bench_lammps import mpi_settings

FOLDER = Path(__file__).parent
BIN = Path(sys.executable).parent
REBUILD_EVERY = 10  # steps
SKIN = 2.0  # Å
MASS = 63.546
#: ps; nothing moves, as atoms far off their sites would fly apart
TIMESTEP = 1e-7

SCRIPT = """units metal
lattice fcc {lattice}
region box block 0 {cells[0]} 0 {cells[1]} 0 {cells[2]}
create_box 1 box
create_atoms 1 box
mass 1 {mass}
displace_atoms all random {displacement} {displacement} {displacement} 4711 units box
pair_style qallegro engine native threads 1 latency {report}
pair_coeff * * {model} {species}
neighbor {skin} bin
neigh_modify every {rebuild_every} delay 0 check no
fix 1 all nve
timestep {timestep}
thermo {steps}
run {steps}
"""


class Crystal(NamedTuple):
    """`cells` cubic cells of `lattice` Å along each direction; the model file and the species in it that all atoms are.

    `displacement` Å is how far atoms are off their sites at most, in each direction; a quarter of `lattice` leaves no planes.
    """

    model: Path
    species: str
    cells: tuple[int, int, int]
    lattice: float
    displacement: float

    @property
    def atoms(self) -> int:
        """Four a cell."""
        return 4 * math.prod(self.cells)

    @property
    def density(self) -> float:
        """Atoms/Å^3."""
        return 4.0 / self.lattice**3


class Sent(NamedTuple):
    """Means over the ranks."""

    messages: float
    bytes: float


def run(
    crystal: Crystal, ranks: int, steps: int, folder: Path, name: str, counter: Path | None = None
) -> tuple[dict[str, Any], Sent | None]:
    """The latency report of `steps` steps, and with a `counter` library what the ranks sent since their start.

    Raises:
        SystemExit: LAMMPS failed; the message is its own.
    """
    report = folder / f"{name}.json"
    (folder / f"{name}.lmp").write_text(
        SCRIPT.format(
            **crystal._asdict() | {"model": crystal.model.absolute()},
            mass=MASS,
            report=report,
            skin=SKIN,
            rebuild_every=REBUILD_EVERY,
            timestep=TIMESTEP,
            steps=steps,
        )
    )
    command = [str(BIN / "lmp"), "-in", f"{name}.lmp", "-log", "none", "-nocite"]
    if ranks > 1:
        command = [str(BIN / "mpirun"), "-n", str(ranks), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **mpi_settings(ranks)}
    if counter is not None:
        environment |= {"LD_PRELOAD": str(counter), "MESSAGES": str(folder / name)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"LAMMPS failed on {ranks} ranks:\n{done.stdout}{done.stderr}")
    sent = None
    if counter is not None:
        numbers = [list(map(float, (folder / f"{name}.{rank}").read_text().split())) for rank in range(ranks)]
        sent = Sent(*(sum(column) / ranks for column in zip(*numbers, strict=True)))
    return json.loads(report.read_text()), sent


def build_counter(folder: Path) -> Path:
    """Compile `count_messages.c` with the `mpicc` of this Python environment."""
    library = folder / "count_messages.so"
    source = FOLDER / "count_messages.c"
    subprocess.run([str(BIN / "mpicc"), "-shared", "-fPIC", "-O2", str(source), "-o", str(library)], check=True)
    return library


def sent_per_step(crystal: Crystal, ranks: int, steps: int, folder: Path, counter: Path) -> Sent:
    """What a rank sends in an average step: a run of twice the steps less one of `steps`, so that the beginning cancels."""
    (_, once), (_, twice) = (run(crystal, ranks, n, folder, f"sent{ranks}_{n}", counter) for n in (steps, 2 * steps))
    return Sent(*((b - a) / steps for a, b in zip(once, twice, strict=True)))
