"""What benchmarks/engines makes of its numbers, and one tiny measurement in LAMMPS. Not the numbers themselves."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "engines"))

import engine_group  # noqa: E402
from copper_crystal import AMPLITUDE, R_MAX, at_sites, cells_of, displaced, edges_per_atom  # noqa: E402
from engine_candidates import CANDIDATES, LAYOUTS, ONE  # noqa: E402
from engine_goals import goals  # noqa: E402
from engine_models import UnavailableError  # noqa: E402
from engine_plot import draw  # noqa: E402
from engine_report import markdown  # noqa: E402
from lammps_session import LammpsError, LammpsSession  # noqa: E402
from lammps_timing import Potential, evaluate, measure, snap  # noqa: E402
from quantum_layer_benchmark import summary  # noqa: E402

from tolerances import PAIR_FORMULA  # noqa: E402

LMP = Path(sys.executable).with_name("lmp")
#: the peer's AOTInductor file by default takes 30 times native's 50 µs: above what S and below what M must reach
MICROSECONDS = {"native": 50.0, "native+qdi": 51.0, "native-avx512": 50.0, "native-avx2": 90.0, "ase-native": 60.0, "snap": 80.0}
PEERS = {"peer-aoti-1": 1000.0, "peer-aoti": 1500.0}


def made_up_arm(name: str, layout: str, microseconds: float, peak: float) -> dict:
    times = summary([1e-6 * microseconds * factor for factor in (0.9, 1.0, 1.2)])
    return {
        "candidate": name,
        "layout": layout,
        "steps": 20,
        "description": f"{name} on cpu",
        **dict.fromkeys(("loop", "pair", "neighbor", "communication"), times),
        "build": 2e-6 if CANDIDATES[name].runs_in != "peer" else None,
        "cpu_use": 1.0,
        "peak_memory": peak,
    }


def made_up_group(atoms: int) -> dict:
    arms = [made_up_arm(name, "1x1", time, 100e6 + 1500.0 * atoms) for name, time in (MICROSECONDS | PEERS).items()]
    return {
        "size": "M",
        "dtype": "float32",
        "atoms": atoms,
        "load_average": 0.1,
        "arms": [*arms, made_up_arm("native", "2x1", 25.0, 200e6), made_up_arm("native", "1x2", 40.0, 120e6)],
        "growth": [{"candidate": "native", "steps": 1000, "resident": [100e6, 101e6, 101e6, 103e6]}],
        "agreement": {"peer-aoti": {"with": "native", "forces": 2e-7}},
        "skipped": [{"candidate": "torchscript", "layout": layout, "why": "no such engine"} for layout in ("1x1", "2x1")],
    }


@pytest.fixture
def record() -> dict:
    return {
        "date": "2026-01-01T00:00:00+00:00",
        "command": ["engine_speed.py"],
        "machine": {"processor": "Some", "cores": 2, "load_average": [0.1, 0.1, 0.1], "instruction_sets": ["avx2"]},
        "settings": {"turns": 3, "seconds": 2.0, "time_limit": 240.0, "rebuild_every": 20, "growth_steps": 1000, "warmup": 3},
        "versions": {"qallegro": "0"},
        "peer_versions": {"nequip": "0"},
        "peer_files": {"aoti_M_float32.nequip.pt2": {"threads": 2}},
        "edges_per_atom": 42.6,
        "groups": [made_up_group(500), made_up_group(4000)],
    }


def test_goals_compare_with_the_right_candidate(record):
    found = {goal.name: goal for goal in goals(record)}
    assert found["M, 500 atoms: native"].reached and found["M, 500 atoms: native"].measured == "50 µs"
    best = found["M, 500 atoms: peer, AOTInductor for 1 thread (its fastest) / native"]
    assert best.reached and best.measured.startswith("20 ")
    # 30 times is less than 35.
    assert not found["M, 500 atoms: peer, AOTInductor by default / native"].reached
    assert found["M, 500 atoms: native, +QDI / Allegro"].reached
    assert found["M, 500 atoms: native, AVX2 / AVX-512"].reached
    assert found["M, 500 atoms: native, 1x1 / 2x1"].reached and not found["M, 500 atoms: native, 1x1 / 1x2"].reached
    assert not found["M, 500 atoms: ASE / LAMMPS, native"].reached
    # The slope counts from the first tenth on: 103 / 101 is 2 % more.
    assert not found["M, 500 atoms: memory of native over 1000 steps"].reached
    assert "M, 4,000 atoms: native, 1x1 / 2x1" in found and "M, 4,000 atoms: native" not in found


def test_no_goal_without_its_measurement(record):
    for group in record["groups"]:
        group["arms"] = [arm for arm in group["arms"] if not arm["candidate"].startswith("native")]
        group["growth"] = []
    assert list(goals(record)) == []
    assert "## Goals" not in markdown(record)


def test_report_and_plot(record, tmp_path):
    text = markdown(record)
    assert "| native | 1x1 | 50 (47.5 to 55) | 50 | 2 | 1.00 | 101 | 1 | 20 |" in text
    assert "| peer, AOTInductor by default | 1x1 | 1,500 (1,425 to 1,650) | 1,500 | - | 1.00 | 101 | 30 (30 to 30) | 20 |" in text
    assert "* Not measured: torchscript 1x1, 2x1: no such engine" in text
    assert "aoti_M_float32.nequip.pt2 was compiled with 2 threads." in text
    assert "| M | float32 | native | 500 to 4,000 | 1,500 | 100 |" in text
    draw(record, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("n_atoms", [0, 3, 5, 501, -4])
def test_numbers_of_atoms_that_make_no_cube_are_refused(n_atoms):
    with pytest.raises(ValueError, match=rf"number of atoms must be 4 k\^3 .*, got {n_atoms}"):
        cells_of(n_atoms)


def test_crystal_has_the_stated_amplitude_and_edges():
    atoms, sites = displaced(500), at_sites(500)
    # 1500 samples of a uniform distribution: the standard error of their spread is 1.2 %
    assert np.std(atoms.positions - sites.positions) == pytest.approx(AMPLITUDE, rel=0.05)
    assert edges_per_atom(500) == pytest.approx(42.6, abs=0.1)
    assert R_MAX == 5.0


def test_measurement_in_lammps(tmp_path):
    found = measure(LMP, snap(tmp_path), ONE, 32, steps=6, warmup=1, rebuild_every=3, segments=2)
    assert 0.0 < found["pair"] <= found["loop"]
    assert found["builds"] == 2 and found["neighbor"] > 0.0
    assert len(found["resident"]) == 3 and all(0 < size <= 1.1 * found["peak_memory"] for size in found["resident"])


def test_forces_in_lammps_are_those_of_the_potential():
    # The springs of the motion must not be among them: a pair potential with a known force.
    atoms = at_sites(4)
    atoms.positions[0, 0] += 0.1
    pair = Potential("pair_style lj/cut 3.0\npair_coeff 1 1 0.4 2.3\n", {})
    _, forces = evaluate(LMP, pair, ONE, atoms)
    expected = np.zeros(3)
    for other in range(1, 4):
        for shift in np.ndindex(3, 3, 3):
            v = atoms.positions[0] - atoms.positions[other] - (np.array(shift) - 1) @ atoms.cell.array
            r = np.linalg.norm(v)
            if r < 3.0:
                expected += 24 * 0.4 * (2 * (2.3 / r) ** 12 - (2.3 / r) ** 6) / r**2 * v
    assert np.abs(forces[0] - expected).max() < PAIR_FORMULA
    assert np.abs(forces.sum(axis=0)).max() < PAIR_FORMULA


def test_refusal_of_lammps_is_an_error_in_its_words(tmp_path):
    unknown = Potential("pair_style lj/cut 3.0\npair_coeff 1 1 oops 2.3\n", {})
    with pytest.raises(LammpsError, match="oops"):
        measure(LMP, unknown, ONE, 32, steps=2, warmup=1, rebuild_every=2)


def test_libraries_of_the_process():
    with LammpsSession(LMP) as session:
        session.run("units metal")
        libraries = session.libraries()
    assert any(name.startswith("libmpi") for name in libraries)
    assert not any(name.startswith("libtorch") for name in libraries)


class FakePrepared:
    """Takes a given time for a step, and memory in proportion to the atoms."""

    candidate = CANDIDATES["native"]

    def __init__(self, per_step: float) -> None:
        self.per_step, self.calls = per_step, []

    def measure(self, layout, n_atoms, steps, warmup=None, segments=1):
        self.calls.append(steps)
        times = {"loop": steps * self.per_step, "pair": 0.0, "neighbor": 0.0, "communication": 0.0, "builds": 0}
        return times | {"cpu_use": 1.0, "peak_memory": n_atoms, "resident": [], "description": ""}


def group(costs: dict, **changes) -> engine_group.Group:
    settings = engine_group.Settings(turns=5, seconds=2.0, time_limit=100.0, rebuild_every=20, growth_steps=0)._replace(**changes)
    return engine_group.Group(None, settings, "S", "float32", 500, costs, lambda text: None)


def test_steps_fill_the_time_in_whole_neighbor_lists():
    assert group({})._try("native", ONE, FakePrepared(0.03)).steps == 80
    assert group({})._try("native", ONE, FakePrepared(0.5)).steps == 20


def test_slow_and_large_candidates_do_not_start(monkeypatch):
    with pytest.raises(UnavailableError, match="3 turns of 20 steps would take 120 s, more than the time limit of 100 s"):
        group({})._try("native", ONE, FakePrepared(2.0))
    fake = FakePrepared(0.01)
    # A system of 50 atoms took 0.5 s a step: 500 atoms need not be tried.
    with pytest.raises(UnavailableError, match="would take 300 s"):
        group({("native", ONE, "S", "float32"): (50, 0.5, 1)})._try("native", ONE, fake)
    monkeypatch.setattr(engine_group, "free_memory", lambda: 10**9)
    with pytest.raises(UnavailableError, match="about 2 GB of memory, 1 GB are free"):
        group({("native", ONE, "S", "float32"): (250, 0.001, 10**9)})._try("native", ONE, fake)
    assert fake.calls == []


def test_turns_rotate_and_slow_candidates_leave_after_their_least():
    small = group({}, time_limit=30.0)
    fast, slow = FakePrepared(0.001), FakePrepared(0.5)
    small.arms = [engine_group.Arm("native", ONE, p, 20, p.per_step, {}) for p in (fast, slow)]
    outcome = small.take_turns(lambda: None)
    assert len(fast.calls) == 5 and len(slow.calls) == 3
    assert [arm["loop"]["median"] for arm in outcome] == pytest.approx([0.001 / 500, 0.5 / 500])


def test_candidates_name_layouts_that_exist():
    for candidate in CANDIDATES.values():
        assert ONE in candidate.layouts
        assert all(LAYOUTS[str(layout)] == layout for layout in candidate.layouts)
