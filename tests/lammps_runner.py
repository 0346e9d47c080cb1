"""Write LAMMPS inputs, run the real `lmp` on any number of ranks, and read back what it computed in full precision."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np
import yaml
from ase.data import atomic_masses, atomic_numbers

from qallegro.latency.bench_lammps import mpi_settings

BIN = Path(sys.executable).parent
TIMEOUT = 150  # s; a hang is a failure, not a wait
PER_ATOM = ["c_pea", *(f"c_sa[{k}]" for k in range(1, 7)), *(f"c_ca[{k}]" for k in range(1, 10))]
FULL_PRECISION = "%.16g"
# name -> number of ranks and what the input says of them; slabs along x leave ranks of some systems without atoms
LAYOUTS = {"1": (1, ""), "2": (2, ""), "4": (4, ""), "4x1x1": (4, "processors 4 1 1")}


class Finished(NamedTuple):
    returncode: int
    output: str  # screen, stderr included
    folder: Path


class Snapshot(NamedTuple):
    """What LAMMPS says of one configuration; arrays in the order of atom ids, in LAMMPS's units.

    `thermo`: keyword -> value; `per_atom_virial` and `per_atom_virial_centroid` (n, 3, 3) are minus `stress/atom` and
    `centroid/stress/atom` (pressure times volume), the first symmetric because LAMMPS keeps six components.
    """

    thermo: dict[str, float]
    types: np.ndarray
    positions: np.ndarray
    forces: np.ndarray
    per_atom_energy: np.ndarray
    per_atom_virial: np.ndarray
    per_atom_virial_centroid: np.ndarray


def run_lammps(script: str, folder: Path, ranks: int = 1, name: str = "in", timeout: float = TIMEOUT) -> Finished:
    """Run `script` in `folder`; one thread a rank, more ranks than cores allowed."""
    (folder / f"{name}.lmp").write_text(script)
    command = [str(BIN / "lmp"), "-in", f"{name}.lmp", "-log", f"{name}.log", "-nocite"]
    if ranks > 1:
        command = [str(BIN / "mpirun"), "-n", str(ranks), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **mpi_settings(ranks)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout)
    return Finished(done.returncode, done.stdout + done.stderr, folder)


def run_well(script: str, folder: Path, ranks: int = 1, name: str = "in") -> Finished:
    """`run_lammps` that must succeed; the screen output is shown if it does not."""
    finished = run_lammps(script, folder, ranks, name)
    assert finished.returncode == 0, finished.output
    return finished


def write_data(path: Path, atoms: ase.Atoms, names: list[str], lammps_types=None) -> None:
    """Write a data file of `atoms`, whose cell must be lower triangular; `names[t - 1]` gives the mass of type t."""
    cell = atoms.cell.array
    assert np.allclose(np.triu(cell, 1), 0.0), "LAMMPS wants a lower triangular cell"
    types = [names.index(symbol) + 1 for symbol in atoms.symbols] if lammps_types is None else lammps_types
    lines = ["test", "", f"{len(atoms)} atoms", f"{len(names)} atom types", ""]
    lines += [f"0.0 {cell[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    if np.any(np.tril(cell, -1)):
        lines.append(f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{t} {atomic_masses[atomic_numbers[name]]:.17g}" for t, name in enumerate(names, 1)]
    lines += ["", "Atoms # atomic", ""]
    lines += [f"{i} {t} {x:.17g} {y:.17g} {z:.17g}" for i, (t, (x, y, z)) in enumerate(zip(types, atoms.positions, strict=True), 1)]
    path.write_text("\n".join(lines) + "\n")


def system_lines(atoms: ase.Atoms, data: str, units: str = "metal", before_box: str = "") -> str:
    """The head of an input: units, boundary and the box of `data`."""
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    return f"clear\nunits {units}\nboundary {boundary}\natom_modify map array sort 0 0.0\n{before_box}\nread_data {data}\n"


def observe_lines(label: str, per_atom: bool = True, edges: bool = True, thermo: str = "", dump_every: int = 1) -> str:
    """Computes, dump and thermo output (with more `thermo` keywords), from here on, for `snapshot(folder, log, label)` to read."""
    columns = "id type x y z fx fy fz"
    lines = []
    thermo = f"step pe ke etotal temp press pxx pyy pzz pxy pxz pyz vol {thermo}"
    if edges:
        lines.append("compute edges all pair qallegro")
        thermo += " c_edges[1]"
    if per_atom:
        lines += [
            "compute pea all pe/atom pair",
            "compute sa all stress/atom NULL pair",
            "compute ca all centroid/stress/atom NULL pair",
        ]
        columns += " " + " ".join(PER_ATOM)
    lines += [
        f"thermo_style custom {thermo}",
        f"thermo_modify line yaml format float {FULL_PRECISION}",
        "thermo 1",
        f"dump out all custom {dump_every} {label}.dump {columns}",
        f"dump_modify out sort id format float {FULL_PRECISION}",
        f'print "snapshot {label}"',
    ]
    return "\n".join(lines) + "\n"


def thermo_rows(log: Path, label: str) -> list[dict[str, float]]:
    """All thermo rows that follow the line `snapshot LABEL` of a log file, up to the next label."""
    text = log.read_text()
    assert f"\nsnapshot {label}\n" in text, f"no snapshot {label} in {log}"
    section = text.split(f"\nsnapshot {label}\n", 1)[1].split("\nsnapshot ", 1)[0]
    rows = []
    for block in section.split("\n---\n")[1:]:
        table = yaml.safe_load(block.split("\n...", 1)[0])
        rows += [dict(zip(table["keywords"], row, strict=True)) for row in table["data"]]
    return rows


def dump_frames(path: Path) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Columns by name and lower triangular cell of every frame of a text dump."""
    frames = []
    for block in path.read_text().split("ITEM: TIMESTEP\n")[1:]:
        head, body = block.split("ITEM: ATOMS ", 1)
        names, _, rows = body.partition("\n")
        table = np.array([row.split() for row in rows.splitlines()], dtype=np.float64)
        box = head.split("ITEM: BOX BOUNDS", 1)[1].splitlines()
        bounds = np.array([line.split() for line in box[1:4]], dtype=np.float64)
        xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else (0.0, 0.0, 0.0)
        low = bounds[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
        high = bounds[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
        cell = np.diag(high - low)
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        columns = {name: table[:, k] for k, name in enumerate(names.split())}
        columns["origin"] = low
        frames.append((columns, cell))
    return frames


def snapshot(folder: Path, log: str, label: str, frame: int = -1) -> Snapshot:
    """The `frame`-th configuration that was written after `observe_lines(label)`."""
    columns, _ = dump_frames(folder / f"{label}.dump")[frame]
    n = len(columns["id"])
    symmetric = np.stack([columns.get(f"c_sa[{k}]", np.full(n, np.nan)) for k in range(1, 7)], 1)
    full = np.stack([columns.get(f"c_ca[{k}]", np.full(n, np.nan)) for k in range(1, 10)], 1)
    return Snapshot(
        thermo=thermo_rows(folder / log, label)[frame],
        types=columns["type"].astype(int),
        positions=np.stack([columns[axis] for axis in "xyz"], 1),
        forces=np.stack([columns[f"f{axis}"] for axis in "xyz"], 1),
        per_atom_energy=columns.get("c_pea", np.full(n, np.nan)),
        per_atom_virial=-symmetric[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(n, 3, 3),
        per_atom_virial_centroid=-full[:, [0, 3, 4, 6, 1, 5, 7, 8, 2]].reshape(n, 3, 3),
    )


def frame_atoms(folder: Path, label: str, names: list[str], pbc, frame: int = -1) -> ase.Atoms:
    """The `frame`-th dumped configuration as Atoms, its box moved to the origin."""
    columns, cell = dump_frames(folder / f"{label}.dump")[frame]
    positions = np.stack([columns[axis] for axis in "xyz"], 1) - columns["origin"]
    return ase.Atoms([names[int(t) - 1] for t in columns["type"]], positions=positions, cell=cell, pbc=pbc)


def pressure_tensor(thermo: dict[str, float]) -> np.ndarray:
    """(3, 3) pressure of a thermo row."""
    xx, yy, zz, xy, xz, yz = (thermo[f"P{ab}"] for ab in ("xx", "yy", "zz", "xy", "xz", "yz"))
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
