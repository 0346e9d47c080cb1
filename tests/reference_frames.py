"""Small labelled sets from ASE's EMT potential, and training configurations that finish in seconds."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

#: real reference data beside the checkout, see the skip marks of the tests that use it
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def labelled(atoms: Atoms, forces: bool = True, stress: bool = True) -> Atoms:
    """A copy with EMT labels in a frozen calculator, as ASE's readers leave them."""
    source = atoms.copy()
    source.calc = EMT()
    results: dict[str, Any] = {"energy": source.get_potential_energy()}
    if forces:
        results["forces"] = source.get_forces()
    if stress and atoms.pbc.all():
        results["stress"] = source.get_stress()
    result = atoms.copy()
    result.calc = SinglePointCalculator(result, **results)
    return result


def emt_frames(count: int, seed: int = 0, **labels: bool) -> list[Atoms]:
    """Rattled and strained 4-atom cells of Cu and Au, smaller than the cutoffs used here."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True, a=3.7)
        atoms.symbols[rng.permutation(4)[: rng.integers(0, 3)]] = "Au"
        atoms.set_cell(atoms.cell * (1.0 + rng.uniform(-0.03, 0.06)), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.1, size=(4, 3))
        frames.append(labelled(atoms, **labels))
    return frames


def write_frames(path: Path, frames: list[Atoms]) -> Path:
    """Extended XYZ."""
    ase.io.write(path, frames, format="extxyz")
    return path


def tiny_run(train: Path, **changes: Any) -> dict[str, Any]:
    """A configuration as a nested table; dotted names in `changes` (with __ for the dot) replace values."""
    config: dict[str, Any] = {
        "seed": 3,
        "data": {"train": str(train), "split": {"validation": 4}},
        "model": {
            "r_max": 4.0,
            "l_max": 1,
            "num_layers": 1,
            "num_scalar_features": 8,
            "num_tensor_features": 4,
            "scalar_embed_mlp": {"width": 8},
            "latent_mlp": {"width": 8},
            "readout_mlp": {"width": 8},
        },
        "training": {"batch_size": 4, "max_epochs": 3, "schedule": {"warmup_steps": 2}},
        "trainer": {"accelerator": "cpu", "progress": "none", "plots": False},
    }
    for name, value in changes.items():
        *sections, key = name.split("__")
        here = config
        for section in sections:
            here = here.setdefault(section, {})
        here[key] = value
    return config


def write_config(path: Path, config: dict[str, Any]) -> Path:
    """YAML."""
    path.write_text(yaml.safe_dump(config))
    return path
