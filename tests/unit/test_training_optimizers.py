"""The optimizers on their own: which weights go where, and what a schedule-free one averages."""

import copy
import sys

import pytest
import torch

from qallegro.errors import ConfigError
from qallegro.model.build import build_potential
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from qallegro.training.config import Optimizer
from qallegro.training.ema import OptimizerAverage
from qallegro.training.muon import BatchedMuon
from qallegro.training.optimizer import Several, linear_weights, make_optimizer

SMALL = {"num_layers": 1, "num_scalar_features": 8, "num_tensor_features": 4, "readout_mlp": {"width": 8}}


@pytest.fixture
def potential() -> Potential:
    sizes = {"atom_types": ["Cu", "Au"], "avg_num_neighbors": 12.0, "per_type_energy_scales_trainable": True}
    return build_potential(ModelConfig(r_max=4.0, l_max=1, **sizes, **SMALL), seed=0)


def give_gradients(potential: Potential, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in potential.parameters():
        if weight.requires_grad:
            weight.grad = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)


@pytest.mark.parametrize("kind", ["adamw", "muon", "schedule_free"])
def test_every_trainable_weight_is_in_one_group(kind: str, potential: Potential) -> None:
    if kind == "schedule_free":
        pytest.importorskip("schedulefree")
    optimizer = make_optimizer(Optimizer(kind=kind, weight_decay=0.1), potential)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in potential.parameters() if p.requires_grad)
    assert all(group["weight_decay"] == (0.1 if group["params"][0].dim() > 1 else 0.0) for group in optimizer.param_groups)


def test_orthogonal_steps_are_for_linear_maps_alone(potential: Potential) -> None:
    chosen = {id(weight) for weight in linear_weights(potential)}
    names = {name for name, weight in potential.named_parameters() if id(weight) in chosen}
    assert any("latent" in name for name in names)
    assert not any(part in name for name in names for part in ("center_embed", "neighbor_embed", "path_weights", "scales"))
    assert all(min(potential.get_parameter(name).shape) > 1 for name in names)


def test_step_of_muon_is_orthogonal_and_as_large_as_one_of_adamw(potential: Potential) -> None:
    before = [weight.detach().clone() for weight in linear_weights(potential)]
    give_gradients(potential, 0)
    make_optimizer(Optimizer(kind="muon", learning_rate=0.1), potential).step()
    for weight, old in zip(linear_weights(potential), before, strict=True):
        step = weight.detach() - old
        singular = torch.linalg.svdvals(step) / (0.1 * 0.2 * max(step.shape) ** 0.5)
        # The iteration of Muon brings singular values near 1, not to 1: between 0.5 and 1.5, and below for the smallest of a random matrix.
        assert singular.max() < 1.5 and singular.median() > 0.5


#: relative to the step: PyTorch's Muon orthogonalizes in bfloat16, which has 8 bits of mantissa
BFLOAT16 = 2e-2


def test_batched_muon_steps_as_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 16), (16, 8), (16, 16), (8, 16), (40, 16)]
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.9, "adjust_lr_fn": "match_rms_adamw"}
    ours, theirs = ([torch.nn.Parameter(w.clone()) for w in start] for _ in range(2))
    optimizers = BatchedMuon(ours, **settings), torch.optim.Muon(theirs, **settings)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for a, b, w in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() < BFLOAT16 * (b - w).norm()
    assert optimizers[0].state_dict()["state"].keys() == optimizers[1].state_dict()["state"].keys()


def test_several_optimizers_go_on_from_a_state(potential: Potential) -> None:
    other = build_potential(potential.config, seed=0)
    config = Optimizer(kind="muon", learning_rate=0.01)
    first, second = make_optimizer(config, potential), make_optimizer(config, other)
    assert isinstance(first, Several)
    for seed in range(3):
        give_gradients(potential, seed)
        first.step()
    other.load_state_dict(potential.state_dict())
    # Within one process the tensors of a state are shared; a file copies them.
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for model, optimizer in ((potential, first), (other, second)):
        optimizer.param_groups[0]["lr"] = 0.003
        give_gradients(model, 7)
        optimizer.step()
    assert second.parts[0].param_groups[0]["lr"] == 0.003
    for name, weight in potential.named_parameters():
        assert torch.equal(weight, other.get_parameter(name)), name


def test_average_of_a_schedule_free_optimizer_swaps_bit_for_bit(potential: Potential) -> None:
    pytest.importorskip("schedulefree")
    optimizer = make_optimizer(Optimizer(kind="schedule_free", learning_rate=0.05), potential)
    average = OptimizerAverage(potential, optimizer)
    for seed in range(5):
        give_gradients(potential, seed)
        optimizer.step()
    own = {name: weight.detach().clone() for name, weight in potential.named_parameters()}
    with average.applied():
        assert any(not torch.equal(weight, own[name]) for name, weight in potential.named_parameters())
    assert all(torch.equal(weight, own[name]) for name, weight in potential.named_parameters())
    give_gradients(potential, 9)
    optimizer.step()  # refuses unless it is back in its training mode


def test_missing_package_names_the_command_that_installs_it(potential: Potential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "schedulefree", None)
    with pytest.raises(ConfigError, match=r"schedule_free needs the package schedulefree.*pip install qallegro\[schedule-free\]"):
        make_optimizer(Optimizer(kind="schedule_free"), potential)
