"""The loss, and the errors it is made of."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from qallegro.data.batch import Batch
from qallegro.model.potential import Prediction
from qallegro.training.config import HuberDelta, Loss

QUANTITIES = ("energy", "forces", "stress")


class Residuals(NamedTuple):
    """Prediction less label; 0 where `counts` does not count it because the label is missing."""

    energy: Tensor  #: (B,) eV an atom
    forces: Tensor  #: (N, 3) eV/Å
    virial: Tensor  #: (B, 3, 3) eV an atom: stress x volume / atoms
    counts: Tensor  #: (3,) float64, number of labelled components of each quantity


def residuals(prediction: Prediction, batch: Batch) -> Residuals:
    """Errors of a prediction. A missing (NaN) label, or stress without a volume, gives 0 and is not counted."""
    energy, has_energy = _difference(prediction.energy, batch.energy)
    forces, has_forces = _difference(prediction.forces, batch.forces)
    # stress = -virial / V, so the error of the stress times V is that of the virial with the sign turned.
    virial, has_stress = _difference(-prediction.virial, batch.stress * batch.volume[:, None, None])
    counts = torch.stack([has_energy.sum(), has_forces.sum(), has_stress.sum()]).to(torch.float64)
    return Residuals(energy / batch.n_atoms, forces, virial / batch.n_atoms[:, None, None], counts)


def _difference(prediction: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    known = ~torch.isnan(label)
    return torch.where(known, prediction - torch.nan_to_num(label), 0.0), known


class WeightCourse(NamedTuple):
    """How the weight of a quantity moves over the run: w(q) = a + (b - a) t, or a^(1-t) b^t, with t = (q - q0) / (q1 - q0) in [0, 1]."""

    first: float  #: a
    last: float  #: b
    start: float = 0.0  #: q0, share of the run
    end: float = 1.0  #: q1
    geometric: bool = False

    def at(self, progress: float) -> float:
        """The weight when a share of the run has passed; the ends are exact."""
        t = (progress - self.start) / (self.end - self.start)
        if t <= 0.0 or self.first == self.last:
            return self.first
        if t >= 1.0:
            return self.last
        return self.first ** (1.0 - t) * self.last**t if self.geometric else self.first + (self.last - self.first) * t


class LossFunction:
    """Weighted sum of mean errors.

    Args:
        courses: weights of energy, forces and stress over the run; 0 for labels the training set lacks.
        function: "mse" or "huber".
        huber_delta: where a Huber loss turns linear.
    """

    def __init__(self, courses: Mapping[str, WeightCourse], function: str, huber_delta: HuberDelta) -> None:
        self.courses = dict(courses)
        self.needs_forces = any(max(self.courses[quantity][:2]) > 0 for quantity in ("forces", "stress"))
        self._deltas = [getattr(huber_delta, quantity) for quantity in QUANTITIES] if function == "huber" else None

    @classmethod
    def from_config(cls, config: Loss, quantities: list[str]) -> "LossFunction":
        """Weights of `config`, with `auto` resolved by the labels that are there."""
        courses = {}
        for quantity in QUANTITIES:
            first, last = ((1.0 if w == "auto" else float(w)) * (quantity in quantities) for w in config.ends(quantity))
            courses[quantity] = WeightCourse(first, last, *config.between, config.course == "geometric")
        return cls(courses, config.function, config.huber_delta)

    def weights(self, progress: float) -> dict[str, float]:
        """Weights when a share of the run has passed."""
        return {quantity: course.at(progress) for quantity, course in self.courses.items()}

    def sums(self, errors: Residuals, progress: float = 1.0) -> Tensor:
        """(3,) weighted sums of squared (or Huber) errors; divided by the number of labels they give the loss.

        Args:
            errors: of a batch.
            progress: share of the run that has passed; validation always counts with the weights of the end.
        """
        terms = []
        weights = self.weights(progress)
        for index, (error, quantity) in enumerate(zip(errors[:3], QUANTITIES, strict=True)):
            weight = weights[quantity]
            if weight == 0.0:
                terms.append(errors.counts.new_zeros(()))
            elif self._deltas is None:
                terms.append(weight * error.square().sum())
            else:
                delta = self._deltas[index]
                # Twice torch's form, so that small errors count as in the mean square.
                terms.append(2.0 * weight * torch.nn.functional.huber_loss(error, torch.zeros_like(error), reduction="sum", delta=delta))
        return torch.stack(terms)
