"""What each form of a circuit would take, from its description alone: nothing is computed before it is known to fit."""

import os
from typing import NamedTuple

import torch

from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.surrogates.fourier import flops_of, rows_of
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import layers_of_blocks, qubit_groups

FORMS = ("fourier", "unitary", "gates")
#: numbers that reverse differentiation keeps or writes for one that the forward pass writes
_BACKWARD = 3
#: bytes at work for each coefficient of form F while it is made: values, coefficients, residual and magnitudes, in the longest float
_PREPARED = 96


class Cost(NamedTuple):
    """Of one form."""

    flops: float  #: an edge, forward
    file_bytes: float  #: constants in the file
    bytes: float  #: while it is made or run, whichever takes more

    @property
    def gib(self) -> float:
        """`bytes` in GiB."""
        return self.bytes / 2.0**30


def costs(config: CircuitConfig, dtype: torch.dtype, edges: int) -> dict[str, Cost]:
    """Cost of every form for `edges` edges at a time."""
    size = dtype.itemsize
    dim, count = 2**config.num_qubits, config.num_encodings
    cones = [(cone.num_coefficients, [2 * r + 1 for r in cone.degrees], len(cone.outputs)) for cone in light_cones(config) if cone.features]
    coefficients = sum(c * outputs for c, _, outputs in cones)
    rows = sum(rows_of(sizes, outputs) for _, sizes, outputs in cones)
    fourier = Cost(
        flops=sum(flops_of(sizes, outputs) for _, sizes, outputs in cones),
        file_bytes=size * coefficients,
        bytes=max(_PREPARED * coefficients, size * (coefficients + _BACKWARD * rows * edges)),
    )
    # An encoding: two functions of D phases, ten operations an amplitude.
    encoding, measuring = 30 * dim, 4 * config.num_outputs * dim
    state_rows = 16 * dim * count
    unitaries = count * (2 * dim) ** 2
    unitary = Cost(
        flops=count * (2 * (2 * dim) ** 2 + encoding) + measuring,
        file_bytes=size * unitaries,
        bytes=max(32 * unitaries, size * (unitaries + _BACKWARD * state_rows * edges)),
    )
    layers = layers_of_blocks(config)
    groups = [2 ** len(qubits) for qubits in qubit_groups(config.num_qubits)]
    gates = Cost(
        flops=count * encoding + measuring + layers * 2 * dim * sum(2 * 2 * g + 2 for g in groups),
        file_bytes=size * (layers * sum((2 * g) ** 2 for g in groups) + 2 * dim * (count + 1)),
        bytes=size * _BACKWARD * edges * (state_rows + layers * len(groups) * 4 * dim),
    )
    return {"fourier": fourier, "unitary": unitary, "gates": gates}


def available_bytes(device: str) -> float:
    """Memory that a form may take: all of the device's, or half of the machine's, where other things run."""
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
