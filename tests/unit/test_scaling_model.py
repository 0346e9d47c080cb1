"""The cost model of LAMMPS runs: geometry against counting, limits, and constants found again in made-up reports."""

import json

import numpy as np
import pytest

from qallegro.errors import DataError
from qallegro.scaling.constants import Constants
from qallegro.scaling.fit import fit_relative, fit_reports
from qallegro.scaling.geometry import brick, exchange, ghost_atoms, rank_grid
from qallegro.scaling.measure import SHELLS, crystal
from qallegro.scaling.prediction import System, count, predict, predict_weak
from qallegro.scaling.reports import read_reports
from tolerances import NNLS_EXACT, NNLS_WITH_PRIOR, SAMPLED_SIGMAS

CONSTANTS = Constants(step=1e-5, center=1e-6, edge=2e-7, ghost=5e-8)
SYSTEM = System(atoms=100_000, density=0.085, r_max=5.0, edges_per_atom=42.6)
RANKS = [1, 2, 4, 8, 64, 512, 4096]


def lattice_ghosts(sides, reach, spacing, offset):
    """Points of a cubic lattice within `reach` of the brick's faces, counted one by one."""
    low, high = -reach, np.array(sides) + reach
    axes = [np.arange(-100, 100) * spacing + offset[k] for k in range(3)]
    inner = [((a >= 0) & (a < sides[k])).sum() for k, a in enumerate(axes)]
    outer = [((a >= low) & (a < high[k])).sum() for k, a in enumerate(axes)]
    return np.prod(outer) - np.prod(inner)


def test_ghosts_are_those_of_a_lattice_on_average():
    sides, reach, spacing, samples = (14.3, 9.1, 22.7), 6.5, 2.3, 400
    rng = np.random.default_rng(3)
    counted = np.array([lattice_ghosts(sides, reach, spacing, rng.uniform(0, spacing, 3)) for _ in range(samples)])
    # A lattice with a random origin has the density of the lattice everywhere.
    error = counted.std() / np.sqrt(samples)
    assert abs(counted.mean() - ghost_atoms(sides, reach, spacing**-3)) < SAMPLED_SIGMAS * error
    assert SAMPLED_SIGMAS * error < 0.05 * counted.mean()


def test_one_rank_has_periodic_images_and_sends_nothing():
    counts = count(SYSTEM, 1)
    assert counts.grid == (1, 1, 1) and counts.messages == 0.0 and counts.bytes == 0.0
    side = (SYSTEM.atoms / SYSTEM.density) ** (1 / 3)
    assert counts.ghosts == pytest.approx(SYSTEM.density * ((side + 14.0) ** 3 - side**3))


@pytest.mark.parametrize(
    ("box", "ranks", "grid"),
    [
        ((1, 1, 1), 1, (1, 1, 1)),
        ((1, 1, 1), 2, (1, 1, 2)),  # as `lmp` prints for cubes
        ((1, 1, 1), 16, (2, 2, 4)),
        ((1, 1, 1), 64, (4, 4, 4)),
        ((4, 1, 1), 4, (4, 1, 1)),
        ((1, 1, 1), 7, (1, 1, 7)),
        ((1, 2, 4), 8, (1, 2, 4)),
    ],
)
def test_grid_has_the_least_surface(box, ranks, grid):
    assert rank_grid(box, ranks) == grid


@pytest.mark.parametrize("ranks", [1, 2, 6, 8, 512, 4096])
def test_swaps_bring_all_ghosts(ranks):
    box = SYSTEM.sides
    grid = rank_grid(box, ranks)
    swap = exchange(box, grid, 7.0, 0.085)
    assert swap.atoms + swap.own_atoms == pytest.approx(ghost_atoms(brick(box, grid), 7.0, 0.085))
    thick = all(box[k] / grid[k] > 7.0 for k in range(3))
    split = sum(n > 1 for n in grid)
    assert swap.messages == 2 * split if thick else swap.messages > 2 * split


def test_thin_bricks_take_more_swaps():
    assert exchange((40.0, 40.0, 40.0), (8, 1, 1), 7.0, 0.1).messages == 4  # two bricks of 5 Å to each side


