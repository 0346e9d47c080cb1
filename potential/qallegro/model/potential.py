"""Energies, forces and virials. This is the one place that differentiates."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from qallegro.data.batch import Batch
from qallegro.model.allegro import Allegro
from qallegro.model.config import ModelConfig
from qallegro.model.geometry import edge_gradients


class Prediction(NamedTuple):
    """What a potential says of a batch of B frames with N atoms, in eV and Å, float64."""

    energy: Tensor  #: (B,) eV
    per_atom_energy: Tensor  #: (N,) eV
    forces: Tensor  #: (N, 3) eV/Å; NaN where forces were not asked for
    virial: Tensor  #: (B, 3, 3) eV, -dE/d(strain); NaN where forces were not asked for


class EdgeGradients(nn.Module):
    """Per-atom energies and their derivatives with respect to edge vectors; scripted as it is by the exporter."""

    def __init__(self, network: nn.Module, create_graph: bool = False) -> None:
        super().__init__()
        self.network = network
        self.create_graph = create_graph

    def forward(self, center_types: Tensor, neighbor_types: Tensor, edge_vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes and units as in `Allegro.forward`; returns per_atom_energy (N,) eV and edge gradients (N, K, 3) eV/Å."""
        # Not `with torch.enable_grad()`: TorchScript lacks it, and callers may be under `no_grad`.
        mode = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        pair_types = self.network.pair_types(center_types, neighbor_types)
        geometry, pair_energy, pair_slope = self.network.geometry(pair_types, edge_vectors.detach())
        basis, harmonics = geometry.basis, geometry.harmonics.requires_grad_(True)
        if not basis.requires_grad:  # it does where frequencies train
            basis = basis.requires_grad_(True)
        per_atom_energy = self.network.energies(center_types, pair_types, basis, harmonics)
        by_basis, by_harmonics = torch.autograd.grad([per_atom_energy.sum()], [basis, harmonics], create_graph=self.create_graph)
        assert by_basis is not None and by_harmonics is not None  # narrows Optional for TorchScript
        gradients = edge_gradients(geometry, by_basis, by_harmonics) + geometry.unit_vectors * pair_slope.unsqueeze(1)
        gradients = gradients.view(edge_vectors.shape)
        per_atom_energy = per_atom_energy + pair_energy.view(neighbor_types.shape).sum(1)
        torch.set_grad_enabled(mode)
        if not self.create_graph:
            per_atom_energy = per_atom_energy.detach()
        return per_atom_energy, gradients


def forces_of(gradients: Tensor, neighbors: Tensor) -> Tensor:
    """Forces (N, 3) from edge gradients (N, K, 3) and neighbor indices (N, K): F_i += g, F_j -= g."""
    return gradients.sum(1).index_add(0, neighbors.flatten(), gradients.flatten(0, 1), alpha=-1.0)


def predict_from(batch: Batch, per_atom_energy: Tensor, gradients: Tensor | None) -> Prediction:
    """Sums over frames and atoms of per-atom energies (N,) and edge gradients (N, K, 3), which may be missing."""
    n_frames = batch.n_atoms.shape[0]
    if gradients is not None:
        atom_forces = forces_of(gradients, batch.neighbors)
        per_atom = -torch.einsum("nka,nkb->nab", batch.edge_vectors, gradients)
        virial = per_atom.new_zeros(n_frames, 3, 3).index_add(0, batch.frame, per_atom)
    else:
        atom_forces = torch.full_like(batch.forces, torch.nan)
        virial = torch.full_like(batch.stress, torch.nan)
    energy = per_atom_energy.new_zeros(n_frames).index_add(0, batch.frame, per_atom_energy)
    return Prediction(energy, per_atom_energy, atom_forces, virial)


class Potential(nn.Module):
    """A model with its hyperparameters.

    Args:
        config: hyperparameters; the network is built from them with torch's current random state (see `build_potential`).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.network = Allegro(config)

    def predict(self, batch: Batch, training: bool = False, forces: bool = True) -> Prediction:
        """Energy, forces and virial of every frame.

        With g_e = dE/dv_e for edge e = (i, j): F_i += g_e, F_j -= g_e, virial = -sum_e v_e (x) g_e.

        Args:
            batch: padded neighbor tables of B frames.
            training: keep the graph, so that a loss on forces reaches the weights.
            forces: False skips the derivative (sets with energies only).
        """
        neighbor_types = batch.types[batch.neighbors]
        gradients: Tensor | None = None
        if forces:
            per_atom_energy, gradients = EdgeGradients(self.network, training)(batch.types, neighbor_types, batch.edge_vectors)
        else:
            per_atom_energy = self.network(batch.types, neighbor_types, batch.edge_vectors)
        result = predict_from(batch, per_atom_energy, gradients)
        return result if training else Prediction(*(t.detach() for t in result))
