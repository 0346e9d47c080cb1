"""Activations. SiLU gets its own derivatives: a loss on forces differentiates it twice, the hottest elementwise work of training."""

import torch
from torch import Tensor, nn


class _SiLUBackward(torch.autograd.Function):
    """g -> g d(x), d = s (1 + x (1 - s)), s = sigmoid(x)."""

    @staticmethod
    def forward(ctx, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        return torch.ops.aten.silu_backward(g, x)

    @staticmethod
    def backward(ctx, gg: Tensor) -> tuple[Tensor, Tensor]:
        g, x = ctx.saved_tensors
        if torch.is_grad_enabled():  # a third derivative is wanted: leave it to autograd
            s = torch.sigmoid(x)
            return gg * s * (1.0 + x * (1.0 - s)), gg * g * s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s))
        s = torch.sigmoid(x)
        # d'(x) = s (1 - s) (2 + x (1 - 2 s)), in as few passes over memory as plain torch allows
        curvature = torch.addcmul(x, x, s, value=-2.0).add_(2.0).mul_(g).mul_(gg)
        curvature = torch.addcmul(curvature, curvature, s, value=-1.0).mul_(s)
        return torch.ops.aten.silu_backward(gg, x), curvature


class _SiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.ops.aten.silu(x)

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _SiLUBackward.apply(g, x) if torch.is_grad_enabled() else torch.ops.aten.silu_backward(g, x)


def activate(x: Tensor, name: str) -> Tensor:
    """Plain activation: "silu" (x sigmoid x), "mish", "gelu"; x itself for "identity"."""
    if name == "silu":
        if torch.jit.is_scripting():
            return nn.functional.silu(x)
        else:  # TorchScript must not look into this branch
            return _SiLU.apply(x)
    if name == "mish":
        return nn.functional.mish(x)
    if name == "gelu":
        return nn.functional.gelu(x)
    return x
