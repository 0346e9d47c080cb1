"""What the demo can be run on: reference data, the settings of a training on it, and a structure to move."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from qallegro import datasets
from qallegro.data.config import Source
from qallegro.demo.reference import sample_molecule, write_frames


class ReferenceSpeed(NamedTuple):
    """What a step of molecular dynamics costs with the method that made the data."""

    label: str
    microseconds: float  #: per atom and step


class DemoInput(NamedTuple):
    """Everything that differs between demos."""

    title: str
    about: str  #: a sentence on the data
    data: dict[str, Any]  #: sections of a configuration
    model: dict[str, Any]
    training: dict[str, Any]
    test: Source  #: held-out frames
    start: Atoms  #: periodic, with velocities
    reference_speed: ReferenceSpeed | None


#: molecule known to `ase.build.molecule`, frames sampled, and how many of them are held out
MOLECULE, FRAMES, VALIDATION, TEST = "CH3CH2OH", 1000, 50, 200
#: MD of molecules: how many along each edge of the box, and their distance in Å, at which no two see each other
COPIES, SPACING = 2, 12.0
#: K
TEMPERATURE = 300.0
#: MD of the alloy: cubic cells of fcc along each edge, 108 atoms
CELLS = 3
#: Å³ an atom; near the minimum of PBE
ATOM_VOLUMES = {"Cu": 12.0, "Li": 20.3}

_NETWORK = {
    "l_max": 2,
    "num_layers": 2,
    "num_scalar_features": 32,
    "num_tensor_features": 8,
    "scalar_embed_mlp": {"width": 32},
    "latent_mlp": {"width": 32},
    "readout_mlp": {"width": 32},
}


def ethanol(folder: Path, seed: int, console: Console) -> DemoInput:
    """Frames of a molecule, made on the spot with GFN2-xTB; eight molecules to move.

    Raises:
        ConfigError: the package `tblite` is not installed.
    """
    bar = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn())
    with Progress(*bar, TimeRemainingColumn(), console=console) as progress:
        clock = time.perf_counter()
        frames = sample_molecule(MOLECULE, FRAMES, seed, progress)
        microseconds = 1e6 * (time.perf_counter() - clock) / (progress.tasks[0].total * len(frames[0]))
    order = np.random.default_rng(seed).permutation(len(frames))
    write_frames(folder / "train.xyz", [frames[i] for i in order[TEST:]])
    write_frames(folder / "test.xyz", [frames[i] for i in order[:TEST]])
    # One molecule cannot tell its species apart, and need not: each gets the mean energy of an atom.
    mean = float(np.mean([frame.get_potential_energy() / len(frame) for frame in frames]))
    return DemoInput(
        title="ethanol",
        about=f"{len(frames)} frames of {frames[0].get_chemical_formula()}: {len(frames) - TEST} to train on, {TEST} held out",
        data={
            "root": str(folder),
            "train": "train.xyz",
            "test": "test.xyz",
            "split": {"validation": VALIDATION},
            "reference_energies": dict.fromkeys(sorted(set(frames[0].get_chemical_symbols())), mean),
        },
        model=_NETWORK | {"r_max": 4.5},
        training={"batch_size": 8, "max_epochs": 400, "optimizer": {"learning_rate": 2e-2}, "gradient_clip": 0.1},
        test=Source(path=str(folder / "test.xyz")),
        start=molecules(frames[order[0]], COPIES, SPACING, TEMPERATURE, seed),
        reference_speed=ReferenceSpeed("GFN2-xTB", microseconds),
    )


def cu_li(folder: Path, seed: int, console: Console) -> DemoInput:
    """Copper, lithium and their alloys, with the DFT data of the package; a random alloy to move."""
    train, validation, test = datasets.load("cu_li")
    return DemoInput(
        title="Cu-Li",
        about=f"{len(train)} cells with PBE labels to train on, {len(validation)} to validate, {len(test)} of other groups held out",
        data={
            "train": "qallegro:cu_li",
            "split": {"from_frames": True},
            "energy_scale": "forces_rms_per_type",
            "avg_num_neighbors": "per_type",
        },
        model=_NETWORK | {"r_max": 5.0},
        training={
            "batch_size": 4,
            "max_epochs": 2000,
            "optimizer": {"learning_rate": 2e-2},
            "loss": {"function": "huber"},
            "gradient_clip": 0.1,
        },
        test=Source(path="qallegro:cu_li/test"),
        start=random_alloy(CELLS, TEMPERATURE, seed),
        reference_speed=None,
    )


INPUTS: dict[str, Callable[[Path, int, Console], DemoInput]] = {"ethanol": ethanol, "cu_li": cu_li}


def molecules(frame: Atoms, copies: int, spacing: float, temperature: float, seed: int) -> Atoms:
    """`copies`^3 molecules on a grid, each turned at random, with velocities at `temperature` in K; no drift."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(cell=[copies * spacing] * 3, pbc=True)
    for corner in np.ndindex(copies, copies, copies):
        one = Atoms(frame.numbers, positions=frame.positions - frame.positions.mean(0))
        one.rotate(rng.uniform(0, 360), rng.normal(size=3))
        one.positions += (np.array(corner) + 0.5) * spacing
        atoms += one
    return _moving(atoms, temperature, rng)


def random_alloy(cells: int, temperature: float, seed: int) -> Atoms:
    """Copper and lithium in equal numbers on the sites of fcc, drawn at random, with velocities at `temperature` in K; no drift."""
    rng = np.random.default_rng(seed)
    volume = sum(ATOM_VOLUMES.values()) / 2
    atoms = bulk("Cu", "fcc", a=(4 * volume) ** (1 / 3), cubic=True) * (cells, cells, cells)
    atoms.symbols[rng.permutation(len(atoms))[: len(atoms) // 2]] = "Li"
    return _moving(atoms, temperature, rng)


def _moving(atoms: Atoms, temperature: float, rng: np.random.Generator) -> Atoms:
    thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
    Stationary(atoms)
    return atoms
