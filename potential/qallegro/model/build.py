"""From hyperparameters to a potential with fresh weights."""

import torch

from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential


def build_potential(config: ModelConfig, seed: int) -> Potential:
    """A potential whose initial weights depend on `config` and `seed` alone; torch's global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Potential(config)
