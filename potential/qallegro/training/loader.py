"""Batches of an epoch in an order that depends on the seed and the epoch alone, shared out over processes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from qallegro.data.batch import Batch
from qallegro.data.sample import Sample, collate


class FrameLoader:
    """Batches from samples in memory. Collating takes a fraction of a millisecond, so there are no worker processes.

    An epoch is cut into batches whose sizes differ by at most one frame. Each batch is dealt out over the processes, so that
    their number changes nothing but the speed. Lightning tells the epoch through `sampler.set_epoch`.

    Args:
        samples: the set.
        batch_size: frames in a batch, over all processes.
        seed: shuffle by this seed, for training; None, for validation, keeps the order and counts every frame exactly once.
        rank, world_size: of this process.
    """

    def __init__(self, samples: Sequence[Sample], batch_size: int, seed: int | None = None, rank: int = 0, world_size: int = 1) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self._done = 0
        self._start = 0

    #: Lightning asks for it of anything that has a sampler
    batch_sampler = None

    @property
    def sampler(self) -> "FrameLoader":
        """Where Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Fix the order of the next epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Sample indices of every batch of an epoch, before they are dealt out."""
        n = len(self.samples)
        order = np.arange(n) if self.seed is None else np.random.default_rng([self.seed, epoch]).permutation(n)
        return np.array_split(order, len(self))

    def __iter__(self) -> Iterator[Batch]:
        start, self._start = self._start, 0
        self._done = start
        # Lightning sets the epoch after it has asked for the iterator and before it asks for the first batch.
        for number, indices in enumerate(self.batches(self.epoch)):
            if number < start:
                continue
            share = np.array_split(indices, self.world_size)[self.rank]
            left_out = not len(share)
            if left_out and self.seed is None:
                continue
            self._done = number + 1
            # All processes must take part in every training step: one that a small batch leaves out takes a frame that counts nothing.
            batch = collate([self.samples[i] for i in (indices[:1] if left_out else share)])
            yield _without_labels(batch) if left_out else batch

    def state_dict(self) -> dict[str, Any]:
        """Batches of the current epoch that were handed out."""
        return {"done": self._done % len(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Skip what was handed out before."""
        self._start = state["done"]


def _without_labels(batch: Batch) -> Batch:
    return batch._replace(**{name: torch.full_like(getattr(batch, name), torch.nan) for name in ("energy", "forces", "stress")})
