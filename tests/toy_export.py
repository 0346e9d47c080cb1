"""A toy potential in the exported file's format: small, exactly known, and many-body, so that faces can be tested without training.

With x = r / r_c(a, b) and the envelope u(x) = (1 - x^2)^3 for x < 1, else 0, a centre i of type a has the energy

    E_i = E0_a + 1/2 sum_j D_ab ((1 - exp(-alpha (r_ij - r0_ab)))^2 - 1) u + s |p_i|^2,    p_i = sum_j q_b u v_ij / r_c(a, b)

The second sum makes the gradient of an edge neither central nor equal to that of its reverse edge, as in a real model, so a
wrong sign, a lost ghost force or a wrong split of the virial shows. `toy_reference` is an independent numpy evaluation.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np
import torch
from ase.neighborlist import neighbor_list
from safetensors.torch import save as safetensors_bytes

ALPHA = 1.4  # 1/Å
DIPOLE_STRENGTH = 0.08  # eV


class ToyParameters(NamedTuple):
    """Tables by type; E0 (nt,) eV, D (nt, nt) eV, r0 (nt, nt) Å, q (nt,), cutoffs (nt, nt) Å."""

    energy_shift: np.ndarray
    depth: np.ndarray
    r_equilibrium: np.ndarray
    charge: np.ndarray
    cutoffs: np.ndarray


def toy_parameters(n_types: int, r_max: float, cutoffs=None) -> ToyParameters:
    """The fixed tables for `n_types` types; all entries differ, so that swapped types show."""
    a, b = np.meshgrid(np.arange(n_types), np.arange(n_types), indexing="ij")
    table = np.full((n_types, n_types), r_max) if cutoffs is None else np.asarray(cutoffs, dtype=np.float64)
    return ToyParameters(
        energy_shift=-1.0 - 0.37 * np.arange(n_types),
        depth=0.30 + 0.07 * a + 0.05 * b,
        r_equilibrium=2.4 + 0.15 * (a + b),
        charge=0.5 + 0.4 * np.arange(n_types),
        cutoffs=table,
    )


class ToyPotential(torch.nn.Module):
    """The signature of an exported file over the formula above; differentiated by autograd, like a real one."""

    def __init__(self, parameters: ToyParameters, dtype: torch.dtype, nan_below: float):
        super().__init__()
        self.dtype = dtype
        self.nan_below = nan_below
        self.alpha = ALPHA
        self.dipole_strength = DIPOLE_STRENGTH
        for name, value in parameters._asdict().items():
            self.register_buffer(name, torch.tensor(value, dtype=dtype))

    def forward(
        self, center_types: torch.Tensor, neighbor_types: torch.Tensor, edge_vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        v = edge_vectors.detach().requires_grad_(True)
        energy = self.energies(center_types, neighbor_types, v.to(self.dtype))
        gradient = torch.autograd.grad([energy.sum()], [v])[0]
        assert gradient is not None
        return energy.detach().to(torch.float64), gradient

    def energies(self, center_types: torch.Tensor, neighbor_types: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        a, b = center_types.unsqueeze(1), neighbor_types
        r_cut = self.cutoffs[a, b]
        r = v.square().sum(-1).sqrt()
        u = (1.0 - (r / r_cut).square()).clamp(min=0.0).pow(3)
        morse = (1.0 - torch.exp(-self.alpha * (r - self.r_equilibrium[a, b]))).square() - 1.0
        pair = 0.5 * (self.depth[a, b] * morse * u).sum(1)
        p = ((self.charge[b] * u / r_cut).unsqueeze(-1) * v).sum(1)
        energy = self.energy_shift[center_types] + pair + self.dipole_strength * p.square().sum(-1)
        too_close = (r < self.nan_below).any(1)
        return torch.where(too_close, torch.full_like(energy, float("nan")), energy)


def write_toy_file(
    path,
    atom_types=("Cu", "Li"),
    r_max: float = 4.0,
    cutoffs=None,
    dtype: str = "float64",
    nan_below: float = 0.0,
    record_changes: dict | None = None,
) -> Path:
    """Write a TorchScript file of the toy potential and return its path.

    `cutoffs` (nt, nt) Å defaults to r_max everywhere; a centre with a neighbor closer than `nan_below` Å gets a NaN energy;
    `record_changes` overwrites keys of the record (None removes a key), for tests of what a runtime refuses.
    """
    parameters = toy_parameters(len(atom_types), r_max, cutoffs)
    module = torch.jit.script(ToyPotential(parameters, getattr(torch, dtype), nan_below).eval())
    record = {
        "format": "qallegro",
        "format_version": 1,
        "kind": "torchscript",
        "atom_types": list(atom_types),
        "r_max": float(parameters.cutoffs.max()),
        "cutoffs": parameters.cutoffs.tolist(),
        "dtype": dtype,
        "device": "cpu",
        "units": {"energy": "eV", "length": "angstrom", "force": "eV/angstrom"},
        "model": {"name": "toy"},
        "provenance": {"made_by": "tests/toy_export.py"},
        "samples": [],
    }
    for key, value in (record_changes or {}).items():
        record[key] = value
        if value is None:
            del record[key]
    weights = safetensors_bytes({name: buffer.contiguous() for name, buffer in module.named_buffers()})
    path = Path(path)
    sibling = path.with_name(path.name + ".tmp")
    extra = {"qallegro.json": json.dumps(record), "weights.safetensors": weights}
    torch.jit.save(module, str(sibling), _extra_files=extra)
    os.replace(sibling, path)
    return path


class ToyResult(NamedTuple):
    """energy eV, per_atom_energy (n,) eV, forces (n, 3) eV/Å, virial (3, 3) eV, per-atom virials (n, 3, 3) eV, both conventions."""

    energy: float
    per_atom_energy: np.ndarray
    forces: np.ndarray
    virial: np.ndarray
    per_atom_virial: np.ndarray
    per_atom_virial_centroid: np.ndarray


def toy_reference(atoms: ase.Atoms, atom_types=("Cu", "Li"), r_max: float = 4.0, cutoffs=None) -> ToyResult:
    """The toy potential of `atoms` in numpy float64, over ASE's own neighbor list."""
    tables = toy_parameters(len(atom_types), r_max, cutoffs)
    types = np.array([list(atom_types).index(symbol) for symbol in atoms.get_chemical_symbols()], dtype=int)
    i, j, v = neighbor_list("ijD", atoms, float(tables.cutoffs.max()))
    energies, gradients = toy_edges(tables, len(atoms), types, i, types[j], v)
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, i, gradients)
    np.add.at(forces, j, -gradients)
    edge_virials = -v[:, :, None] * gradients[:, None, :]
    centroid = np.zeros((len(atoms), 3, 3))
    np.add.at(centroid, j, edge_virials)
    halves = np.zeros((len(atoms), 3, 3))
    np.add.at(halves, i, 0.5 * edge_virials)
    np.add.at(halves, j, 0.5 * edge_virials)
    return ToyResult(float(energies.sum()), energies, forces, edge_virials.sum(0), halves, centroid)


