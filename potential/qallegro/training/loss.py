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


class LossFunction:
    """Weighted sum of mean errors.

    Args:
        weights: of energy, forces and stress; 0 for labels the training set lacks.
        function: "mse" or "huber".
        huber_delta: where a Huber loss turns linear.
    """

    def __init__(self, weights: Mapping[str, float], function: str, huber_delta: HuberDelta) -> None:
        self.weights = dict(weights)
        self.needs_forces = any(self.weights[quantity] > 0 for quantity in ("forces", "stress"))
        self._deltas = [getattr(huber_delta, quantity) for quantity in QUANTITIES] if function == "huber" else None

    @classmethod
    def from_config(cls, config: Loss, quantities: list[str]) -> "LossFunction":
        """Weights of `config`, with `auto` resolved by the labels that are there."""
        weights = {}
        for quantity in QUANTITIES:
            weight = getattr(config, quantity)
            weights[quantity] = float(quantity in quantities) if weight == "auto" else weight * (quantity in quantities)
        return cls(weights, config.function, config.huber_delta)

    def sums(self, errors: Residuals) -> Tensor:
        """(3,) weighted sums of squared (or Huber) errors; divided by the number of labels they give the loss."""
        terms = []
        for index, (error, quantity) in enumerate(zip(errors[:3], QUANTITIES, strict=True)):
            weight = self.weights[quantity]
            if weight == 0.0:
                terms.append(errors.counts.new_zeros(()))
            elif self._deltas is None:
                terms.append(weight * error.square().sum())
            else:
                delta = self._deltas[index]
                # Twice torch's form, so that small errors count as in the mean square.
                terms.append(2.0 * weight * torch.nn.functional.huber_loss(error, torch.zeros_like(error), reduction="sum", delta=delta))
        return torch.stack(terms)
