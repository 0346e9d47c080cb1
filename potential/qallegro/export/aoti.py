"""AOTInductor packages: the model and its derivative as one graph, compiled ahead of time for this machine."""

import os
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from qallegro.errors import ExportError
from qallegro.model.potential import EdgeGradients

#: padded tables (N, K) that the graph is traced with; all sizes differ, so that no two dimensions are taken for the same
_TRACE_SIZES = ((7, 13), (11, 5))


def compile_aoti(module: EdgeGradients, path: Path, device: str) -> None:
    """Compile `module` for any number of atoms and neighbors (2 or more each) and write the package to `path`.

    Raises:
        ExportError: the graph depends on the sizes it was traced with, or the compiler failed.
    """
    graphs = [_trace(module, n, k, device) for n, k in _TRACE_SIZES]
    if graphs[0].code != graphs[1].code:
        raise ExportError("traced graph must not depend on the number of atoms and neighbors, it does; use `--format torchscript`")
    centers = torch.export.Dim("centers", min=2, max=2**24)
    neighbors = torch.export.Dim("neighbors", min=2, max=2**16)
    shapes = ({0: centers}, {0: centers, 1: neighbors}, {0: centers, 1: neighbors})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
            program = torch.export.export(graphs[0], _example(module, *_TRACE_SIZES[0], device), dynamic_shapes=shapes)
            torch._inductor.aoti_compile_and_package(program, package_path=str(path))
    except Exception as error:  # inductor raises its own kinds, and CalledProcessError of the C++ compiler
        raise ExportError(f"AOTInductor must compile the model, it failed ({type(error).__name__}): {str(error).strip()[:400]}") from error


def add_extra_files(path: Path, extra_files: dict[str, bytes | str]) -> None:
    """Put the record and the weights into a package."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        folder = archive.namelist()[0].split("/")[0]
        for name, content in extra_files.items():
            # Not in the package's own `extra` folder: torch takes what lies there for text.
            archive.writestr(f"{folder}/data/qallegro/extra/{name}", content)


class AOTIFunction:
    """An AOTInductor package as a function of padded neighbor tables."""

    def __init__(self, path: Path) -> None:
        self._run = torch._inductor.aoti_load_package(os.fspath(path))

    def __call__(self, center_types: Tensor, neighbor_types: Tensor, edge_vectors: Tensor) -> tuple[Tensor, Tensor]:
        # The compiled code reads raw memory: strides that are not the traced ones would give wrong numbers in silence.
        energy, gradients = self._run(center_types.contiguous(), neighbor_types.contiguous(), edge_vectors.contiguous())
        return energy, gradients


def _example(module: EdgeGradients, n: int, k: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n * k)
    r_max = float(module.network.cutoffs.max())
    vectors = torch.randn(n, k, 3, dtype=torch.float64, generator=generator) * (0.4 * r_max)
    types = torch.zeros(n, dtype=torch.int64)
    return types.to(device), torch.zeros(n, k, dtype=torch.int64, device=device), vectors.to(device)


def _trace(module: EdgeGradients, n: int, k: int, device: str) -> nn.Module:
    """The graph of energies and gradients with symbolic sizes."""
    return make_fx(module, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*_example(module, n, k, device))