def toy_edges(tables: ToyParameters, n_atoms: int, types, centers, neighbor_types, vectors) -> tuple[np.ndarray, np.ndarray]:
    """Energies (n_atoms,) eV of all atoms as centres, and gradients (n_edges, 3) eV/Å, derived by hand."""
    a, b = types[centers], neighbor_types
    r_cut = tables.cutoffs[a, b]
    r = np.linalg.norm(vectors, axis=1)
    unit = vectors / r[:, None]
    w = np.maximum(1.0 - (r / r_cut) ** 2, 0.0)
    u, du = w**3, -6.0 * w**2 * r / r_cut**2
    decay = np.exp(-ALPHA * (r - tables.r_equilibrium[a, b]))
    morse, dmorse = (1.0 - decay) ** 2 - 1.0, 2.0 * ALPHA * (1.0 - decay) * decay
    depth, weight = tables.depth[a, b], tables.charge[b] / r_cut
    p = np.zeros((n_atoms, 3))
    np.add.at(p, centers, (weight * u)[:, None] * vectors)
    energies = tables.energy_shift[types] + DIPOLE_STRENGTH * (p**2).sum(1)
    np.add.at(energies, centers, 0.5 * depth * morse * u)
    central = 0.5 * depth * (dmorse * u + morse * du)
    central += 2.0 * DIPOLE_STRENGTH * weight * du * (p[centers] * vectors).sum(1)
    return energies, central[:, None] * unit + (2.0 * DIPOLE_STRENGTH * weight * u)[:, None] * p[centers]
