"""Comparison of a written file with the eager model, on samples of several sizes and on an empty edge list."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qallegro.errors import ExportError
from qallegro.export.samples import Sample, Table, padded_table, sample_entry
from qallegro.model.potential import EdgeGradients, Potential, forces_of

Function = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Tolerance(NamedTuple):
    """Largest difference allowed: relative to the largest number of the sample, or 1 eV and 1 eV/Å where that is smaller."""

    energy: float
    forces: float


#: float64: rounding of sums in another order; float32: a few units in the last place through a dozen maps
TOLERANCES = {"float64": Tolerance(1e-12, 1e-10), "float32": Tolerance(5e-6, 5e-5)}


class Comparison(NamedTuple):
    """One sample: file against eager model."""

    name: str
    atoms: int
    slots: int
    energy: float  #: eV, largest difference of a per-atom energy
    forces: float  #: eV/Å, largest difference of a force component
    passed: bool


def reference_results(potential: Potential, samples: list[Sample]) -> list[dict[str, Any]]:
    """Per-atom energies (eV) and forces (eV/Å) of the eager model, as entries of the record."""
    module = EdgeGradients(potential.network)
    entries = []
    for sample in samples:
        table, neighbors = padded_table(sample, potential.config.r_max)
        energy, gradients = module(*table)
        entries.append(sample_entry(sample, potential.config, energy, forces_of(gradients, neighbors)))
    return entries


def compare(function: Function, potential: Potential, samples: list[Sample], device: str = "cpu") -> list[Comparison]:
    """Run `function` (a file) and the eager model on every sample and on a table without any edge.

    Raises:
        ExportError: the file gives NaN, another shape or dtype, or differs by more than the tolerance of its dtype.
    """
    r_max = potential.config.r_max
    tables = [(sample.name, len(sample.types), *padded_table(sample, r_max)) for sample in samples]
    empty = torch.zeros(3, 4, 3, dtype=torch.float64)
    empty[..., 0] = 2.0 * r_max
    indices = torch.arange(3).unsqueeze(1).expand(3, 4)
    tables.append(("no edges", 3, Table(torch.zeros(3, dtype=torch.int64), torch.zeros(3, 4, dtype=torch.int64), empty), indices))
    module = EdgeGradients(potential.network)
    tolerance = TOLERANCES[potential.config.dtype]
    results = []
    for name, atoms, table, neighbors in tables:
        expected_energy, expected_gradients = module(*table)
        expected_forces = forces_of(expected_gradients, neighbors)
        energy, gradients = (t.cpu() for t in function(*(t.to(device) for t in table)))
        if energy.shape != expected_energy.shape or energy.dtype != torch.float64 or gradients.shape != expected_gradients.shape:
            raise ExportError(f"exported file must return float64 (N,) and (N, K, 3), got {energy.dtype} {tuple(energy.shape)} on `{name}`")
        forces = forces_of(gradients, neighbors)
        energy_off = float((energy - expected_energy).abs().max())
        forces_off = float((forces - expected_forces).abs().max())
        # `<=` is false for NaN, so a file that returns NaN fails.
        passed = (
            energy_off <= tolerance.energy * max(1.0, float(expected_energy.abs().max()))
            and forces_off <= tolerance.forces * max(1.0, float(expected_forces.abs().max()))
        )  # fmt: skip
        results.append(Comparison(name, atoms, int(neighbors.numel()), energy_off, forces_off, passed))
    failed = [c for c in results if not c.passed]
    if failed:
        worst = max(failed, key=lambda c: (c.forces != c.forces, c.forces))
        raise ExportError(
            f"exported file must agree with the eager model to {tolerance.energy:.0e} (energies, relative) and {tolerance.forces:.0e} "
            f"(forces, relative), got {worst.energy:.2e} eV and {worst.forces:.2e} eV/Å on `{worst.name}`; no file was written"
        )
    return results
