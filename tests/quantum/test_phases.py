"""The hand-written derivatives of the training layer's phases, up to the third."""

import torch

from qallegro.quantum.phases import rotate


def phases(rows=5):
    generator = torch.Generator().manual_seed(2)
    return (3.0 * torch.randn(rows, 3, dtype=torch.float64, generator=generator)).requires_grad_()


def test_values():
    p = phases()
    assert torch.equal(rotate(p), torch.cat([torch.cos(p) - 1.0, torch.sin(p)], 1))
    assert torch.equal(rotate(torch.zeros(2, 3)), torch.zeros(2, 6))
    assert rotate(phases(0)).shape == (0, 6)


def test_first_and_second_derivative():
    assert torch.autograd.gradcheck(rotate, phases())
    assert torch.autograd.gradgradcheck(rotate, phases())


def test_third_derivative():
    """Of a function that is not linear in the phases' sines, through every path that leads back to the phases."""
    weights = torch.arange(1, 7, dtype=torch.float64)

    def second(p):
        y = (rotate(p) * weights).square().sum()
        (g,) = torch.autograd.grad(y, p, create_graph=True)
        return torch.autograd.grad(g.square().sum(), p, create_graph=True)[0]

    assert torch.autograd.gradcheck(second, phases())
