"""Time of forms on the device that they are to run on, in turn, so that a busy machine slows all of them alike."""

import copy
import statistics
import time
import warnings

import torch
from torch import Tensor, nn

_ROUNDS = 25
#: seconds after which no further round starts
_PATIENCE = 4.0


def time_forms(forms: dict[str, nn.Module], features: Tensor, device: str) -> dict[str, float]:
    """Median seconds of outputs and their gradient with respect to the features, scripted as in a file.

    Args:
        forms: modules of features (E, F).
        features: (E, F) in the precision of the file.
        device: "cpu" or "cuda".
    """
    modules = {name: _scripted(module).to(device) for name, module in forms.items()}
    x = features.to(device).requires_grad_(True)
    taken: dict[str, list[float]] = {name: [] for name in modules}
    # As the engines run a file: nothing is specialised to shapes.
    with torch.enable_grad(), torch.jit.optimized_execution(False):
        cotangent = {name: torch.ones_like(module(x)) for name, module in modules.items()}
        start = time.perf_counter()
        for _ in range(_ROUNDS):
            for name, module in modules.items():
                _wait(device)
                begin = time.perf_counter()
                torch.autograd.grad(module(x), x, cotangent[name])
                _wait(device)
                taken[name].append(time.perf_counter() - begin)
            if time.perf_counter() - start > _PATIENCE:
                break
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _scripted(module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one deprecation warning a call, as in `qallegro.export.torchscript`
        return torch.jit.script(copy.deepcopy(module))


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
