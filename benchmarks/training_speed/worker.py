"""The half that both workers share: take commands on standard input, one JSON object a line, and answer on standard output."""

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor


class Side(Protocol):
    """One program under measurement."""

    def versions(self) -> dict[str, str]: ...

    def build(self, case: str, size: str, dtype: str, weights: str, mode: str) -> dict[str, Any]:
        """Make model and batch; `weights` is a file that the peer writes and qallegro reads, `mode` is how the side runs its model.

        Returns counts of weights, edges and atoms.
        """

    def predict(self) -> tuple[Tensor, Tensor]:
        """Energies (B,) and forces (N, 3) of the batch, with a graph down to the weights."""

    def parameters(self) -> list[Tensor]: ...

    def labels(self) -> tuple[Tensor, Tensor, Tensor]:
        """Energies (B,), forces (N, 3), atoms of each frame (B,)."""


def serve(make_side: Callable[[], Side]) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    side, optimizer = None, None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer: dict[str, Any]
            if command["do"] == "start":
                side = make_side()
                answer = {"versions": side.versions(), "threads": torch.get_num_threads()}
            elif command["do"] == "build":
                answer = side.build(command["case"], command["size"], command["dtype"], command["weights"], command["mode"])
                # Both sides get the same optimiser, in its fastest form.
                optimizer = torch.optim.AdamW(side.parameters(), lr=1e-4, fused=True)
            elif command["do"] == "predict":
                energies, forces = side.predict()
                answer = {"energies": energies.detach().tolist(), "forces": forces.detach().tolist()}
            else:
                answer = {"seconds": [step(side, optimizer) for _ in range(command["count"])], "peak_memory_bytes": peak_memory()}
        except Exception:  # the other end shows it and stops
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def peak_memory() -> int:
    """The most memory that this process has had so far, libraries and all."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def step(side: Side, optimizer: torch.optim.Optimizer) -> float:
    """Seconds that one training step takes: forward, forces, loss on energies and forces, backward, update of the weights."""
    energy_labels, force_labels, n_atoms = side.labels()
    start = time.perf_counter()
    optimizer.zero_grad()
    energies, forces = side.predict()
    loss = ((energies - energy_labels) / n_atoms).square().mean() + (forces - force_labels).square().mean()
    loss.backward()
    optimizer.step()
    return time.perf_counter() - start
