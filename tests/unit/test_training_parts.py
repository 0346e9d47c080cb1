"""The parts of training on their own: loss, errors, schedule, average, order of frames, monitor."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from qallegro.data.batch import Batch
from qallegro.data.config import DataConfig
from qallegro.data.reference_data import CutoffTable, load_reference_data
from qallegro.data.sample import collate
from qallegro.errors import ModelError
from qallegro.model.potential import Prediction
from qallegro.training.config import EarlyStopping, HuberDelta, Loss, Schedule
from qallegro.training.ema import WeightAverage
from qallegro.training.evaluate import evaluate_samples
from qallegro.training.loader import FrameLoader
from qallegro.training.loss import LossFunction, WeightCourse, residuals
from qallegro.training.metrics import ErrorSums
from qallegro.training.monitor import Monitor
from qallegro.training.predictors import Predictor
from qallegro.training.schedule import LearningRate, Plateau, cosine_factor, cycle_progress, warmup_factor
from reference_frames import emt_frames, write_frames

# Float64 sums of some hundred terms of order one.
ROUNDING = 1e-12


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list:
    path = write_frames(tmp_path_factory.mktemp("parts") / "set.xyz", emt_frames(11))
    config = DataConfig.model_validate({"train": str(path), "split": {"validation": 1}})
    return load_reference_data(config, CutoffTable(4.0)).samples["train"]


def guess(batch: Batch, seed: int = 0) -> Prediction:
    """Labels with noise."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.nan_to_num() + 0.1 * torch.randn(tensor.shape, generator=generator, dtype=torch.float64)

    virial = -noisy(batch.stress) * batch.volume[:, None, None]
    return Prediction(noisy(batch.energy), torch.zeros(len(batch.types), dtype=torch.float64), noisy(batch.forces), virial)


def weighted(energy: float, forces: float, stress: float, function: str = "mse", delta: HuberDelta | None = None) -> LossFunction:
    """A loss whose weights stay."""
    courses = {q: WeightCourse(w, w) for q, w in zip(("energy", "forces", "stress"), (energy, forces, stress), strict=True)}
    return LossFunction(courses, function, delta or HuberDelta())


def test_loss_is_the_stated_formula(samples: list) -> None:
    batch = collate(samples)
    prediction = guess(batch)
    errors = residuals(prediction, batch)
    loss = weighted(3.0, 0.5, 2.0)
    energy = ((prediction.energy - batch.energy) / batch.n_atoms).square().mean()
    forces = (prediction.forces - batch.forces).square().mean()
    stress_error = -prediction.virial / batch.volume[:, None, None] - batch.stress
    virial = (stress_error * (batch.volume / batch.n_atoms)[:, None, None]).square().mean()
    got = (loss.sums(errors) / errors.counts).sum()
    assert float(got) == pytest.approx(float(3.0 * energy + 0.5 * forces + 2.0 * virial), rel=ROUNDING)


def test_missing_labels_count_neither_in_the_loss_nor_in_its_gradient(samples: list) -> None:
    nan = float("nan")
    bare = samples[1]._replace(energy=nan, forces=np.full((4, 3), nan), stress=np.full((3, 3), nan))
    molecule = samples[2]._replace(volume=nan)
    with_gaps, without = collate([samples[0], bare, molecule]), collate([samples[0], molecule])
    loss = weighted(1.0, 1.0, 1.0)
    full = guess(with_gaps)
    keep = [0, 2]
    part = Prediction(full.energy[keep], full.per_atom_energy[:8], full.forces[[0, 1, 2, 3, 8, 9, 10, 11]], full.virial[keep])
    leaves = [t.clone().requires_grad_(True) for t in full]
    errors = residuals(Prediction(*leaves), with_gaps)
    value = loss.sums(errors)
    assert torch.allclose(value, loss.sums(residuals(part, without)), atol=ROUNDING) and errors.counts.tolist() == [2.0, 24.0, 9.0]
    value.sum().backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in (leaves[0], leaves[2], leaves[3]))
    assert leaves[0].grad[1] == 0 and (leaves[2].grad[4:8] == 0).all() and (leaves[3].grad[1:] == 0).all()


