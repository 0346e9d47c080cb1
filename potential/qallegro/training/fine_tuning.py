"""Runs that start from a trained model: its weights and hyperparameters, with reference energies that suit the new labels."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from qallegro.data.reference_data import ReferenceData
from qallegro.errors import ConfigError
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from qallegro.models import store
from qallegro.training.evaluate import evaluate_samples
from qallegro.training.load_config import checked_model
from qallegro.training.predictors import from_potential

#: keys of the model that may differ from those of the model that a run starts from
MAY_DIFFER = ("per_type_energy_shifts", "per_type_energy_shifts_trainable", "per_type_energy_scales_trainable", "dtype")
#: relative singular value below which a combination of species counts as undetermined by the compositions
UNDETERMINED = 1e-8
_SHIFTS = "network.shifts"


class Start(NamedTuple):
    """What a run starts from."""

    config: ModelConfig
    weights: dict[str, Tensor]
    origin: dict[str, Any]  #: name or file, and SHA-256, for the provenance
    shifts_given: bool  #: whether the run's configuration names reference energies

    def potential(self) -> Potential:
        """The model with its weights."""
        potential = build_potential(self.config, seed=0)
        potential.load_state_dict(self.weights | {_SHIFTS: potential.state_dict()[_SHIFTS]})
        return potential

    def shifts_for(self, data: ReferenceData) -> dict[str, float]:
        """Reference energies by species, eV: the model's, moved by least squares to where the training set has its energies.

        Another program or functional counts energies from another zero. What compositions leave undetermined does not move.
        """
        shifts = np.array(self.config.per_type("per_type_energy_shifts", 0.0))
        if not self.shifts_given:
            samples = [sample for sample in data.samples["train"] if sample.energy == sample.energy]
            labels, predicted = evaluate_samples(from_potential(self.potential()), samples).parity.energy
            counts = np.stack([np.bincount(s.types, minlength=len(shifts)) for s in samples])
            shares = counts / counts.sum(1, keepdims=True)
            shifts += np.linalg.lstsq(shares, labels - predicted, rcond=UNDETERMINED)[0]
        return {symbol: float(shift) for symbol, shift in zip(self.config.atom_types, shifts, strict=True)}

    def at_energies(self, shifts: dict[str, float]) -> "Start":
        """The same with other reference energies."""
        return self._replace(config=self.config.model_copy(update={"per_type_energy_shifts": shifts}))


def open_start(name: str, given: Mapping[str, Any]) -> Start:
    """Read the model that a run starts from.

    Args:
        name: of a model of the package, or a file `model.pth`.
        given: the run's own `model` section, which may repeat the model's hyperparameters and change those of `MAY_DIFFER`.

    Raises:
        ConfigError: there is no such model, or the section differs from it.
        ModelError: it cannot be read.
    """
    if name in store.names():
        stored = store.find(name)
        potential, _ = store.load(stored)
        origin = {"model": name, "sha256": stored.record["sha256"]}
    elif Path(name).is_file():
        potential, _ = load_model(name)
        with open(name, "rb") as stream:
            origin = {"model": name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    else:
        raise ConfigError(f"`start_from` must be a file of `qallegro train`, or one of {', '.join(store.names())}; there is no `{name}`")
    # Reference energies may have been trained: those count, not those that the model was made with.
    types = potential.config.atom_types
    trained = dict(zip(types, potential.network.shifts.tolist(), strict=True))
    own = potential.config.model_dump(mode="json") | {"per_type_energy_shifts": trained}
    wanted = {key: value for key, value in given.items() if value is not None}
    config = checked_model(own | _completed(wanted, own), f"`model` must be that of `start_from` {name}")
    before, after = ModelConfig.model_validate(own).model_dump(mode="json"), config.model_dump(mode="json")
    for key in before:
        if before[key] != after[key] and key not in MAY_DIFFER:
            raise ConfigError(
                f"`model.{key}` must be that of `start_from` {name}, {before[key]!r}, got {after[key]!r}; leave it out (only "
                f"{', '.join(MAY_DIFFER)} may differ)"
            )
    weights = {key: tensor.detach() for key, tensor in potential.state_dict().items()}
    return Start(config, weights, origin, "per_type_energy_shifts" in wanted)


def _completed(wanted: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Sections that are given in part, with the rest of the model's."""
    return {key: own[key] | value if isinstance(value, dict) and isinstance(own.get(key), dict) else value for key, value in wanted.items()}