def test_steps_with_a_new_list_send_more():
    often, seldom = (count(System(**{**vars(SYSTEM), "rebuild_every": every}), 64) for every in (1, 1_000_000))
    swap = exchange(SYSTEM.sides, (4, 4, 4), SYSTEM.reach, SYSTEM.density)
    assert seldom.bytes == pytest.approx(8 * 6 * swap.atoms, rel=1e-5) and seldom.messages == pytest.approx(12, rel=1e-5)
    assert often.bytes == pytest.approx(8 * 9 * swap.atoms) and often.messages == 12 + 6 + 12


def test_efficiency_falls_and_speed_rises_with_ranks():
    found = [predict(SYSTEM, ranks, CONSTANTS) for ranks in RANKS]
    efficiencies = [p.efficiency for p in found]
    assert efficiencies[0] == 1.0 and all(a > b > 0.0 for a, b in zip(efficiencies, efficiencies[1:], strict=False))
    assert all(a.ns_per_day(1.0) < b.ns_per_day(1.0) for a, b in zip(found, found[1:], strict=False))
    for p in found:
        assert p.atom_steps_per_second == pytest.approx(SYSTEM.atoms / p.step_time)
        assert p.efficiency == pytest.approx(found[0].step_time / (p.ranks * p.step_time))


def test_network_alone_scales_by_imbalance_only():
    free = Constants(step=0.0, center=1e-6, ghost_copy=0.0, latency=0.0, bandwidth=1e30)
    assert predict(SYSTEM, 64, free, imbalance=1.0).efficiency == pytest.approx(1.0)
    assert predict(SYSTEM, 64, free, imbalance=1.25).efficiency == pytest.approx(0.8)


def test_an_atom_is_not_shared():
    tiny = System(atoms=8, density=0.085, r_max=5.0, edges_per_atom=40.0)
    free = Constants(step=0.0, center=1e-6, ghost_copy=0.0, latency=0.0, bandwidth=1e30)
    assert predict(tiny, 1000, free).network_time == pytest.approx(predict(tiny, 8, free, imbalance=1.0).network_time)


def test_weak_scaling_keeps_atoms_and_memory_of_a_rank():
    found = [predict_weak(System(**{**vars(SYSTEM), "atoms": 1000}), ranks, CONSTANTS) for ranks in (64, 512, 4096)]
    for p in found:
        assert p.counts.atoms == 1000 and p.atoms == 1000 * p.ranks
        assert p.memory == pytest.approx(found[0].memory) and p.step_time == pytest.approx(found[0].step_time)
        assert p.efficiency < 1.0


def test_memory_rises_with_atoms_and_falls_with_ranks():
    by_ranks = [predict(SYSTEM, ranks, CONSTANTS).memory for ranks in RANKS]
    assert all(a > b > CONSTANTS.memory_base for a, b in zip(by_ranks, by_ranks[1:], strict=False))
    by_atoms = [predict(System(**{**vars(SYSTEM), "atoms": n}), 8, CONSTANTS).memory for n in (1, 10**3, 10**5, 10**7)]
    assert by_atoms == sorted(set(by_atoms))


# name -> atoms, ghosts, edges of ranks that tell all constants apart
SIZES = [
    (4, 300, 168),
    (108, 990, 4600),
    (500, 1950, 21000),
    (500, 900, 9000),
    (4000, 5800, 100000),
    (4000, 5800, 168000),
    (16000, 13300, 300000),
]
TRUE = {"step": 3e-5, "center": 1.5e-6, "edge": 2.5e-7, "ghost": 4e-8, "pair": 6e-8, "ghost_copy": 1.5e-8}
TRUE_MEMORY = {"memory_base": 5e7, "memory_atom": 300.0, "memory_edge": 120.0}


def write_report(path, atoms, ghosts, edges, steps=100, builds=10, **changes):
    """A report of one rank whose times obey the constants TRUE."""
    pairs = edges * 1.4**3
    compute = TRUE["step"] + TRUE["center"] * atoms + TRUE["edge"] * edges + TRUE["ghost"] * ghosts
    phases = {
        "neighbor_list": builds * TRUE["pair"] * pairs,
        "pack": 0.2 * steps * compute,
        "mlp": 0.5 * steps * compute,
        "other": 0.3 * steps * compute,
        "communication": steps * TRUE["ghost_copy"] * ghosts,
    }
    memory = TRUE_MEMORY["memory_base"] + TRUE_MEMORY["memory_atom"] * (atoms + ghosts) + TRUE_MEMORY["memory_edge"] * edges
    rank = {"rank": 0, "atoms": atoms, "ghosts": ghosts, "edges": edges, "peak_memory_bytes": memory, "phases": phases}
    report = {
        "format": "qallegro-latency",
        "format_version": 1,
        "source": "lammps",
        "model": "a/model.pth",
        "engine": "native",
        "device": "cpu",
        "dtype": "float32",
        "ranks": 1,
        "threads": 1,
        "steps": steps,
        "counts": {"neighbor_list_builds": builds},
        "per_rank": [rank],
    }
    path.write_text(json.dumps(report | changes))
    return path