def test_huber_equals_mse_for_small_errors_and_is_linear_beyond(samples: list) -> None:
    batch = collate(samples)
    prediction = guess(batch)
    wide, narrow = (weighted(0.0, 1.0, 0.0, "huber", HuberDelta(forces=delta)) for delta in (10.0, 1e-6))
    errors = residuals(prediction, batch)
    assert torch.allclose(wide.sums(errors), weighted(0.0, 1.0, 0.0).sums(errors), atol=ROUNDING)
    assert float(narrow.sums(errors)[1]) == pytest.approx(2e-6 * float(errors.forces.abs().sum()), rel=1e-4)


@pytest.mark.parametrize(
    ("config", "quantities", "weights"),
    [
        (Loss(), ["energy", "forces", "stress"], (1.0, 1.0, 1.0)),
        (Loss(), ["energy"], (1.0, 0.0, 0.0)),
        (Loss(forces=10.0, stress=0.0), ["energy", "forces"], (1.0, 10.0, 0.0)),
    ],
)
def test_weights_follow_the_labels(config: Loss, quantities: list[str], weights: tuple[float, ...]) -> None:
    loss = LossFunction.from_config(config, quantities)
    assert all(tuple(loss.weights(progress).values()) == weights for progress in (0.0, 0.5, 1.0))
    assert loss.needs_forces == any(w > 0 for w in weights[1:])


def test_weights_move_on_their_course_and_are_exact_at_its_ends() -> None:
    linear = WeightCourse(1.0, 9.0, 0.25, 0.75)
    assert [linear.at(q) for q in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.0, 5.0, 9.0, 9.0]
    geometric = WeightCourse(1.0, 100.0, 0.0, 1.0, geometric=True)
    assert geometric.at(0.0) == 1.0 and geometric.at(1.0) == 100.0
    assert geometric.at(0.5) == pytest.approx(10.0, rel=ROUNDING)
    assert WeightCourse(0.0, 2.0).at(0.5) == 1.0


def test_final_weights_of_the_configuration(samples: list) -> None:
    config = Loss.model_validate({"final": {"energy": 10.0, "forces": 0.0}, "between": [0.5, 1.0]})
    loss = LossFunction.from_config(config, ["energy", "forces"])
    assert loss.weights(0.5) == {"energy": 1.0, "forces": 1.0, "stress": 0.0} and loss.needs_forces
    assert loss.weights(1.0) == {"energy": 10.0, "forces": 0.0, "stress": 0.0}
    errors = residuals(guess(collate(samples)), collate(samples))
    # Validation says nothing of the place in the run: it counts with the weights of the end.
    assert torch.equal(loss.sums(errors), loss.sums(errors, 1.0)) and not torch.equal(loss.sums(errors), loss.sums(errors, 0.6))


def test_errors_against_numpy_and_in_any_number_of_parts(samples: list) -> None:
    batch = collate(samples)
    prediction = guess(batch)
    whole, parts = ErrorSums(["Cu", "Au"]), ErrorSums(["Cu", "Au"])
    whole.add(prediction, batch)
    start = 0
    for i, sample in enumerate(samples):
        rows = slice(start, start + len(sample.types))
        one = Prediction(*(t[i : i + 1] if len(t) == len(samples) else t[rows] for t in prediction))
        parts.add(one, collate([sample]))
        start = rows.stop
    errors = whole.errors()
    difference = (prediction.forces - batch.forces).numpy()
    assert errors.forces.mae == pytest.approx(np.abs(difference).mean(), rel=ROUNDING)
    assert errors.forces.rmse == pytest.approx(np.sqrt((difference**2).mean()), rel=ROUNDING)
    gold = difference[batch.types.numpy() == 1]
    assert errors.species["Au"].mae == pytest.approx(np.abs(gold).mean(), rel=ROUNDING) and errors.species["Au"].count == gold.size
    energy = ((prediction.energy - batch.energy) / batch.n_atoms).numpy()
    assert errors.energy.rmse == pytest.approx(np.sqrt((energy**2).mean()), rel=ROUNDING)
    stress = (-prediction.virial / batch.volume[:, None, None] - batch.stress).numpy()
    assert errors.stress.mae == pytest.approx(np.abs(stress).mean(), rel=ROUNDING)
    assert errors.record()["stress"]["mae_GPa"] == pytest.approx(160.2176634 * errors.stress.mae, rel=1e-6)
    torch.testing.assert_close(parts.table, whole.table, rtol=ROUNDING, atol=0)


