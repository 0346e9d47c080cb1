"""A committee of copper: its deviations against true errors, and in LAMMPS while a crystal is compressed out of the training domain.

python benchmarks/uncertainty/compressed_copper.py MEMBER... --test cu_mlearn_test.xyz.gz -o uncertainty
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from qallegro.data.readers import atoms_of
from qallegro.latency.plot_style import INK, SERIES, save, styled
from qallegro_ase import QAllegroCalculator

SCRIPT = """units metal
lattice fcc 3.63
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 63.546
pair_style qallegro latency off
pair_coeff * * {members} Cu
velocity all create 300 4711
fix bath all nvt temp 300 300 0.1
fix press all deform 1 x scale 0.65 y scale 0.65 z scale 0.65
fix guard all qallegro/extrapolation 10 {guard}
timestep 0.002
thermo_style custom step lx f_guard[1] f_guard[2] f_guard[5]
thermo_modify line yaml
thermo 10
run 1500
"""


def test_errors(members: list[Path], test: Path) -> tuple[np.ndarray, np.ndarray]:
    """Deviation and error of the mean force of each atom of a labelled set, eV/Å."""
    calculator = QAllegroCalculator(members)
    deviations, errors = [], []
    for atoms in atoms_of(test):
        truth = atoms.get_forces()
        calculator.calculate(atoms)
        deviations.append(calculator.results["forces_committee_deviation"])
        errors.append(np.linalg.norm(calculator.results["forces"] - truth, axis=1))
    return np.concatenate(deviations), np.concatenate(errors)


def compressed(members: list[Path], folder: Path, guard: str, name: str) -> np.ndarray:
    """Rows (step, edge of the box Å, largest deviation, mean deviation eV/Å, structures written) of a run in LAMMPS."""
    script = SCRIPT.format(members=" ".join(str(member.resolve()) for member in members), guard=guard)
    (folder / f"{name}.lmp").write_text(script)
    command = [str(Path(sys.executable).parent / "lmp"), "-in", f"{name}.lmp", "-log", f"{name}.log", "-nocite"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    lines = [line for line in (folder / f"{name}.log").read_text().splitlines() if line.startswith("  - [")]
    return np.array([json.loads(line.strip()[2:].replace(", ]", "]")) for line in lines])


def draw(deviations: np.ndarray, errors: np.ndarray, free: np.ndarray, stopped: np.ndarray, warn: float, stop: float) -> Figure:
    """Both as a picture."""
    with styled():
        figure = Figure(figsize=(10.0, 4.0))
        left, right = figure.subplots(1, 2)
        left.loglog(deviations, errors, ".", color=SERIES[0], ms=2, alpha=0.35, rasterized=True)
        parts = np.array_split(np.argsort(deviations), 20)
        means = [(deviations[part].mean(), np.sqrt(np.mean(errors[part] ** 2))) for part in parts]
        left.loglog(*np.array(means).T, "o-", color=SERIES[1], ms=4, label="RMS error of a twentieth of the atoms")
        limits = (max(min(deviations.min(), errors.min()), 1e-3), max(deviations.max(), errors.max()))
        left.loglog(limits, limits, "--", color=INK, lw=0.8, label="equal")
        left.set(
            title="test set", xlabel="deviation of the committee (eV/Å)", ylabel="error of its mean force (eV/Å)", xlim=limits, ylim=limits
        )
        left.legend(loc="upper left")
        scale = free[:, 1] / free[0, 1]
        lowest = 0.5 * np.median(free[:5, 3])  # at the very first step all forces vanish, and with them what there is to disagree about
        right.semilogy(scale, free[:, 2], color=SERIES[0], lw=1.2, label="largest deviation")
        right.semilogy(scale, free[:, 3], color=SERIES[2], lw=1.2, label="mean deviation")
        end = stopped[-1, 1] / stopped[0, 1]
        right.plot(end, stopped[-1, 2], "X", color=SERIES[5], ms=9, label="stopped here")
        for name, value in (("warn, dump", warn), ("stop", stop)):
            right.axhline(value, color=INK, lw=0.8, ls="--")
            right.text(scale.min() + 0.003, 0.93 * value, name, fontsize=8, color=INK, ha="right", va="top")
        right.set(
            title="a crystal is compressed",
            xlabel="edge of the box over that at the start",
            ylabel="eV/Å",
            xlim=(1.0, scale.min()),
            ylim=(lowest, None),
        )
        right.legend(loc="upper left")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", type=Path, nargs="+")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--warn", type=float, default=0.3, help="eV/Å, also of the dump")
    parser.add_argument("--stop", type=float, default=0.6, help="eV/Å")
    parser.add_argument("-o", "--output", type=Path, default=Path("uncertainty"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    deviations, errors = test_errors(options.members, options.test)
    free = compressed(options.members, options.output, "", "free")
    (options.output / "far.xyz").unlink(missing_ok=True)
    guard = f"warn {options.warn} dump {options.warn} far.xyz gap 20 stop {options.stop}"
    stopped = compressed(options.members, options.output, guard, "stopped")
    moving = deviations > 1e-3  # in crystals at rest symmetry makes both vanish
    correlation = float(np.corrcoef(np.log(deviations[moving]), np.log(errors[moving]))[0, 1])
    print(f"{len(errors)} atoms: RMS deviation {np.sqrt(np.mean(deviations**2)):.4f}, RMS error {np.sqrt(np.mean(errors**2)):.4f} eV/Å")
    print(f"correlation of their logarithms above 1 meV/Å {correlation:.3f}; largest deviation {deviations.max():.3f} eV/Å")
    print(f"stopped at step {stopped[-1, 0]:.0f}, edge {stopped[-1, 1] / stopped[0, 1]:.3f}, {stopped[-1, 4]:.0f} structures")
    save(draw(deviations, errors, free, stopped, options.warn, options.stop), options.output / "uncertainty.png")


if __name__ == "__main__":
    main()
