"""`qallegro plan`: what a simulation will take, from a model file and, if there are any, latency reports."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qallegro.errors import ConfigError, DataError
from qallegro.scaling.constants import Constants
from qallegro.scaling.fit import fit_reports
from qallegro.scaling.geometry import neighbors_within
from qallegro.scaling.measure import measure
from qallegro.scaling.prediction import Prediction, System, predict, predict_weak
from qallegro.scaling.reports import read_reports

FORMAT, FORMAT_VERSION = "qallegro-plan", 1
MOST_RANKS = 10**8
#: Å, what LAMMPS takes in units metal
DEFAULT_SKIN = 2.0


@dataclass(frozen=True)
class Request:
    """What a user asks; units as in `System`, `timestep` fs, `network_latency` s, `network_bandwidth` B/s.

    Without a `skin` it is that of the reports, and `DEFAULT_SKIN` where they do not say.
    """

    atoms: int
    model: Path
    ranks: list[int]
    density: float | None = None
    timestep: float = 1.0
    reports: tuple[Path, ...] = ()
    network_latency: float = Constants.latency
    network_bandwidth: float = Constants.bandwidth
    skin: float | None = None
    rebuild_every: int = 10
    imbalance: float = 1.05
    weak: bool = False


@dataclass(frozen=True)
class Plan:
    """The answer: `setting` says what was measured."""

    request: Request
    system: System
    constants: Constants
    setting: str
    predictions: list[Prediction]

    def predict(self, atoms: int, ranks: int) -> Prediction:
        """Another number of atoms or ranks, with the same constants."""
        system = System(**{**vars(self.system), "atoms": atoms})
        return (predict_weak if self.request.weak else predict)(system, ranks, self.constants, self.request.imbalance)

    def as_record(self) -> dict[str, Any]:
        """For JSON. Seconds, bytes, Å."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": str(self.request.model),
            "setting": self.setting,
            "reports": [str(path) for path in self.request.reports],
            "scaling": "weak" if self.request.weak else "strong",
            "timestep_fs": self.request.timestep,
            "imbalance": self.request.imbalance,
            "system": {**vars(self.system), "sides": self.system.sides},
            "constants": self.constants.as_record(),
            "predictions": [_row(p, self.request.timestep) for p in self.predictions],
        }


def make_plan(request: Request) -> Plan:
    """Read or measure the constants and predict.

    Raises:
        ConfigError: a number is out of its range, or the density is not known.
        ExportError, ModelError, DataError: the model or a report cannot be used.
    """
    _check(request)
    from qallegro.export.record import read_record

    record = read_record(request.model)
    reports = read_reports(list(request.reports)) if request.reports else None
    if reports and reports.dtype != record["dtype"]:
        raise DataError(f"reports must be of `{request.model}`, which is {record['dtype']}, but they are of {reports.setting}")
    if reports and reports.r_max not in (None, record["r_max"]):
        raise DataError(
            f"reports must be of `{request.model}`, whose r_max is {record['r_max']:g} Å, but theirs is {reports.r_max:g} Å; "
            "name reports of runs with this file"
        )
    measured_skin = reports.skin if reports else None
    known_skins = (request.skin, measured_skin, DEFAULT_SKIN)
    system = _system(request, record, next(skin for skin in known_skins if skin is not None))
    constants, setting = measure(request.model)
    constants = constants.updated(
        "assumed" if request.network_latency == Constants.latency else "given", latency=request.network_latency
    ).updated("assumed" if request.network_bandwidth == Constants.bandwidth else "given", bandwidth=request.network_bandwidth)
    if reports:
        within = _mean_volume(record) / (4.0 / 3.0 * math.pi * record["r_max"] ** 3)
        reach = system.r_max + (system.skin if measured_skin is None else measured_skin)
        constants = fit_reports(reports, reach / system.r_max, 1.0 / within, constants)
        setting = reports.setting
    chosen = predict_weak if request.weak else predict
    predictions = [chosen(system, ranks, constants, request.imbalance) for ranks in request.ranks]
    return Plan(request, system, constants, setting, predictions)


def _check(request: Request) -> None:
    def require(good: bool, option: str, rule: str, value: Any) -> None:
        if not good:
            raise ConfigError(f"`{option}` must be {rule}, got {value}")

    require(request.atoms >= 1, "--atoms", "at least 1", request.atoms)
    require(bool(request.ranks), "--ranks", "one or more numbers such as 1,16,256", "none")
    for ranks in request.ranks:
        require(ranks >= 1, "--ranks", "at least 1", ranks)
        require(ranks <= MOST_RANKS, "--ranks", f"at most {MOST_RANKS:,}", ranks)
    require(request.rebuild_every >= 1, "--neigh-every", "at least 1 step", request.rebuild_every)
    positive = {"--density": request.density, "--timestep": request.timestep, "--network-bandwidth": request.network_bandwidth}
    for option, value in positive.items():
        require(value is None or (math.isfinite(value) and value > 0.0), option, "positive", value)
    for option, value in {"--network-latency": request.network_latency, "--skin": request.skin}.items():
        require(value is None or (math.isfinite(value) and value >= 0.0), option, "0 or more", value)
    require(math.isfinite(request.imbalance) and request.imbalance >= 1.0, "--imbalance", "at least 1", request.imbalance)


def _mean_volume(record: dict[str, Any]) -> float:
    # Of the spheres within the cutoffs, all species alike in number; what the model learnt as its number of neighbors goes by them.
    return float(np.mean(4.0 / 3.0 * math.pi * np.array(record["cutoffs"]) ** 3))


def _system(request: Request, record: dict[str, Any], skin: float) -> System:
    volume = _mean_volume(record)
    density = request.density
    if density is None:
        neighbors = record.get("model", {}).get("avg_num_neighbors")
        if not isinstance(neighbors, int | float) or neighbors <= 0.0:
            raise ConfigError(
                f"`--density` must be given in atoms/Å^3, as `{request.model}` does not say how many neighbors its atoms have"
            )
        density = neighbors / volume
    edges = density * volume
    if neighbors_within(record["r_max"] + skin, density) > 1e5:
        raise ConfigError(f"`--density` must be in atoms/Å^3 (copper has 0.085), got {density}")
    return System(request.atoms, density, record["r_max"], edges, skin, request.rebuild_every)


def _row(p: Prediction, timestep: float) -> dict[str, Any]:
    return {
        "ranks": p.ranks,
        "atoms": p.atoms,
        "step_seconds": p.step_time,
        "parts": {
            "network": p.network_time,
            "neighbor_list": p.neighbor_time,
            "communication": p.communication_time,
            "overhead": p.overhead_time,
        },
        "ns_per_day": p.ns_per_day(timestep),
        "atom_steps_per_second": p.atom_steps_per_second,
        "efficiency": p.efficiency,
        "ghost_fraction": p.counts.ghost_fraction,
        "memory_bytes_per_rank": p.memory,
        "per_rank": vars(p.counts),
    }
