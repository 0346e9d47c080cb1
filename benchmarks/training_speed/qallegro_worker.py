"""The side of qallegro: its own data path, model and derivative, as its training module uses them."""

from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers
from torch import Tensor

import qallegro
from cases import R_MAX, make_case
from qallegro.data.frame import Frame
from qallegro.data.neighbors import neighbor_table
from qallegro.data.sample import collate, make_sample
from qallegro.export.peer_weights import config_from_peer, potential_from_peer
from qallegro.model.build import build_potential
from qallegro.native.engine import choose_engine
from worker import serve


class QAllegroSide:
    def versions(self) -> dict[str, str]:
        return {"qallegro": qallegro.__version__, "torch": torch.__version__}

    def build(self, case: str, size: str, dtype: str, weights: str, mode: str) -> dict[str, Any]:
        self.case = make_case(case)
        config = self.case.config(size, dtype)
        if weights:
            with np.load(weights) as tensors:
                self.potential = potential_from_peer(config, {name: torch.as_tensor(tensors[name]) for name in tensors.files})
        else:
            self.potential = build_potential(config_from_peer(config), seed=1)
        type_of = np.zeros(120, dtype=np.int64)
        for index, symbol in enumerate(self.case.species):
            type_of[atomic_numbers[symbol]] = index
        samples, edges = [], 0
        for index, atoms in enumerate(self.case.frames):
            frame = Frame(
                atoms.numbers,
                atoms.positions,
                atoms.cell.array,
                atoms.pbc,
                self.case.energies[index],
                self.case.forces[index],
                np.full((3, 3), np.nan),
                case,
                index,
            )
            table = neighbor_table(frame.positions, frame.cell, frame.pbc, R_MAX)
            edges += int(table.counts.sum())
            samples.append(make_sample(frame, type_of, table, R_MAX))
        self.batch = collate(samples)
        self.engine_predict = choose_engine(self.potential, mode, "cpu")[1]
        return {"weights": sum(p.numel() for p in self.parameters()), "edges": edges, "atoms": len(self.batch.types)}

    def predict(self) -> tuple[Tensor, Tensor]:
        prediction = self.engine_predict(self.batch, True, True)
        return prediction.energy, prediction.forces

    def parameters(self) -> list[Tensor]:
        return [p for p in self.potential.parameters() if p.requires_grad]

    def labels(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.batch.energy, self.batch.forces, self.batch.n_atoms


if __name__ == "__main__":
    serve(QAllegroSide)
