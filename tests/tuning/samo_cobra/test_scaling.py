"""Parameters as points of a box."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qallegro.tuning.samo_cobra.scaling import DesignSpace

MIXED = {
    "layers": IntDistribution(1, 4),
    "width": IntDistribution(4, 128, log=True),
    "batch": IntDistribution(1, 9, step=4),
    "r_max": FloatDistribution(4.0, 8.0),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "decay": FloatDistribution(0.0, 0.3, step=0.1),
    "kind": CategoricalDistribution(["adamw", "muon", None]),
}


def is_valid(parameters: dict) -> bool:
    return all(distribution._contains(distribution.to_internal_repr(parameters[name])) for name, distribution in MIXED.items())


def test_drawn_and_moved_points_are_valid_and_survive_the_way_there_and_back():
    space, rng = DesignSpace(MIXED), np.random.default_rng(0)
    drawn = space.draw(rng, 200)
    moved = space.mutate(drawn, np.full((200, 1), 0.5), 0.5, rng)
    assert not np.allclose(drawn, moved)
    for row in np.concatenate([drawn, moved]):
        parameters = space.decode(row)
        assert is_valid(parameters)
        assert isinstance(parameters["layers"], int) and isinstance(parameters["rate"], float)
        np.testing.assert_allclose(space.encode([parameters])[0], row, atol=1e-9)


@pytest.mark.parametrize(("name", "values"), [("layers", {1, 2, 3, 4}), ("batch", {1, 5, 9}), ("kind", {"adamw", "muon", None})])
def test_every_value_is_drawn_about_equally_often(name, values):
    space = DesignSpace({name: MIXED[name]})
    drawn = [space.decode(row)[name] for row in space.draw(np.random.default_rng(1), 3000)]
    counts = {value: drawn.count(value) for value in values}
    assert sum(counts.values()) == 3000
    assert min(counts.values()) > 0.8 * 3000 / len(values)


def test_neighbors_differ_in_one_discrete_parameter():
    space = DesignSpace(MIXED)
    here = space.draw(np.random.default_rng(2), 1)[0]
    before = space.decode(here)
    seen = set()
    for row in space.neighbors(here):
        after = space.decode(row)
        assert is_valid(after)
        [changed] = [name for name in MIXED if after[name] != before[name] and name not in ("r_max", "rate")]
        seen.add(changed)
    assert seen == {"layers", "width", "batch", "decay", "kind"}


def test_size_counts_the_points():
    assert DesignSpace({name: MIXED[name] for name in ("layers", "batch", "kind")}).size == 4 * 3 * 3
    assert DesignSpace(MIXED).size == np.inf
