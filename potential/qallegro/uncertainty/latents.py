"""Latent features of atoms: the inputs of the last linear map of the edge readout, summed over the edges of a center."""

import math
from pathlib import Path
from typing import Self

import ase
import numpy as np
import torch
from torch import Tensor

from qallegro.data.neighbors import NeighborTable, neighbor_table
from qallegro.errors import DataError
from qallegro.model.potential import Potential
from qallegro.training.predictors import open_checkpoint

#: slots (centers times neighbors) at once, so that memory stays bounded
_SLOTS = 65536


class Latents:
    """Features f of atoms, in which the energy of an atom is linear: E_i = shift + scale w . f_i, but for a ZBL term.

    Args:
        potential: whose weights will not change any more.
    """

    def __init__(self, potential: Potential) -> None:
        self._potential = potential.requires_grad_(False).eval()
        config = potential.config
        self.atom_types = list(config.atom_types)
        self._r_max, self._cutoffs = config.r_max, np.array(config.cutoffs())
        readout = self._potential.network.readout
        final = getattr(readout, "final", readout)
        self._last = final.rest[-1] if len(final.rest) else final.first

    @classmethod
    def of_checkpoint(cls, model: str | Path) -> Self:
        """Those of a file `model.pth`.

        Raises:
            ModelError: it is no checkpoint.
        """
        return cls(open_checkpoint(model, "latent features"))

    def types(self, atoms: ase.Atoms) -> np.ndarray:
        """(N,) types of the atoms.

        Raises:
            DataError: a species that the model does not know.
        """
        symbols = atoms.get_chemical_symbols()
        unknown = sorted(set(symbols) - set(self.atom_types))
        if unknown:
            raise DataError(f"species must be among those of the model, {', '.join(self.atom_types)}, a structure has {', '.join(unknown)}")
        return np.array([self.atom_types.index(symbol) for symbol in symbols], dtype=np.int64)

    def __call__(self, atoms: ase.Atoms) -> np.ndarray:
        """(N, d) features of a structure.

        Raises:
            DataError: a species that the model does not know.
        """
        types = self.types(atoms)
        return self.of_table(types, neighbor_table(atoms.positions, atoms.cell.array, atoms.pbc, self._r_max, types, self._cutoffs))

    def of_table(self, types: np.ndarray, table: NeighborTable) -> np.ndarray:
        """(N, d) features of a structure whose neighbors are known; `types` (N,)."""
        n, k = table.neighbors.shape
        if k == 0:
            return self._of_block(types, np.zeros((n, 1), dtype=np.int64), np.full((n, 1, 3), [2.0 * self._r_max, 0.0, 0.0]))
        rows = max(1, _SLOTS // k)
        neighbor_types = types[table.neighbors]
        used = np.arange(k) < table.counts[:, None]
        neighbor_types[~used] = 0
        parts = [slice(start, start + rows) for start in range(0, n, rows)]
        return np.concatenate([self._of_block(types[part], neighbor_types[part], table.edge_vectors[part]) for part in parts])

    def _of_block(self, center_types: np.ndarray, neighbor_types: np.ndarray, edge_vectors: np.ndarray) -> np.ndarray:
        caught: list[Tensor] = []

        def catch(module: torch.nn.Module, inputs: tuple[list[Tensor], ...]) -> None:
            caught.append(torch.cat(inputs[0], dim=1))

        network = self._potential.network
        hook = self._last.register_forward_pre_hook(catch)
        try:
            with torch.no_grad():
                centers = torch.from_numpy(center_types)
                network(centers, torch.from_numpy(neighbor_types), torch.from_numpy(edge_vectors))
        finally:
            hook.remove()
        n, k = neighbor_types.shape
        norm = network.environment_norm[centers] * math.sqrt(0.5)
        return (caught[0].view(n, k, -1).sum(1).to(torch.float64) * norm.unsqueeze(1)).numpy()
