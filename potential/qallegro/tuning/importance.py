"""How much each variable decides of each objective."""

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from qallegro.tuning.front import Results

#: trials below which a forest of trees says nothing
LEAST_TRIALS = 6


def importances(found: Results) -> dict[str, dict[str, float]]:
    """Share of the variance of every objective that a variable explains by itself and with others (fANOVA, Hutter et al. 2014).

    Only trials that were trained to the end count, and only variables that all of them have.

    Args:
        found: results of a study.

    Returns:
        objective -> variable -> share, largest first; empty with too few trials.
    """
    if len(found.trials) < LEAST_TRIALS:
        return {}
    alone = optuna.create_study(directions=["minimize"] * len(found.names))
    alone.add_trials(found.trials)
    result = {}
    for index, name in enumerate(found.names):
        # An objective that never changes has no variance to share out.
        if found.values[:, index].min() < found.values[:, index].max():
            evaluator = FanovaImportanceEvaluator(seed=0)
            result[name] = get_param_importances(alone, evaluator=evaluator, target=lambda trial, k=index: trial.values[k])
    return {name: table for name, table in result.items() if table}
