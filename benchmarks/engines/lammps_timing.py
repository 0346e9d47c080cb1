"""One measurement in LAMMPS: what a step takes by LAMMPS's own timer, what memory it needs, and forces to compare."""

import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from copper_crystal import HALF_WIDTH, LATTICE_CONSTANT, MASS, R_MAX, SEED, SPRING, TEMPERATURE, TIMESTEP, cells_of
from lammps_session import LammpsSession

#: of SNAP: 55 bispectrum components a neighborhood
TWOJMAX, COEFFICIENTS = 8, 56

# The forces of the potential are computed, and then springs act instead: all candidates follow the same paths, and neither
# random weights nor arbitrary coefficients need to hold a crystal together.
_MOTION = f"""units metal
lattice fcc {LATTICE_CONSTANT}
region box block 0 {{cells}} 0 {{cells}} 0 {{cells}}
create_box 1 box
create_atoms 1 box
mass 1 {MASS}
fix none all setforce 0 0 0
fix springs all spring/self {SPRING:.10g}
fix motion all nve
displace_atoms all random {HALF_WIDTH:.10g} {HALF_WIDTH:.10g} {HALF_WIDTH:.10g} {SEED} units box
velocity all create {TEMPERATURE} {SEED}
timestep {TIMESTEP}
neighbor 2.0 bin
neigh_modify every {{rebuild_every}} delay 0 check no
thermo_style custom step temp
"""


class Potential(NamedTuple):
    """What computes the forces in LAMMPS.

    Args:
        pair: the commands `pair_style` and `pair_coeff`.
        environment: variables that choose how the engine runs.
    """

    pair: str
    environment: dict[str, str]


class Layout(NamedTuple):
    """Ranks, and threads of each."""

    ranks: int
    threads: int

    def __str__(self) -> str:
        return f"{self.ranks}x{self.threads}"