def test_prediction_that_is_no_number_is_not_left_out(samples: list) -> None:
    batch = collate(samples)
    prediction = guess(batch)
    prediction.forces[3] = torch.nan
    sums = ErrorSums(["Cu", "Au"])
    sums.add(prediction, batch)
    assert sums.errors().forces.count == 3 * len(batch.types) and math.isnan(sums.errors().forces.mae)
    # The frame is named as users count: from 1, over all batches.
    frame = int(batch.frame[3]) + 1
    with pytest.raises(ModelError, match=f"must be finite, got NaN or infinity in frame {frame} of"):
        evaluate_samples(Predictor(lambda _: prediction, ["Cu", "Au"], np.full((2, 2), 4.0), ""), samples)


def test_errors_of_nothing_are_left_out() -> None:
    assert ErrorSums(["Cu"]).errors().record() == {}


def test_warmup_and_cosine() -> None:
    assert [warmup_factor(step, 3) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warmup_factor(0, 0) == 1.0
    assert (
        cosine_factor(0.0, 0.1) == 1.0 and cosine_factor(1.0, 0.1) == pytest.approx(0.1) and cosine_factor(2.0, 0.1) == pytest.approx(0.1)
    )
    assert cosine_factor(0.5, 0.0) == pytest.approx(0.5)


def test_cosine_over_epochs_or_time_ends_with_the_one_that_ends_first() -> None:
    by_steps = LearningRate(Schedule(warmup_steps=0, final=0.01), total_steps=101)
    assert by_steps.factor(100, 0.0) == pytest.approx(0.01) and by_steps.factor(50, 0.9) == pytest.approx(0.505)
    by_time = LearningRate(Schedule(warmup_steps=0, final=0.01, over="time"), total_steps=101)
    assert by_time.factor(10, 1.0) == pytest.approx(0.01) and by_time.factor(50, 0.1) == pytest.approx(0.505)


def test_cycles_fill_the_run() -> None:
    assert [cycle_progress(q, 1, 1.0) for q in (0.0, 0.3, 1.0, 1.2)] == [0.0, 0.3, 1.0, 1.0]
    assert [cycle_progress(q, 2, 1.0) for q in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.0, 0.5, 0.0, 0.5, 1.0]
    # Lengths 1, 2, 4 of 7: cycles start at 0, 1/7 and 3/7.
    assert [cycle_progress(q / 14, 3, 2.0) for q in (0, 1, 2, 4, 6, 10, 14)] == pytest.approx([0, 0.5, 0, 0.5, 0, 0.5, 1], abs=ROUNDING)


def test_cosine_starts_anew_in_every_cycle() -> None:
    rate = LearningRate(Schedule(warmup_steps=0, final=0.01, cycles=2), total_steps=201)
    assert rate.factor(0, 0.0) == rate.factor(100, 0.0) == 1.0 and rate.factor(200, 0.0) == pytest.approx(0.01)
    assert rate.factor(99, 0.0) < 0.02


def test_plateau_lowers_after_patience_and_not_below_final() -> None:
    plateau = Plateau(factor=0.5, patience=2, final=0.2)
    factors = []
    for value in [1.0, 0.9, 0.95, 0.95, 0.95, 0.8, *[0.9] * 12]:
        plateau.observe(value)
        factors.append(plateau.current)
    assert factors[:6] == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5] and factors[8] == 0.25 and factors[-1] == 0.2
    other = Plateau(factor=0.5, patience=2, final=0.2)
    other.load(plateau.state())
    assert other.state() == plateau.state()


