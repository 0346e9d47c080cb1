"""Structures for tests, and batches made with ASE's neighbor list, a witness independent of ours."""

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import primitive_neighbor_list

from qallegro.data.batch import Batch
from qallegro.model.config import ModelConfig

#: model configurations that the contract suite runs on: one for each way a hyperparameter changes the code path
CONFIGS: dict[str, dict] = {
    "default": {},
    "scalar": {"l_max": 0},
    "one_layer": {"num_layers": 1, "l_max": 1},
    "three_layers": {"num_layers": 3},
    "no_parity": {"num_layers": 3, "parity": False},
    "l3": {"l_max": 3, "num_layers": 2},
    "spline": {"radial_embedding": {"kind": "spline", "num_splines": 8, "spline_span": 6}},
    "trainable_bessel": {"radial_embedding": {"kind": "bessel", "trainable": True, "polynomial_cutoff_p": 6.7}},
    "typed_cutoffs": {"per_edge_type_cutoff": {"Cu": {"Li": 3.1, "Cu": 3.5}, "Li": {"Cu": 3.1}}},
    "typed_scales": {
        "per_type_energy_scales": {"Cu": 1.3, "Li": 0.7},
        "per_type_energy_shifts": {"Cu": -3.0, "Li": -1.0},
        "avg_num_neighbors": {"Cu": 20.0, "Li": 12.0},
    },
    "zbl": {"pair_potential": "zbl"},
    "uncoupled": {"tp_path_channel_coupling": False},
    "linear": {"latent_mlp": {"depth": 0, "nonlinearity": None}, "readout_mlp": {"depth": 0, "nonlinearity": None}},
    "deep_mish": {
        "latent_mlp": {"depth": 2, "width": 16, "nonlinearity": "mish"},
        "readout_mlp": {"depth": 2, "width": 8, "nonlinearity": "gelu"},
    },
    "output_normalized": {"forward_normalize": False},
    "mlp": {"variant": "allegro_mlp", "hidden_mlp": {"num_features": 6, "widths": [8, 5]}},
    "qdi": {"variant": "allegro_qdi", "qdi": {"width": 8}},
    "qdi_reuploading": {
        "variant": "allegro_qdi",
        "qdi": {
            "circuit": {
                "num_qubits": 2,
                "num_features": 4,
                "num_reuploads": 2,
                "encoding_axis": "X",
                "entangler": "cz_ring",
                "depth": [1, 0, 1, 1, 2],
                "observables": "z_zz",
            },
            "nonlinearity": None,
            "width": 5,
            "feature_norm": 1.7,
        },
    },
    "rff": {"variant": "allegro_rff", "random_fourier": {"num_outputs": 6, "max_frequency": 2, "feature_norm": 0.4}},
}


def tiny_config(name: str = "default", **changes) -> ModelConfig:
    """A small two-species model; r_max 4 Å, float64 unless changed."""
    base = {
        "atom_types": ["Cu", "Li"],
        "r_max": 4.0,
        "l_max": 2,
        "num_layers": 2,
        "num_scalar_features": 8,
        "num_tensor_features": 4,
        "scalar_embed_mlp": {"width": 12},
        "latent_mlp": {"width": 12},
        "readout_mlp": {"width": 8},
        "avg_num_neighbors": 18.0,
        "dtype": "float64",
    }
    return ModelConfig.model_validate(base | CONFIGS[name] | changes)


def make_batch(frames: list[Atoms], config: ModelConfig, slots: int = 0) -> Batch:
    """Frames as one batch without labels; `slots` more than needed may be asked for."""
    tables = []
    for atoms in frames:
        center, neighbor, vectors = primitive_neighbor_list(
            "ijD", atoms.pbc, atoms.cell.complete(), atoms.positions, config.r_max, self_interaction=False
        )
        tables.append((center, neighbor, vectors))
    counts = [np.bincount(t[0], minlength=len(a)) for t, a in zip(tables, frames, strict=True)]
    k = max(1, slots, *(int(c.max()) for c in counts))
    n = sum(len(a) for a in frames)
    edge_vectors = np.zeros((n, k, 3))
    edge_vectors[..., 0] = 2.0 * config.r_max
    neighbors = np.tile(np.arange(n)[:, None], (1, k))
    start = 0
    for (center, neighbor, vectors), atoms in zip(tables, frames, strict=True):
        for atom in range(len(atoms)):
            mine = center == atom
            edge_vectors[start + atom, : mine.sum()] = vectors[mine]
            neighbors[start + atom, : mine.sum()] = neighbor[mine] + start
        start += len(atoms)
    lengths = [len(a) for a in frames]
    return Batch(
        types=torch.tensor([config.atom_types.index(s) for a in frames for s in a.get_chemical_symbols()]),
        neighbors=torch.as_tensor(neighbors),
        edge_vectors=torch.as_tensor(edge_vectors),
        frame=torch.repeat_interleave(torch.arange(len(frames)), torch.tensor(lengths)),
        n_atoms=torch.tensor(lengths),
        volume=torch.tensor([a.cell.volume if a.pbc.all() else np.nan for a in frames], dtype=torch.float64),
        energy=torch.zeros(len(frames), dtype=torch.float64),
        forces=torch.zeros(n, 3, dtype=torch.float64),
        stress=torch.zeros(len(frames), 3, 3, dtype=torch.float64),
    )


def alloy(seed: int = 1) -> Atoms:
    """16 Cu and Li atoms, periodic, rattled."""
    atoms = bulk("Cu", cubic=True, a=3.7) * (2, 2, 1)
    atoms.symbols[np.random.default_rng(seed).permutation(16)[:7]] = "Li"
    atoms.rattle(0.12, seed=seed)
    return atoms


def tiny_cell() -> Atoms:
    """2 atoms in a triclinic cell much smaller than the cutoff."""
    atoms = Atoms("CuLi", cell=[[2.6, 0.2, 0.0], [0.4, 2.7, 0.1], [0.0, -0.3, 3.9]], pbc=True)
    atoms.positions = [[0.1, 0.0, 0.2], [1.3, 1.4, 1.7]]
    return atoms


def slab() -> Atoms:
    """Periodic in two directions."""
    atoms = bulk("Cu", cubic=True, a=3.7) * (2, 1, 2)
    atoms.symbols[3] = "Li"
    atoms.pbc = [True, True, False]
    atoms.rattle(0.08, seed=3)
    return atoms


def cluster() -> Atoms:
    """7 atoms without a cell."""
    rng = np.random.default_rng(5)
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=float)
    return Atoms("CuLiCu2Li2Cu", positions=2.4 * grid + rng.uniform(-0.15, 0.15, grid.shape))


def lonely() -> Atoms:
    """A dimer and an atom that nothing reaches."""
    return Atoms("CuLiCu", positions=[[0, 0, 0], [0.3, 2.1, 0.4], [30.0, 0, 0]])


def single() -> Atoms:
    """One atom."""
    return Atoms("Li", positions=[[0.3, 0.1, 0.2]])


STRUCTURES = {"alloy": alloy, "tiny_cell": tiny_cell, "slab": slab, "cluster": cluster, "lonely": lonely, "single": single}


def ethanol() -> Atoms:
    """The demo's molecule."""
    return molecule("CH3CH2OH")
