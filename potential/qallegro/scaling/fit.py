"""Constants of the cost model from measurements, by non-negative least squares (Lawson and Hanson 1974)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from qallegro.scaling.constants import Constants
from qallegro.scaling.reports import Reports

#: weight of what was known before against the relative error of one measurement: decides only what the measurements leave open
PRIOR_WEIGHT = 1e-3


def fit_relative(rows: NDArray[np.float64], values: NDArray[np.float64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative x with the least sum of ((rows @ x - values) / values)^2, near `prior` where the rows leave x open.

    Args:
        rows: (m, n).
        values: (m,), positive.
        prior: (n,); zeros say nothing of their unknowns.
    """
    scaled = rows / values[:, None]
    known = np.flatnonzero(prior > 0.0)
    # One report of a faster or slower machine than that of the prior: keep the proportions.
    if len(known):
        share = scaled @ prior
        prior = prior * (share.sum() / (share @ share) if share @ share > 0.0 else 1.0)
    pull = np.zeros((len(known), rows.shape[1]))
    pull[np.arange(len(known)), known] = PRIOR_WEIGHT / prior[known]
    # Columns of one size, so that the stopping rule of NNLS treats seconds a step and an edge alike.
    matrix = np.vstack([scaled, pull])
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0.0] = 1.0
    solution, _ = nnls(matrix / size, np.concatenate([np.ones(len(values)), np.full(len(known), PRIOR_WEIGHT)]))
    found = solution / size
    # What is left of a constant that the steps of NNLS have driven to its bound.
    found[(scaled * found).max(axis=0) < 1e-9] = 0.0
    return found


def fit_reports(reports: Reports, reach_over_cutoff: float, pairs_per_edge: float, before: Constants) -> Constants:
    """Replace the constants that reports determine.

    Args:
        reach_over_cutoff: (r_max + skin) / r_max of the runs.
        pairs_per_edge: pairs within r_max over edges within the cutoffs of the pairs of species; 1 where there is one cutoff.
        before: what is known of the constants so far, to split times that these reports cannot tell apart.
    """
    rows = reports.rows
    origin = f"measured, {len(reports.files)} report{'s' if len(reports.files) > 1 else ''}"
    atoms, ghosts, edges = (np.array([getattr(row, name) for row in rows]) for name in ("atoms", "ghosts", "edges"))
    pairs_per_list_edge = pairs_per_edge * reach_over_cutoff**3
    # A report has the check of pairs in `pack`, which goes by edges as well as pairs do.
    prior = np.array([before.step, before.center, before.edge + before.pair_check * pairs_per_list_edge, before.ghost])
    compute = np.array([row.compute for row in rows])
    step, center, edge, ghost = fit_relative(np.stack([np.ones_like(atoms), atoms, edges, ghosts], 1), compute, prior)
    found = before.updated(origin, step=float(step), center=float(center), edge=float(edge), ghost=float(ghost), pair_check=0.0)

    listed = [row for row in rows if row.neighbor_build > 0.0 and row.edges > 0.0]
    if listed:
        found = found.updated(origin, pair=_mean([row.neighbor_build / (row.edges * pairs_per_list_edge) for row in listed]))
    copying = [row for row in rows if row.alone and row.ghosts > 0.0 and row.communication > 0.0]
    if copying:
        found = found.updated(origin, ghost_copy=_mean([row.communication / row.ghosts for row in copying]))

    memory = np.array([row.memory for row in rows])
    if np.all(memory > 0.0):
        prior = np.array([before.memory_base, before.memory_atom, before.memory_edge])
        base, atom, edge = fit_relative(np.stack([np.ones_like(atoms), atoms + ghosts, edges], 1), memory, prior)
        found = found.updated(origin, memory_base=float(base), memory_atom=float(atom), memory_edge=float(edge))
    return found


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
