"""Names of samplers, and how a study stays reproducible when it is interrupted."""

import hashlib
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qallegro.tuning.config import Sampler


def _gp(seed: int, options: dict[str, Any], d: int) -> BaseSampler:
    startup = options.get("startup_trials") or max(d + 1, 5)
    return GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False, independent_sampler=RandomSampler(seed=seed))


def _samo_cobra(seed: int, options: dict[str, Any], d: int) -> BaseSampler:
    # scipy.stats takes long to import, and most commands propose nothing.
    from qallegro.tuning.samo_cobra import SamoCobraSampler

    given = {"n_startup_trials": options["startup_trials"]}
    given |= {name: options[name] for name in ("batch_size", "infill", "reference_point")}
    return SamoCobraSampler(seed=seed, **{name: value for name, value in given.items() if value is not None})


def _nsga2(seed: int, options: dict[str, Any], d: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=options.get("population") or 50)


def _tpe(seed: int, options: dict[str, Any], d: int) -> BaseSampler:
    startup = options.get("startup_trials") or 10
    return TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, group=True)


def _random(seed: int, options: dict[str, Any], d: int) -> BaseSampler:
    return RandomSampler(seed=seed)


_MAKERS: dict[str, Callable[[int, dict[str, Any], int], BaseSampler]] = {
    "gp": _gp,
    "samo-cobra": _samo_cobra,
    "nsga2": _nsga2,
    "tpe": _tpe,
    "random": _random,
}


#: samplers whose proposals depend on seed and trials alone; their first points are one sequence, which must not change its seed
_SEEDED_ONCE = ("samo-cobra",)


class SeededByTrial(BaseSampler):
    """A new sampler for every trial, seeded with the study's seed and the trial's number.

    What it proposes then depends on the trials in the storage alone: a study that was interrupted goes on as if it had not been, and
    workers differ because their trials do.

    Args:
        config: which sampler.
        seed: of the study.
        dimensions: variables of the space.
        reference_point: that the study's hypervolume is measured from, in the order of its objectives; None if it has none.
    """

    def __init__(self, config: Sampler, seed: int, dimensions: int, reference_point: list[float] | None = None) -> None:
        self._make, self._options = _MAKERS[config.name], config.model_dump() | {"reference_point": reference_point}
        self._seed, self._dimensions = seed, dimensions
        self._seeded_once = config.name in _SEEDED_ONCE
        self._sampler: BaseSampler | None = None

    def _made(self, number: int) -> BaseSampler:
        own = int.from_bytes(hashlib.sha256(f"{self._seed}/{number}".encode()).digest()[:4], "big")
        seed = self._seed if self._seeded_once else own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return self._make(seed, self._options, self._dimensions)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seed for this trial."""
        self._sampler = self._made(trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """As the sampler does."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """As the sampler does."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As the sampler does."""
        self._sampler.after_trial(study, trial, state, values)


def quiet() -> None:
    """Optuna's log lines give way to our table, and its notes on parts that may change are not for those who tune."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
