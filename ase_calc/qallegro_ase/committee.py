"""Several models of the same species on one list of pairs: their mean, and how far they lie apart."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from qallegro_ase.engines import open_potential
from qallegro_ase.errors import SetupError


class CommitteePotential:
    """See `_runtime.Potential`: the same interface over several files, each result the mean over them.

    `evaluate_pairs` also returns `force_deviations` (n_atoms,), sqrt(mean over members of |F - <F>|^2) in eV/Å, as in LAMMPS, and
    `energy_deviation`, the standard deviation of the energies (divisor: the number of members), eV.

    Raises:
        SetupError: as `open_potential`, or the files do not know the same species in the same order.
    """

    def __init__(self, models: Sequence[str], engine: str | None, device: str | None, threads: int | None, stage_sampling: int = 0) -> None:
        self._members = [open_potential(model, engine, device, threads, stage_sampling) for model in models]
        records = [member.record for member in self._members]
        for model, record in zip(models, records, strict=True):
            if record["atom_types"] != records[0]["atom_types"]:
                raise SetupError(
                    f"all files of a committee must know the same species in the same order, `{models[0]}` knows "
                    f"{' '.join(records[0]['atom_types'])} and `{model}` knows {' '.join(record['atom_types'])}; "
                    "train its members on the same data"
                )
        self.record: dict[str, Any] = copy.deepcopy(records[0])
        self.record["r_max"] = max(float(record["r_max"]) for record in records)
        self.record["cutoffs"] = np.max([record["cutoffs"] for record in records], axis=0).tolist()
        self.description = f"{self._members[0].description}, committee of {len(models)}"
        self._taken: dict[str, Any] = {}

    @property
    def timings(self) -> dict[str, Any]:
        """Sums over members."""
        parts = [member.timings for member in self._members]
        total: dict[str, Any] = {name: sum(part[name] for part in parts) for name in parts[0] if name != "phases"}
        if "phases" in parts[0]:
            total["phases"] = {name: sum(part["phases"][name] for part in parts) for name in parts[0]["phases"]}
        return total

    def reset_timings(self) -> None:
        """Set all times and counts to zero."""
        self._taken = {}
        for member in self._members:
            member.reset_timings()

    def add_latency(
        self, latency: Any, step: int, neighbor_list: float, total: float, atoms: int, rebuilt: bool, warn: float = 0.0
    ) -> dict[str, Any] | None:
        """See `_runtime.Potential.add_latency`."""
        now = self.timings
        phases = now.get("phases", {"pack": now["pack"], "network": now["engine"], "scatter": now["scatter"]})
        counts = {name: now.get(name, 0) for name in ("edges", "growths")}
        seconds = {name: phases[name] - self._taken.get(name, 0.0) for name in phases}
        new = {name: counts[name] - self._taken.get(name, 0) for name in counts}
        self._taken = phases | counts
        return latency.add(step, seconds | {"neighbor_list": neighbor_list}, total, atoms, new["edges"], rebuilt, new["growths"] > 0, warn)

    def evaluate_pairs(self, *arguments: Any, **wanted: Any) -> dict[str, Any]:
        """See `_runtime.Potential.evaluate_pairs`."""
        parts = [member.evaluate_pairs(*arguments, **wanted) for member in self._members]
        results: dict[str, Any] = {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
        # Against the first member, so that members that agree deviate by exactly nothing.
        forces = np.stack([part["forces"] - parts[0]["forces"] for part in parts])
        results["force_deviations"] = np.sqrt(np.mean(np.sum((forces - forces.mean(0)) ** 2, axis=2), axis=0))
        results["energy_deviation"] = float(np.std([part["energy"] - parts[0]["energy"] for part in parts]))
        return results