def measure(
    lmp: Path, potential: Potential, layout: Layout, n_atoms: int, steps: int, warmup: int, rebuild_every: int, segments: int = 1
) -> dict[str, Any]:
    """Times of `steps` steps after `warmup` that do not count, in a process of its own.

    Returns:
        seconds of the loop and, averaged over the ranks, of pair style, neighbor lists and communication; CPU use (1 is one core);
        builds of the neighbor list; memory of all ranks in bytes, resident sizes after the warmup and after each of the
        `segments` that the steps are cut into; what the pair style says of itself.

    Raises:
        LammpsError: LAMMPS refused or failed.
    """
    with LammpsSession(lmp, layout.ranks, layout.threads, potential.environment) as session:
        head = prepare(session, potential, n_atoms, rebuild_every) + session.run(f"run {warmup}")
        memory = [session.memory()]
        timings = []
        for segment in range(segments):
            timings.append(advance(session, n_atoms, steps * (segment + 1) // segments - steps * segment // segments))
            memory.append(session.memory())
    known = [m for m in memory if m is not None]
    return {
        **{name: sum(t[name] for t in timings) for name in ("loop", "pair", "neighbor", "communication", "builds")},
        "cpu_use": timings[0]["cpu_use"],
        "peak_memory": known[-1].peak if known else None,
        "resident": [m.resident for m in known],
        "description": _description(head),
    }


def prepare(session: LammpsSession, potential: Potential, n_atoms: int, rebuild_every: int) -> str:
    """Everything before the first `run`. Returns: what LAMMPS printed."""
    return session.run(_MOTION.format(cells=cells_of(n_atoms), rebuild_every=rebuild_every) + potential.pair)


def advance(session: LammpsSession, n_atoms: int, steps: int) -> dict[str, Any]:
    """Seconds of the next `steps` steps, as in `measure`, with "builds" and "cpu_use"."""
    return _timings(session.run(f"run {steps}"), n_atoms, steps)


def _timings(output: str, n_atoms: int, steps: int) -> dict[str, Any]:
    loop = re.search(r"^Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms", output, re.MULTILINE)
    if loop is None or (int(loop[2]), int(loop[3])) != (steps, n_atoms):
        raise ValueError(f"LAMMPS must report the time of {steps} steps of {n_atoms} atoms, it printed:\n{output[-3000:]}")
    sections = {}
    for name in ("Pair", "Neigh", "Comm"):
        row = re.search(rf"^{name}\s*\|\s*\S+\s*\|\s*(\S+)\s*\|", output, re.MULTILINE)
        sections[name] = float(row[1])
    builds = re.search(r"^Neighbor list builds = (\d+)", output, re.MULTILINE)
    cpu = re.search(r"^(\S+)% CPU use with (\d+) MPI tasks", output, re.MULTILINE)
    return {
        "loop": float(loop[1]),
        "pair": sections["Pair"],
        "neighbor": sections["Neigh"],
        "communication": sections["Comm"],
        "builds": int(builds[1]),
        # LAMMPS gives the average of the ranks.
        "cpu_use": float(cpu[1]) / 100.0 * int(cpu[2]),
    }


def _description(output: str) -> str:
    """The line after the name of the file, in which the pair style says engine, device, precision and threads."""
    lines = output.splitlines()
    at = [k for k, line in enumerate(lines) if line.startswith("pair_style qallegro:")]
    return lines[at[0] + 1].strip() if at and at[0] + 1 < len(lines) else ""


def evaluate(lmp: Path, potential: Potential, layout: Layout, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy in eV and forces (N, 3) in eV/Å of one structure with an orthogonal cell.

    Raises:
        LammpsError: LAMMPS refused or failed.
    """
    with tempfile.TemporaryDirectory() as folder, LammpsSession(lmp, layout.ranks, layout.threads, potential.environment) as session:
        data, dump = Path(folder) / "data", Path(folder) / "dump"
        rows = [f"{k} 1 {x:.17g} {y:.17g} {z:.17g}" for k, (x, y, z) in enumerate(atoms.positions, 1)]
        sides = [f"0 {length:.17g} {axis}lo {axis}hi" for length, axis in zip(atoms.cell.lengths(), "xyz", strict=True)]
        data.write_text("\n".join(["", "", f"{len(atoms)} atoms", "1 atom types", *sides, "", "Atoms # atomic", "", *rows, ""]))
        output = session.run(
            f"units metal\nread_data {data}\nmass 1 {MASS}\n{potential.pair}\nthermo_style custom pe\nthermo_modify format float %.16g\n"
            f"run 0\nvariable energy equal pe\nprint 'energy ${{energy}}'\n"
            f"write_dump all custom {dump} fx fy fz modify sort id format float %.16g"
        )
        forces = np.loadtxt(dump, skiprows=9, ndmin=2)
    return float(re.search(r"^energy (\S+)", output, re.MULTILINE)[1]), forces


def qallegro(model: Path, engine: str, threads: int, isa: str | None = None) -> Potential:
    """An exported file. Args: isa: instruction set of the engine `native`, None for its own choice."""
    pair = f"pair_style qallegro engine {engine} device cpu threads {threads}\npair_coeff * * {model.absolute()} Cu\n"
    return Potential(pair, {"QALLEGRO_ISA": isa} if isa else {})


def snap(folder: Path) -> Potential:
    """`pair_style snap` of the usual size with arbitrary coefficients, on which its time does not depend."""
    # Every nonzero coefficient costs the same; a zero one would too.
    values = np.random.default_rng(SEED).normal(scale=0.01, size=COEFFICIENTS)
    (folder / "cu.snapcoeff").write_text(f"1 {COEFFICIENTS}\nCu 0.5 1.0\n" + "".join(f"{v:.12g}\n" for v in values))
    (folder / "cu.snapparam").write_text(f"rcutfac {R_MAX}\ntwojmax {TWOJMAX}\nrfac0 0.99363\nrmin0 0\nbzeroflag 0\nquadraticflag 0\n")
    files = [(folder / name).absolute() for name in ("cu.snapcoeff", "cu.snapparam")]
    return Potential(f"pair_style snap\npair_coeff * * {files[0]} {files[1]} Cu\n", {})