def test_average_follows_its_recursion_and_swaps_bit_for_bit() -> None:
    module = torch.nn.Linear(3, 2)
    average = WeightAverage(module, decay=0.9)
    expected = module.weight.detach().clone()
    for n in range(30):
        with torch.no_grad():
            module.weight.add_(torch.randn(2, 3, generator=torch.Generator().manual_seed(n)))
        average.update()
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    # Single precision, thirty steps.
    torch.testing.assert_close(average.average[0], expected, rtol=1e-5, atol=1e-5)
    own = module.weight.detach().clone()
    with average.applied():
        assert torch.equal(module.weight, average.average[0])
    assert torch.equal(module.weight, own)


def test_order_depends_on_seed_and_epoch_and_covers_each_frame_once(samples: list) -> None:
    loader = FrameLoader(samples, 4, seed=1)
    first, second = loader.batches(0), loader.batches(1)
    assert [len(b) for b in first] == [4, 3, 3] and len(loader) == 3
    assert sorted(np.concatenate(first)) == list(range(10)) and not np.array_equal(np.concatenate(first), np.concatenate(second))
    assert all(np.array_equal(a, b) for a, b in zip(second, FrameLoader(samples, 4, seed=1).batches(1), strict=True))
    assert not np.array_equal(np.concatenate(first), np.concatenate(FrameLoader(samples, 4, seed=2).batches(0)))


@pytest.mark.parametrize(("batch_size", "world_size"), [(4, 2), (1, 2), (3, 3), (5, 4)])
def test_processes_share_each_batch(batch_size: int, world_size: int, samples: list) -> None:
    loaders = [FrameLoader(samples, batch_size, 1, rank, world_size) for rank in range(world_size)]
    shares = [[b.energy.tolist() for b in loader] for loader in loaders]
    assert {len(s) for s in shares} == {len(loaders[0])}
    for number, indices in enumerate(loaders[0].batches(0)):
        # Where a batch has fewer frames than there are processes, the others take one without labels, which counts nothing.
        together = sorted(e for share in shares for e in share[number] if e == e)
        assert together == sorted(samples[i].energy for i in indices)
    # In validation nobody repeats a frame.
    exact = [FrameLoader(samples, batch_size, None, rank, world_size) for rank in range(world_size)]
    assert sorted(e for loader in exact for b in loader for e in b.energy.tolist()) == sorted(s.energy for s in samples)


def test_loader_goes_on_within_an_epoch(samples: list) -> None:
    loader = FrameLoader(samples, 3, seed=1)
    loader.set_epoch(2)
    iterator = iter(loader)
    next(iterator), next(iterator)
    state = loader.state_dict()
    rest = [b.energy.tolist() for b in iterator]
    other = FrameLoader(samples, 3, seed=1)
    other.set_epoch(2)
    other.load_state_dict(state)
    assert [b.energy.tolist() for b in other] == rest
    other.set_epoch(3)
    assert len(list(other)) == len(other)


def test_monitor_keeps_the_best_and_runs_out_of_patience() -> None:
    monitor = Monitor(EarlyStopping(patience=2, min_delta=0.1))
    seen = [(monitor.observe(v, e), monitor.exhausted) for e, v in enumerate([1.0, 0.95, 0.8, 0.79, 0.78])]
    assert seen == [(True, False), (True, False), (True, False), (True, False), (True, True)]
    assert (monitor.best, monitor.best_epoch) == (0.78, 4)
    endless = Monitor(None)
    assert [endless.observe(v, 0) for v in (1.0, 2.0, 0.5)] == [True, False, True] and not endless.exhausted
    other = Monitor(EarlyStopping(patience=2, min_delta=0.1))
    other.load(monitor.state())
    assert other.state() == monitor.state() and math.isfinite(other.best)


def test_infinite_best_survives_a_checkpoint(tmp_path: Path) -> None:
    torch.save(Monitor(None).state(), tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True)["best"] == math.inf
