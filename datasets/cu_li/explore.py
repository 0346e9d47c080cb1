"""Active learning: structures that a committee trained on the labels so far is unsure of, from molecular dynamics up to melting.

    .venv/bin/python datasets/cu_li/explore.py -o FOLDER [--count 24]

Trains the committee, heats small cells of all compositions in LAMMPS, keeps what the members disagree on (fix qallegro/extrapolation) and
chooses what lies farthest from the labels and from each other (qallegro select). FOLDER/active.xyz is for `build.py --extra`. Steps that
are done are not repeated. Needs qallegro and its `lmp`, unlike the rest of this folder.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import ase.io
import yaml
from ase import Atoms
from cells import random_alloy, with_volume
from families import ELEMENTS, closest, generator

#: eV/Å, deviation of the committee: above the first a structure is worth a label, above the second the run has left the world
UNSURE, LOST = 0.15, 1.5
#: over the smallest distance that the set allows: nearer atoms tell of the potential's failure, not of melts
CLOSEST = 0.9
#: K at the end of a run, by the share of lithium: well above both melting points (1358 K, 454 K)
HOTTEST = {"Cu": 2400.0, "Li": 900.0}
COLDEST = 300.0
LATTICES = {"fcc": (2, 2, 2), "bcc": (2, 2, 2), "hcp": (2, 2, 1)}
#: of the sums of the atoms' volumes
VOLUMES = (1.0, 1.15)
#: steps of 1 fs
STEPS = 6000
#: of each member; its duration is added
CONFIG = {
    "seed": 1,
    "data": {
        "train": "qallegro:cu_li",
        "split": {"from_frames": True},
        "energy_scale": "forces_rms_per_type",
        "avg_num_neighbors": "per_type",
    },
    "model": {
        "r_max": 5.0,
        "l_max": 2,
        "num_layers": 2,
        "num_scalar_features": 32,
        "num_tensor_features": 8,
        "scalar_embed_mlp": {"width": 32},
        "latent_mlp": {"width": 32},
        "readout_mlp": {"width": 32},
    },
    "training": {
        "batch_size": 4,
        "max_epochs": 10000,
        "schedule": {"over": "time"},
        "loss": {"function": "huber"},
        "optimizer": {"learning_rate": 0.02},
    },
}

_INPUT = """\
units metal
atom_style atomic
atom_modify map yes
boundary p p p
read_data start.data
pair_style qallegro
pair_coeff * * {files} {species}
neighbor 1.0 bin
velocity all create {cold} {seed}
fix nve all nve
fix heat all langevin {cold} {hot} 0.1 {seed}
fix unsure all qallegro/extrapolation 10 dump {unsure} unsure.xyz gap 200 stop {lost}
timestep 0.001
thermo 1000
run {steps}
"""


class Start(NamedTuple):
    """Where a run begins."""

    name: str
    atoms: Atoms
    hottest: float  #: K


def starts() -> list[Start]:
    """Cells of eight atoms on three lattices, all compositions in steps of a quarter, two volumes."""
    found = []
    for lattice, repeat in LATTICES.items():
        for n_lithium in (0, 2, 4, 6, 8):
            for volume in VOLUMES:
                name = f"{lattice} Cu{8 - n_lithium} Li{n_lithium}, volume {volume:g}"
                atoms = with_volume(random_alloy(lattice, repeat, n_lithium, generator("active", name)), volume)
                share = n_lithium / 8
                found.append(Start(name, atoms, (1 - share) * HOTTEST["Cu"] + share * HOTTEST["Li"]))
    return found


def call(*command: str, folder: Path) -> None:
    """Run a program of this environment; its output goes to FOLDER/PROGRAM.log.

    Raises:
        RuntimeError: it failed; the message holds its last lines.
    """
    program, *rest = command
    log = folder / f"{program}.log"
    with log.open("a") as file:
        place = Path(sys.executable).parent / program
        done = subprocess.run([str(place), *rest], cwd=folder, stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` must succeed, it ended with {done.returncode}: {log.read_text()[-800:]}")


def committee(folder: Path, members: int, train_time: str) -> list[Path]:
    """Train and export, unless that is done."""
    files = [folder / "committee" / f"member_{k}" / "model.qallegro.pth" for k in range(members)]
    if not all(file.exists() for file in files):
        (folder / "committee.yaml").write_text(yaml.safe_dump(CONFIG))
        duration = f"training.max_time={train_time}"
        call("qallegro", "train", "committee.yaml", "-o", "committee", "--members", str(members), duration, folder=folder)
        call("qallegro", "export", "committee", folder=folder)
    return files


def heat(start: Start, files: list[Path], folder: Path, seed: int) -> list[Atoms]:
    """One run; the structures that the committee is unsure of, each with where it comes from."""
    place = folder / "runs" / start.name.replace(" ", "_").replace(",", "")
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        ase.io.write(place / "start.data", start.atoms, format="lammps-data", specorder=list(ELEMENTS), units="metal", masses=True)
        values = {"files": " ".join(str(f.resolve()) for f in files), "species": " ".join(ELEMENTS), "seed": seed, "steps": STEPS}
        values |= {"cold": COLDEST, "hot": start.hottest, "unsure": UNSURE, "lost": LOST}
        (place / "in.heat").write_text(_INPUT.format(**values))
        (place / "unsure.xyz").unlink(missing_ok=True)
        call("lmp", "-in", "in.heat", "-log", "log.lammps", "-screen", "none", folder=place)
        (place / "done").touch()
    frames = []
    dump = place / "unsure.xyz"
    for atoms in ase.io.iread(dump, ":", format="extxyz") if dump.exists() else []:
        deviation = atoms.arrays["force_deviation"]
        if deviation.max() < LOST and closest(atoms) >= CLOSEST:
            step = atoms.info.get("step", "")
            kept = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
            kept.arrays["force_deviation"] = deviation
            kept.info = {"family": "active", "group": start.name, "about": f"heating to {start.hottest:g} K, step {step}"}
            frames.append(kept)
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=24, help="structures to choose")
    parser.add_argument("--members", type=int, default=4, help="of the committee")
    parser.add_argument("--train-time", default="2m", help="of each member")
    parser.add_argument("--seed", type=int, default=1, help="of velocities and thermostat")
    arguments = parser.parse_args()
    folder = arguments.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    candidates: list[Atoms] = []
    try:
        files = committee(folder, arguments.members, arguments.train_time)
        for number, start in enumerate(starts(), 1):
            found = heat(start, files, folder, arguments.seed)
            candidates += found
            print(f"{number}/{len(starts())} {start.name}, to {start.hottest:g} K: {len(found)} structures", flush=True)
        if not candidates:
            sys.exit(f"error: structures with a deviation above {UNSURE} eV/Å must be found, there were none; the labels cover these runs")
        ase.io.write(folder / "candidates.xyz", candidates, format="extxyz")
        choice = ["--known", "qallegro:cu_li", "-n", str(arguments.count), "-o", "active.xyz"]
        call("qallegro", "select", "candidates.xyz", "--model", str(files[0].with_name("model.pth")), *choice, folder=folder)
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {folder / 'active.xyz'}")


if __name__ == "__main__":
    main()