def test_fit_finds_the_constants_of_reports(tmp_path):
    reports = read_reports([write_report(tmp_path / f"{k}.json", *size) for k, size in enumerate(SIZES)])
    prior = Constants(step=1e-5, center=1e-6, edge=1e-7, ghost=1e-8)
    found = fit_reports(reports, 1.4, 1.0, prior)
    for name, value in (TRUE | TRUE_MEMORY).items():
        assert getattr(found, name) == pytest.approx(value, rel=NNLS_WITH_PRIOR), name
        assert found.origins[name] == "measured, 7 reports"
    assert found.pair_check == 0.0
    assert "latency" not in found.origins and found.as_record()["latency"]["origin"] == "assumed"


def test_one_report_scales_what_was_known(tmp_path):
    reports = read_reports([write_report(tmp_path / "a.json", 500, 1950, 21000)])
    prior = Constants(step=1e-5, center=3e-6, edge=1e-7, ghost=0.0, pair_check=0.0)
    found = fit_reports(reports, 1.4, 1.0, prior)
    assert found.center / found.edge == pytest.approx(prior.center / prior.edge, rel=NNLS_WITH_PRIOR)
    time = found.step + 500 * found.center + 21000 * found.edge + 1950 * found.ghost
    assert time == pytest.approx(reports.rows[0].compute, rel=NNLS_EXACT)


def test_fit_is_never_negative():
    rows = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert np.all(fit_relative(rows, np.array([3.0, 2.0, 1.0]), np.zeros(2)) >= 0.0)
    exact = fit_relative(rows, rows @ [2e-6, 3e-9], np.zeros(2))
    assert exact == pytest.approx([2e-6, 3e-9], rel=NNLS_EXACT)


NOT_A_NUMBER = {"neighbor_list": 0.0, "communication": 0.0, "mlp": float("nan")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, "`format` of latency report `.*` must be 'qallegro-latency'"),
        ({"format_version": 2}, "`format_version` of latency report `.*` must be 1, got 2"),
        ({"source": "ase"}, "is a report of ase; the model of LAMMPS needs reports of"),
        ({"per_rank": None}, "must be a whole latency report"),
        ({"counts": {}}, "neighbor_list_builds"),
        (
            {"per_rank": [{"rank": 3} | dict.fromkeys(("atoms", "ghosts", "edges", "peak_memory_bytes"), 5) | {"phases": NOT_A_NUMBER}]},
            "rank 3",
        ),
        ({"steps": 0}, "at least one step after the warmup"),
        ({"threads": 2}, "all reports must be of one setting"),
    ],
)
def test_reports_that_cannot_be_used(tmp_path, changes, words):
    good = write_report(tmp_path / "good.json", *SIZES[0])
    bad = write_report(tmp_path / "bad.json", *SIZES[0], **changes)
    with pytest.raises(DataError, match=words):
        read_reports([good, bad])


@pytest.mark.parametrize("cells", [1, 2])
@pytest.mark.parametrize("ghosts", [False, True])
def test_crystals_have_the_shells_they_say(cells, ghosts):
    for shell, neighbors in SHELLS.items():
        c = crystal(cells, shell, np.full((2, 2), 4.0), ghosts)
        assert np.all(np.diff(c.first_edge) == neighbors) and len(c.centers) == 4 * cells**3
        assert (c.ghosts > 0) == ghosts and len(c.types) == len(c.centers) + c.ghosts
        assert c.neighbors.max() == len(c.types) - 1
        if ghosts:
            assert set(range(len(c.centers), len(c.types))) <= set(c.neighbors)


def test_crystals_obey_the_cutoff_of_each_pair_of_species():
    cutoffs = np.array([[4.0, 3.0], [2.5, 3.5]])
    c = crystal(2, 3.5, cutoffs, ghosts=True)
    centers = np.repeat(c.centers, np.diff(c.first_edge))
    assert np.all(np.linalg.norm(c.vectors, axis=1) < cutoffs[c.types[centers], c.types[c.neighbors]])
    assert set(c.types) == {0, 1}
