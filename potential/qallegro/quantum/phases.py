"""exp(i p) - 1 of phases, with its own derivatives: a loss on forces differentiates it twice, the hottest elementwise work of the layer."""

import torch
from torch import Tensor


def rotate(phases: Tensor) -> Tensor:
    """[cos p - 1 | sin p]: (E, R) rad to (E, 2 R). Exactly zero at zero; a third derivative is left to autograd."""
    return _Rotate.apply(phases)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, phases: Tensor) -> Tensor:
        columns = phases.shape[1]
        result = phases.new_empty(phases.shape[0], 2 * columns)
        torch.cos(phases, out=result[:, :columns])
        result[:, :columns] -= 1.0
        torch.sin(phases, out=result[:, columns:])
        ctx.save_for_backward(phases, result)
        return result

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        phases, result = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _RotateBackward.apply(g, phases, result.detach())
        return _slope(g, result)


class _RotateBackward(torch.autograd.Function):
    """g = [g_c | g_s] -> g_s cos p - g_c sin p."""

    @staticmethod
    def forward(ctx, g: Tensor, phases: Tensor, result: Tensor) -> Tensor:
        ctx.save_for_backward(g, phases, result)
        return _slope(g, result)

    @staticmethod
    def backward(ctx, gg: Tensor) -> tuple[Tensor, Tensor, None]:
        g, phases, result = ctx.saved_tensors
        columns = phases.shape[1]
        if torch.is_grad_enabled():  # a third derivative is wanted: differentiable in all of gg, g and phases
            cos, sin = torch.cos(phases), torch.sin(phases)
            by_cos, by_sin = torch.split(g, columns, 1)
            return torch.cat([-gg * sin, gg * cos], 1), -gg * (by_sin * sin + by_cos * cos), None
        cos, sin = result[:, :columns], result[:, columns:]  # the first is cos p - 1
        by_cos, by_sin = g[:, :columns], g[:, columns:]
        by_g = torch.empty_like(g)
        torch.mul(gg, sin, out=by_g[:, :columns]).neg_()
        torch.addcmul(gg, gg, cos, out=by_g[:, columns:])
        # -gg (g_s sin p + g_c cos p)
        curvature = torch.addcmul(by_cos, by_cos, cos).addcmul_(by_sin, sin).mul_(gg).neg_()
        return by_g, curvature, None


def _slope(g: Tensor, result: Tensor) -> Tensor:
    columns = g.shape[1] // 2
    by_sin = g[:, columns:]
    slope = torch.addcmul(by_sin, by_sin, result[:, :columns])
    return slope.addcmul_(g[:, :columns], result[:, columns:], value=-1.0)
