"""Names of devices on which a model runs: `cpu`, `cuda`, `cuda:N`."""

import re

import torch


def device_complaint(device: str) -> str | None:
    """What to say behind the option's name of a device that is not one of this machine's; None if it is."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        return f"must be cpu, cuda or cuda:N, got {device!r}; use cpu"
    if device == "cpu":
        return None
    present = torch.cuda.device_count()
    if not present:
        return f"must be present on this machine, got {device!r} without CUDA; use cpu"
    if int(device.partition(":")[2] or 0) >= present:
        return f"must be one of the {present} of this machine, counted from 0, got {device!r}"
    return None
