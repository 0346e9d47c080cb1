"""Muon (Jordan et al., 2024, kellerjordan.github.io/posts/muon) for many small matrices on a CPU.

PyTorch's own orthogonalizes one matrix after the other, in bfloat16: 43 % of a training step of the preset `quick` (aspirin, two threads).
Matrices of like size together, in their own precision, take less than half of its time.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def orthogonalizing(grams: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """P that takes each M = U S V^T nearly to P M = U V^T, by Newton and Schulz.

    The iteration is X <- Q X with Q = a + b A + c A^2 and A = X X^T, from X = M / |M|.
    All Q are polynomials of M M^T and commute, so that A <- Q A Q goes on without X. That leaves products of small square matrices,
    whatever the number of columns, which one call makes for all matrices.

    Args:
        grams: (batch, rows, rows) M M^T; where a matrix has fewer rows, zeros.
        coefficients: a, b, c.
        steps: of the iteration.
        eps: least norm to divide by.

    Returns:
        as `grams`; singular values of P M come near 1, not to 1.
    """
    a, b, c = coefficients
    norm = grams.diagonal(dim1=1, dim2=2).sum(1).sqrt().clamp(min=eps)[:, None, None]
    gram = grams / norm**2
    product = torch.eye(grams.shape[1], dtype=grams.dtype, device=grams.device).expand_as(grams)
    for step in range(steps):
        # Q - a: adding a in the products saves passes over the matrices.
        rest = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = torch.baddbmm(product, rest, product, beta=a)
        if step + 1 < steps:
            half = torch.baddbmm(gram, rest, gram, beta=a)
            gram = torch.baddbmm(half, rest, half, beta=a)
    return product / norm


class BatchedMuon(torch.optim.Muon):
    """`torch.optim.Muon`, with its state, whose steps take matrices of like size together; `adjust_lr_fn` is always match_rms_adamw."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step, after one evaluation of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            if weights:
                self._step(group, weights)
        return loss

    def _step(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients, momentum = [w.grad for w in weights], group["momentum"]
        for weight in weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        means = [self.state[w]["momentum_buffer"] for w in weights]
        torch._foreach_lerp_(means, gradients, 1.0 - momentum)
        updates = torch._foreach_lerp(gradients, means, momentum) if group["nesterov"] else means
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1.0 - group["lr"] * group["weight_decay"])
        by_size: dict[int, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for weight, update in zip(weights, updates, strict=True):
            by_size[_rows(min(update.shape))].append((_lying(weight), _lying(update)))
        for rows, members in by_size.items():
            grams = weights[0].new_zeros(len(members), rows, rows)
            for gram, (_, update) in zip(grams, members, strict=True):
                gram[: len(update), : len(update)] = update @ update.mT
            factors = orthogonalizing(grams, group["ns_coefficients"], group["ns_steps"], group["eps"])
            for factor, (weight, update) in zip(factors, members, strict=True):
                # Root mean square of a step as AdamW's.
                rate = 0.2 * group["lr"] * update.shape[1] ** 0.5
                weight.addmm_(factor[: len(update), : len(update)], update, alpha=-rate)


def _rows(rows: int) -> int:
    """Rows that a matrix is filled up to: a power of two, so that few sizes occur; tiny ones cost a call more than they cost work."""
    return max(8, 1 << (rows - 1).bit_length())


def _lying(matrix: Tensor) -> Tensor:
    """A view with no more rows than columns."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
