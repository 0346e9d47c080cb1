"""TorchScript: everything that touches it is in this file (torch deprecates it, and the range that works is pinned by tests)."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from qallegro.model.potential import EdgeGradients


def write_torchscript(module: EdgeGradients, path: Path, extra_files: dict[str, bytes | str]) -> None:
    """Script `module` and save it with `extra_files` to `path`.

    Not frozen: freezing drops `detach` from the graph, so that results would carry a tape, and brings no speed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one deprecation warning a call, known and tested for
        scripted = torch.jit.script(module.eval().requires_grad_(False))
        torch.jit.save(scripted, str(path), _extra_files=extra_files)


class TorchScriptFunction:
    """An exported TorchScript file as a function of padded neighbor tables."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._module: nn.Module = torch.jit.load(str(path), map_location=device)

    def __call__(self, center_types: Tensor, neighbor_types: Tensor, edge_vectors: Tensor) -> tuple[Tensor, Tensor]:
        # Shapes change from call to call: specialising the graph to each of them would cost seconds.
        with warnings.catch_warnings(), torch.jit.optimized_execution(False):
            warnings.simplefilter("ignore")
            return self._module(center_types, neighbor_types, edge_vectors)
