"""The optimizers that a configuration can name, from PyTorch and from the package schedulefree."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from qallegro.errors import ConfigError
from qallegro.model.linear import Linear
from qallegro.model.potential import Potential
from qallegro.training import config as settings
from qallegro.training.muon import BatchedMuon

Groups = list[dict[str, Any]]


def make_optimizer(config: settings.Optimizer, potential: Potential) -> Optimizer:
    """The optimizer of `config` for the trainable weights of a potential.

    Raises:
        ConfigError: it comes from a package that is not installed.
    """
    if config.kind == "muon":
        return _muon(config, potential)
    groups = _groups([p for p in potential.parameters() if p.requires_grad], config.weight_decay)
    rate, betas = config.learning_rate, tuple(config.betas)
    if config.kind == "schedule_free":
        optimizer = _schedule_free()(groups, lr=rate, betas=betas)
        optimizer.train()
        return optimizer
    # One fused call a step.
    return AdamW(groups, lr=rate, betas=betas, amsgrad=config.amsgrad, fused=True)


def linear_weights(potential: Potential) -> list[Tensor]:
    """Trainable weights of linear maps with several inputs and outputs; orthogonal steps are made for those.

    Not tables of species and path weights, whose rows are no directions in one space, nor the last map of a readout: its step would be
    the gradient's direction alone.
    """
    maps = [module.weight for module in potential.modules() if isinstance(module, Linear)]
    return [weight for weight in maps if weight.requires_grad and min(weight.shape) > 1]


class Several(Optimizer):
    """Optimizers of separate groups of weights that act as one: one step, one list of groups, one state.

    Args:
        parts: share no weights.
    """

    def __init__(self, parts: list[Optimizer]) -> None:
        self.parts = parts
        self._sizes = [len(part.param_groups) for part in parts]
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of each part, after one evaluation of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def _share(self) -> None:
        first = 0
        for part, size in zip(self.parts, self._sizes, strict=True):
            part.state, part.param_groups = self.state, self.param_groups[first : first + size]
            first += size


def _muon(config: settings.Optimizer, potential: Potential) -> Optimizer:
    matrices = linear_weights(potential)
    chosen = {id(weight) for weight in matrices}
    others = [p for p in potential.parameters() if p.requires_grad and id(p) not in chosen]
    rate, decay = config.learning_rate, config.weight_decay
    # Steps of the size of AdamW's, so that one learning rate serves both.
    parts: list[Optimizer] = [BatchedMuon(matrices, lr=rate, weight_decay=decay, momentum=config.momentum, adjust_lr_fn="match_rms_adamw")]
    if others:
        parts.append(AdamW(_groups(others, decay), lr=rate, betas=tuple(config.betas), fused=True))
    return Several(parts)


def _schedule_free() -> type[Optimizer]:
    try:
        from schedulefree import AdamWScheduleFree
    except ImportError as error:
        raise ConfigError(
            "`training.optimizer.kind` schedule_free needs the package schedulefree, which is not installed; "
            "run `pip install qallegro[schedule-free]`, or use adamw"
        ) from error
    return AdamWScheduleFree


def _groups(weights: list[Tensor], decay: float) -> Groups:
    groups = [
        {"params": [p for p in weights if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in weights if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
