"""What is measured: two model sizes, two sets of structures. Imported by all processes, so it needs no more than numpy and ASE."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read

R_MAX = 5.0
BATCH_FRAMES = 5

_BESSEL = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8, "bessel_trainable": False, "polynomial_cutoff_p": 6}
#: size -> hyperparameters under the peer's names; whatever is not given is the peer's default
SIZES: dict[str, dict[str, Any]] = {
    "S": {"l_max": 1, "num_layers": 1, "num_scalar_features": 32, "num_tensor_features": 8},
    "M": {"l_max": 2, "num_layers": 2, "num_scalar_features": 64, "num_tensor_features": 32, "readout_mlp_hidden_layers_width": 64},
}


class Case:
    """A batch of labelled structures. Labels are random: how long a step takes does not depend on them."""

    def __init__(self, name: str, frames: list[Atoms], species: list[str], source: str, neighbors: float) -> None:
        self.name, self.frames, self.species, self.source, self.neighbors = name, frames, species, source, neighbors
        rng = np.random.default_rng(1)
        self.energies = rng.normal(size=len(frames))
        self.forces = [rng.normal(size=(len(atoms), 3)) for atoms in frames]

    def config(self, size: str, dtype: str) -> dict[str, Any]:
        """Hyperparameters of a model for these structures, under the peer's names."""
        return {
            "seed": 1,
            "model_dtype": dtype,
            "type_names": self.species,
            "r_max": R_MAX,
            "radial_chemical_embed": _BESSEL,
            "avg_num_neighbors": self.neighbors,
            **SIZES[size],
        }


def make_case(name: str) -> Case:
    """ "copper": 108 rattled Cu atoms in one periodic frame; "molecules": five frames of aspirin, or of something much like it."""
    if name == "copper":
        atoms = bulk("Cu", cubic=True, a=3.63) * (3, 3, 3)
        atoms.rattle(0.06, seed=1)
        return Case(name, [atoms], ["Cu", "Li"], "108 rattled Cu atoms, periodic", 42.0)
    if name == "molecules":
        frames, source = _aspirin()
        return Case(name, frames, ["H", "C", "O"], source, 18.0)
    raise ValueError(f"unknown case {name!r}")


def _aspirin() -> tuple[list[Atoms], str]:
    file = Path(__file__).parents[3] / "shared" / "data" / "rmd17_aspirin_train_01.xyz.gz"
    if file.is_file():
        with gzip.open(file, "rt") as stream:
            return read(stream, index=f":{BATCH_FRAMES}", format="extxyz"), f"{BATCH_FRAMES} frames of rMD17 aspirin (21 atoms)"
    frames = []
    for seed in range(BATCH_FRAMES):
        acid = molecule("CH3COOH")
        acid.translate([0.0, 0.0, 3.4])
        atoms = molecule("C6H6") + acid
        atoms.rattle(0.08, seed=seed)
        frames.append(atoms)
    return frames, f"{BATCH_FRAMES} rattled frames of benzene with acetic acid (20 atoms, in place of aspirin)"
