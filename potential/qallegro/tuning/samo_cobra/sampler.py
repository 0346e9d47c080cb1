"""SAMO-COBRA as a sampler for Optuna."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.samplers._base import _process_constraints_after_trial
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qallegro.errors import ConfigError
from qallegro.tuning.samo_cobra.history import History, constraint_margins, is_informative, is_usable, read_history
from qallegro.tuning.samo_cobra.hypervolume import non_dominated
from qallegro.tuning.samo_cobra.infill import Infill, InfillCriterion, least_gain, reference_point
from qallegro.tuning.samo_cobra.model_choice import Surrogates, fit_best
from qallegro.tuning.samo_cobra.scaling import DesignSpace
from qallegro.tuning.samo_cobra.search import best_point
from qallegro.tuning.samo_cobra.starting_design import halton_value

Array = NDArray[np.float64]

PROPOSAL_KEY = "samo_cobra:proposal"
LONGEST_ATTRIBUTE = 2045  # characters that a relational database of Optuna takes
FAR_EVERY = 3  # trials; between them the reference point is near the front

logger = logging.getLogger(__name__)


class SamoCobraSampler(BaseSampler):
    """Surrogate-assisted multi-objective search for expensive objectives with constraints.

    A Halton design comes first. Then, before every trial, each objective and each constraint gets the interpolation by radial basis
    functions that has predicted it best so far, and the point with the largest predicted improvement of the hypervolume is proposed, among
    those that are predicted to keep to the constraints by an adaptive margin. Points under way count with their predicted objectives, so
    that trials in parallel differ.

    Written from R. de Winter, B. van Stein, T. Bäck, "SAMO-COBRA: A Fast Surrogate Assisted Constrained Multi-objective Optimization
    Algorithm", EMO 2021, doi:10.1007/978-3-030-72062-9_22, with discrete parameters and parallel trials added.

    What is proposed for a trial follows from the seed, the trial's number and the trials before it: a study that is resumed goes on as if
    it had not stopped. Constraints come from `trial.set_constraint` or from `constraints_func`.

    Args:
        seed: of everything random; None draws one.
        n_startup_trials: finished trials before the first model, pruned ones with constraints included; None: one more than there are
            parameters.
        constraints_func: maps a finished trial to numbers that are <= 0 where it is feasible.
        batch_size: trials that are proposed from the same results, as generations of parallel trials are; 1 uses all results there are.
        infill: `hypervolume` trusts the predictions; `s_metric` credits each with its uncertainty and ignores gains below a tolerance,
            which explores more.
        reference_point: corner that hypervolume is measured from, one number for each objective, if there is one to aim at; None: beyond
            the front, and at the worst values so far, in turn.

    Raises:
        ConfigError: for a study with one objective, or a setting that is out of bounds.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        batch_size: int = 1,
        infill: Infill = "hypervolume",
        reference_point: Sequence[float] | None = None,
    ):
        if n_startup_trials is not None and n_startup_trials < 1:
            raise ConfigError(f"`n_startup_trials` must be 1 or more, received {n_startup_trials}")
        if batch_size < 1:
            raise ConfigError(f"`batch_size` must be 1 or more, received {batch_size}")
        if infill not in ("hypervolume", "s_metric"):
            raise ConfigError(f"`infill` must be `hypervolume` or `s_metric`, received {infill!r}")
        self._seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._n_startup_trials = n_startup_trials
        self._constraints_func = constraints_func
        self._batch_size = batch_size
        self._infill: Infill = infill
        self._reference = None if reference_point is None else np.array(reference_point, dtype=float)
        if self._reference is not None and not np.all(np.isfinite(self._reference)):
            raise ConfigError(f"`reference_point` must be finite numbers, received {list(reference_point or [])}")

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Refuse studies that have nothing to trade off."""
        if len(study.directions) < 2:
            raise ConfigError("samo-cobra needs two objectives or more, received a study with 1: take another sampler, such as `gp`")
        if self._reference is not None and len(self._reference) != len(study.directions):
            raise ConfigError(
                f"`reference_point` must have a number for each of {len(study.directions)} objectives, received {self._reference.tolist()}"
            )

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Parameters that all finished trials have and that can vary; the rest is sampled on its own."""
        space = intersection_search_space(self._visible_trials(study, trial))
        return {name: distribution for name, distribution in space.items() if not distribution.single()}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """The proposal for a trial; empty while the starting design runs."""
        trials = self._visible_trials(study, trial)
        n_startup = self._n_startup_trials or len(search_space) + 1
        if not search_space or not any(map(is_usable, trials)) or sum(map(is_informative, trials)) < n_startup:
            return {}
        space = DesignSpace(search_space)
        parameters = {t.number: p for t in trials if search_space.keys() <= (p := _parameters(t)).keys()}
        history = read_history(trials, parameters, study.directions, space)
        signs = np.array([1.0 if direction == StudyDirection.MINIMIZE else -1.0 for direction in study.directions])
        aim = None if self._reference is None else signs * self._reference
        point = self._propose(history, space, n_startup, trial.number, aim)
        if point is None:
            logger.warning("samo-cobra: all %d points of the search space have been tried; trial %d repeats one", space.size, trial.number)
            return {}
        proposal = space.decode(point)
        _remember(study, trial, proposal)
        return proposal

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A coordinate of the Halton sequence."""
        return halton_value(self._seed, trial.number, len(trial.params), param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Store the constraints of a finished trial."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)

    def _visible_trials(self, study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
        """Trials before this one; those of its own batch as if they were still under way."""
        first_of_batch = trial.number - trial.number % self._batch_size
        visible = []
        for other in study.get_trials(deepcopy=False):
            if other.number >= trial.number:
                continue
            if other.number >= first_of_batch and other.state != TrialState.FAIL:
                other = FrozenTrial(
                    number=other.number,
                    state=TrialState.RUNNING,
                    value=None,
                    datetime_start=other.datetime_start,
                    datetime_complete=None,
                    params=other.params,
                    distributions=other.distributions,
                    user_attrs={},
                    system_attrs={key: value for key, value in other.system_attrs.items() if key.startswith(PROPOSAL_KEY)},
                    intermediate_values={},
                    trial_id=other._trial_id,
                )
            visible.append(other)
        return sorted(visible, key=lambda t: t.number)

    def _propose(self, history: History, space: DesignSpace, n_startup: int, trial_number: int, aim: Array | None) -> Array | None:
        points, values = history.objectives
        models = _Models(history, constraint_margins(history.constraints.values[n_startup:] > 0))
        front = values[history.feasible]
        front = front[non_dominated(front)]
        reference = reference_point(front, values, far=trial_number % FAR_EVERY == 0) if aim is None else aim
        tolerance = least_gain(front, len(values)) if self._infill == "s_metric" else np.zeros(len(reference))
        if len(history.pending):
            expected, constraints = models.predict(history.pending)
            front = np.concatenate([front, expected[np.all(constraints <= 0, axis=1)]])
        predict = models.optimistic() if self._infill == "s_metric" else models.predict
        criterion = InfillCriterion(predict, front, values.min(axis=0), reference, tolerance)
        eligible = history.feasible if history.feasible.any() else np.ones(len(points), dtype=bool)
        near = points[eligible][non_dominated(values[eligible])]
        return best_point(criterion, space, near, history.known, np.random.default_rng([self._seed, trial_number]))


class _Models:
    """What is predicted of points: objectives (m, k), and constraints (m, c) in units of each one's spread with the margin added.

    Where objectives and constraints are known at the same points, which is so unless trials were pruned, one set of models does for both.
    """

    def __init__(self, history: History, margins: Array):
        self._margins = margins
        points, values = history.objectives
        constraint_points, constraint_values = history.constraints
        spread = np.ptp(constraint_values, axis=0) if margins.size else np.ones(0)
        constraint_values = constraint_values / np.where(spread > 0, spread, 1.0)
        self._k = values.shape[1]
        self._constraints: Surrogates | None = None
        if margins.size and np.array_equal(points, constraint_points):
            values = np.hstack([values, constraint_values])
        elif margins.size:
            self._constraints = fit_best(constraint_points, constraint_values)
        self._objectives = fit_best(points, values)

    def predict(self, at: Array) -> tuple[Array, Array]:
        values = self._objectives.predict(at)
        constraints = values[:, self._k :] if self._constraints is None else self._constraints.predict(at)
        return values[:, : self._k], constraints + self._margins

    def optimistic(self) -> Callable[[Array], tuple[Array, Array]]:
        """`predict` with objectives lowered by their uncertainties."""
        lower_bound = self._objectives.lower_bound()
        return lambda at: (lower_bound(at)[:, : self._k], self.predict(at)[1])


def _remember(study: Study, trial: FrozenTrial, proposal: dict[str, Any]) -> None:
    """Put a proposal where other workers see it before its parameters are asked for."""
    text = json.dumps(proposal)
    for i in range(0, len(text), LONGEST_ATTRIBUTE):
        study._storage.set_trial_system_attr(trial._trial_id, f"{PROPOSAL_KEY}:{i // LONGEST_ATTRIBUTE}", text[i : i + LONGEST_ATTRIBUTE])


def _parameters(trial: FrozenTrial) -> dict[str, Any]:
    """The parameters of a trial, proposed ones that were not asked for yet among them."""
    pieces = []
    while (piece := trial.system_attrs.get(f"{PROPOSAL_KEY}:{len(pieces)}")) is not None:
        pieces.append(piece)
    return {**(json.loads("".join(pieces)) if pieces else {}), **trial.params}
