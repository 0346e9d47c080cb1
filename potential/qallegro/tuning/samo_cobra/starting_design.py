"""The design that is evaluated before there are models: a scrambled Halton sequence."""

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from scipy.stats import qmc

from qallegro.tuning.samo_cobra.scaling import DesignSpace

DIMENSIONS = 64  # parameters beyond these share the sequences of the first ones


def halton_value(seed: int, trial_number: int, parameter_index: int, distribution: BaseDistribution) -> Any:
    """The value of one parameter in one trial.

    It depends on nothing but the arguments, so that trials in parallel get different points and a search space need not be known before
    it is met.

    Args:
        seed: of the scrambling.
        trial_number: point of the sequence.
        parameter_index: dimension of the sequence.
        distribution: of the parameter.
    """
    sequence = qmc.Halton(DIMENSIONS, scramble=True, rng=np.random.default_rng(seed))
    sequence.fast_forward(trial_number)
    share = float(sequence.random(1)[0, parameter_index % DIMENSIONS])
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    space = DesignSpace({"parameter": distribution})
    return space.decode(np.array([2 * share - 1]))["parameter"]
