"""The side of nequip-allegro in eager mode: model and data built by its own public functions, in its own environment."""

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from allegro.model import AllegroModel
from nequip.data import AtomicDataDict, from_ase
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
from nequip.utils.global_state import set_global_state
from torch import Tensor

from cases import R_MAX, make_case
from worker import serve


class PeerSide:
    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in ("nequip", "nequip-allegro", "e3nn", "torch")}

    def build(self, case: str, size: str, dtype: str, weights: str, mode: str) -> dict[str, Any]:
        set_global_state()
        self.case = make_case(case)
        self.model = AllegroModel(compile_mode=mode, **self.case.config(size, dtype))
        # In training mode the peer keeps the graph of its forces, as its training module does.
        self.model.train()
        np.savez(weights, **{name: tensor.detach().numpy() for name, tensor in self.model.state_dict().items()})
        transforms = [ChemicalSpeciesToAtomTypeMapper(model_type_names=self.case.species), NeighborListTransform(r_max=R_MAX)]
        frames = []
        for atoms in self.case.frames:
            data = from_ase(atoms)
            for transform in transforms:
                data = transform(data)
            frames.append(data)
        batch = AtomicDataDict.batched_from_list(frames)
        self.inputs = {name: batch[name] for name in self.model.model_input_fields if name in batch}
        self.targets = (
            torch.as_tensor(self.case.energies),
            torch.as_tensor(np.concatenate(self.case.forces)),
            torch.tensor([len(atoms) for atoms in self.case.frames]),
        )
        edges = int(batch[AtomicDataDict.EDGE_INDEX_KEY].shape[1])
        return {"weights": sum(p.numel() for p in self.parameters()), "edges": edges, "atoms": int(self.targets[2].sum())}

    def predict(self) -> tuple[Tensor, Tensor]:
        output = self.model(dict(self.inputs))
        return output[AtomicDataDict.TOTAL_ENERGY_KEY].flatten(), output[AtomicDataDict.FORCE_KEY]

    def parameters(self) -> list[Tensor]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def labels(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.targets


if __name__ == "__main__":
    serve(PeerSide)
