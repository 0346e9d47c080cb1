"""From a model file to something that evaluates pairs: the C++ runtime, or the model code where the file is a checkpoint."""

import os
import zipfile
from types import ModuleType
from typing import Any

from qallegro_ase.errors import SetupError


def open_potential(model: str, engine: str | None, device: str | None, threads: int | None, stage_sampling: int = 0) -> Any:
    """Open `model` with the interface of `_runtime.Potential`.

    Args:
        model: an exported file, or a checkpoint `model.pth`.
        engine: None for the fastest that runs the file, or its name; "eager" runs checkpoints, and nothing else does.
        device: None for CUDA where the engine finds it, else the CPU; "cpu", "cuda", "cuda:N".
        threads: None for OMP_NUM_THREADS, else 1.
        stage_sampling: one in so many groups of centers is measured stage by stage; 0 for none.

    Raises:
        SetupError: a missing, truncated or foreign file, or an option that does not fit it.
    """
    options = {"engine": engine or "auto", "device": device or "auto"}
    if is_checkpoint(model):
        from qallegro_ase.eager import EagerPotential

        return EagerPotential(model, threads=threads, **options)
    _runtime = runtime_module()
    try:
        return _runtime.Potential(model, threads=threads or 0, stage_sampling=stage_sampling, **options)
    except _runtime.Error as error:
        raise SetupError(str(error)) from error


def runtime_module() -> ModuleType:
    """The compiled module `qallegro_ase._runtime`.

    Raises:
        SetupError: it cannot be imported.
    """
    try:
        from qallegro_ase import _runtime
    except ImportError as error:
        raise SetupError(f"the C++ runtime `qallegro_ase._runtime` cannot be imported: {error}; install qallegro anew with pip") from error
    return _runtime


def is_checkpoint(model: str) -> bool:
    """Whether the file is one that `torch.save` wrote, rather than a program that `torch.jit.save` or AOTInductor wrote."""
    if not os.path.isfile(model) or not zipfile.is_zipfile(model):
        return False
    with zipfile.ZipFile(model) as archive:
        members = {name.partition("/")[2] for name in archive.namelist()}
    return "data.pkl" in members and "constants.pkl" not in members and "extra/qallegro.json" not in members
