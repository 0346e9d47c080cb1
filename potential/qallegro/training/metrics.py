"""Errors summed over a set, exactly, in one pass, and over several processes."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from qallegro.data.batch import Batch
from qallegro.data.units import EV_PER_A3_IN_GPA
from qallegro.model.potential import Prediction

# Rows of the accumulator: sums over labelled components.
_ENERGY, _FORCES, _STRESS, _FIRST_SPECIES = 0, 1, 2, 3


class ErrorSums:
    """Running sums of absolute errors, squared errors and counts.

    Row 0: energy per atom (eV), 1: force components (eV/Å), 2: the nine stress components (eV/Å^3), then force components by species.

    Args:
        atom_types: species in type order.
    """

    def __init__(self, atom_types: list[str], device: torch.device | str = "cpu") -> None:
        self.atom_types = atom_types
        self.table = torch.zeros(_FIRST_SPECIES + len(atom_types), 3, dtype=torch.float64, device=device)

    def add(self, prediction: Prediction, batch: Batch) -> None:
        """Count a batch; labels that are NaN are left out."""
        if self.table.device != batch.energy.device:
            self.table = self.table.to(batch.energy.device)
        stress = -prediction.virial / batch.volume[:, None, None]
        self.table[_ENERGY] += _sums((prediction.energy - batch.energy) / batch.n_atoms, batch.energy)
        self.table[_STRESS] += _sums(stress - batch.stress, batch.stress * batch.volume[:, None, None])
        difference = prediction.forces - batch.forces
        # Of the labels alone: a prediction that is NaN must show.
        known = ~torch.isnan(batch.forces)
        difference = torch.where(known, difference, 0.0)
        per_atom = torch.stack([difference.abs().sum(1), difference.square().sum(1), known.sum(1).to(torch.float64)], 1)
        species = torch.zeros_like(self.table[_FIRST_SPECIES:]).index_add(0, batch.types, per_atom)
        self.table[_FIRST_SPECIES:] += species
        self.table[_FORCES] += species.sum(0)

    def errors(self) -> "Errors":
        """Mean errors of what was counted."""
        table = self.table.cpu()
        rows = [Error(*(float(x) for x in (row[0] / row[2], (row[1] / row[2]).sqrt())), count=int(row[2])) for row in table]
        return Errors(rows[_ENERGY], rows[_FORCES], rows[_STRESS], dict(zip(self.atom_types, rows[_FIRST_SPECIES:], strict=True)))


def _sums(difference: Tensor, label: Tensor) -> Tensor:
    known = ~torch.isnan(label)
    difference = torch.where(known, difference, 0.0)
    return torch.stack([difference.abs().sum(), difference.square().sum(), known.sum().to(torch.float64)])


class Error(NamedTuple):
    """Mean absolute and root mean square error of a quantity; NaN where nothing was counted."""

    mae: float
    rmse: float
    count: int


class Errors(NamedTuple):
    """Errors over a set."""

    energy: Error  #: eV an atom
    forces: Error  #: eV/Å, of components
    stress: Error  #: eV/Å^3, of components
    species: dict[str, Error]  #: forces on each species

    def record(self) -> dict[str, Any]:
        """As JSON values, with units in the names; quantities without labels are left out."""
        result: dict[str, Any] = {}
        if self.energy.count:
            result["energy"] = {
                "mae_meV_per_atom": 1e3 * self.energy.mae,
                "rmse_meV_per_atom": 1e3 * self.energy.rmse,
                "frames": self.energy.count,
            }
        if self.forces.count:
            result["forces"] = _force_record(self.forces)
            result["forces"]["per_species"] = {s: _force_record(e) for s, e in self.species.items() if e.count}
        if self.stress.count:
            result["stress"] = {
                "mae_meV_per_angstrom3": 1e3 * self.stress.mae,
                "rmse_meV_per_angstrom3": 1e3 * self.stress.rmse,
                "mae_GPa": EV_PER_A3_IN_GPA * self.stress.mae,
                "rmse_GPa": EV_PER_A3_IN_GPA * self.stress.rmse,
                "frames": self.stress.count // 9,
            }
        return result


def _force_record(error: Error) -> dict[str, Any]:
    return {"mae_meV_per_angstrom": 1e3 * error.mae, "rmse_meV_per_angstrom": 1e3 * error.rmse, "atoms": error.count // 3}
