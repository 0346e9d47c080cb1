"""What the calculator says of where its time goes."""

import copy
import json
import math
import time

import numpy as np
import pytest
from ase import units
from ase.md.verlet import VelocityVerlet

from ase_systems import heat
from qallegro_ase import LatencyWarning, QAllegroCalculator, SetupError, StructureError
from qallegro_ase.verlet import VerletList
from systems import alloy
from tolerances import SUM_OF_TIMES

WARMUP = 3


def dynamics_of(model, steps, **options):
    atoms = alloy()
    heat(atoms, 100.0, 5)
    atoms.calc = QAllegroCalculator(model, **options)
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.run(steps)
    return atoms, dynamics


def test_phases_add_up_to_the_step(model):
    atoms, _ = dynamics_of(model, 9)
    report = atoms.calc.latency.summary()
    assert (report["steps"], report["warmup"]["steps"], report["last_step"]) == (10 - WARMUP, WARMUP, 10)
    assert sum(values["total"] for values in report["phases"].values()) == pytest.approx(report["step"]["total"], rel=SUM_OF_TIMES)
    assert report["wall_seconds"] == report["step"]["total"] > 0.0
    assert report["counts"]["atom_steps"] == report["steps"] * len(atoms)
    assert report["counts"]["edges"] > 0
    for values in (*report["phases"].values(), report["step"]):
        assert 0.0 <= values["min"] <= values["median"] <= values["p95"] <= values["p99"] <= values["max"]
        assert values["min"] <= values["mean"] <= values["max"] + SUM_OF_TIMES
    for name in ("neighbor_list", "pack", "scatter", "other"):
        assert report["phases"][name]["total"] > 0.0, name


def test_the_native_engine_tells_its_stages(exported):
    phases = dynamics_of(exported(), 20)[0].calc.latency.summary()["phases"]
    for name in ("radial_angular", "tensor_product", "mlp", "backward"):
        assert phases[name]["total"] > 0.0, name
    for name in ("network", "surrogate", "copy_in", "copy_out", "communication"):
        assert phases[name]["total"] == 0.0, name


def test_a_surrogate_has_a_phase_of_its_own(exported):
    report = dynamics_of(exported("qdi"), 5)[0].calc.latency.summary()
    assert report["surrogate"] and report["phases"]["surrogate"]["total"] > 0.0


@pytest.mark.parametrize("engine", ["torchscript", "eager"])
def test_other_engines_are_one_phase(engine, exported, checkpoints):
    report = dynamics_of(checkpoints() if engine == "eager" else exported(), 5, engine=engine)[0].calc.latency.summary()
    assert report["engine"] == engine
    assert report["phases"]["network"]["total"] > 0.0 == report["phases"]["backward"]["total"]


def test_off_measures_nothing(exported):
    calc = dynamics_of(exported(), 5, latency="off")[0].calc
    report = calc.latency.summary()
    assert report["steps"] == report["warmup"]["steps"] == 0
    assert report["atom_steps_per_second"] == 0.0
    assert calc._potential.timings["phases"]["backward"] == 0.0  # the stages of the engine are not looked at
    with pytest.raises(SetupError, match='must be "summary" to be watched'):
        calc.latency.attach(None)
    with pytest.raises(SetupError, match='must be "summary" to be traced'):
        calc.latency.trace("trace.jsonl")


def test_results_do_not_depend_on_the_level(exported):
    measured, unmeasured = (dynamics_of(exported(), 5, latency=level)[0].positions for level in ("summary", "off"))
    np.testing.assert_array_equal(measured, unmeasured)


def test_rebuilds_of_the_list_are_counted(exported):
    atoms, _ = dynamics_of(exported(), 4)
    before = atoms.calc.latency.summary()["counts"]["neighbor_list_builds"]
    atoms.positions[0] += 1.5
    atoms.get_forces()
    assert atoms.calc.latency.summary()["counts"]["neighbor_list_builds"] == before + 1
    atoms.calc.set(skin=0.4)
    atoms.get_forces()
    report = atoms.calc.latency.summary()
    assert report["counts"]["neighbor_list_builds"] == before + 2
    assert report["phases"]["neighbor_list"]["min"] >= 0.0


def test_a_reset_forgets_and_needs_no_warmup(exported):
    atoms, dynamics = dynamics_of(exported(), 6)
    atoms.calc.latency.reset()
    assert atoms.calc.latency.steps == 0
    dynamics.run(4)
    assert atoms.calc.latency.summary()["warmup"]["steps"] == 0
    assert atoms.calc.latency.steps == 4


def test_the_report_is_written_whole(exported, tmp_path):
    calc = dynamics_of(exported(), 5)[0].calc
    path = tmp_path / "latency.json"
    text = calc.latency.to_json(path)
    assert path.read_text() == text
    report = json.loads(text)
    assert (report["format"], report["format_version"], report["source"]) == ("qallegro-latency", 1, "ase")
    assert report["versions"].keys() == {"qallegro", "ase"}
    assert (report["r_max"], report["skin"]) == (calc.r_max, 1.0)
    with pytest.raises(SetupError, match="must be writable: No such file or directory; choose another"):
        calc.latency.to_json(tmp_path / "missing" / "latency.json")
    assert [file.name for file in tmp_path.iterdir()] == ["latency.json"]


def test_attached_dynamics_print_lines_and_count_whole_steps(exported, capsys):
    atoms, dynamics = dynamics_of(exported(), 4)
    atoms.calc.latency.attach(dynamics, interval=5)
    atoms.calc.latency.reset()
    dynamics.run(20)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("latency: ")]
    assert len(lines) >= 4
    assert all("ms a step" in line and "atom-steps/s" in line for line in lines)
    report = atoms.calc.latency.summary()
    assert report["timestep_fs"] == pytest.approx(0.5)
    days = report["wall_seconds"] / 86400.0
    assert report["ns_per_day"] == pytest.approx(report["steps"] * 0.5e-6 / days)


def test_table_has_every_phase_that_took_time(exported):
    calc = dynamics_of(exported(), 6)[0].calc
    table = str(calc.latency)
    for label in ("neighbor list", "tensor products", "backward", "everything else", "step", calc.description):
        assert label in table
    assert "quantum surrogate" not in table


def test_trace_is_readable_while_it_grows(exported, tmp_path):
    atoms, dynamics = dynamics_of(exported(), 4)
    path = tmp_path / "trace.jsonl"
    atoms.calc.latency.trace(path)
    dynamics.run(6)
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    assert [step["step"] for step in steps] == [6, 7, 8, 9, 10, 11]
    assert all(later["end"] > sooner["end"] for sooner, later in zip(steps, steps[1:], strict=False))
    for step in steps:
        assert sum(step["phases"].values()) == pytest.approx(step["total"], rel=SUM_OF_TIMES)
    with pytest.raises(SetupError, match="must be writable"):
        atoms.calc.latency.trace(tmp_path / "missing" / "trace.jsonl")


def test_a_full_disk_ends_the_trace_and_not_the_run(exported):
    atoms, dynamics = dynamics_of(exported(), 4)
    atoms.calc.latency.trace("/dev/full")
    with pytest.warns(LatencyWarning, match="No space left on device; the simulation goes on") as caught:
        dynamics.run(5)
    assert len(caught) == 1
    assert math.isfinite(atoms.get_potential_energy())


def test_a_slow_step_is_warned_of_with_its_phase(exported, monkeypatch):
    atoms, dynamics = dynamics_of(exported(), 40)
    atoms.calc.latency.warn = 3.0
    update, left = VerletList.update, [1]

    def slow_once(self, structure):
        pairs = update(self, structure)
        if left:
            left.clear()
            time.sleep(0.5)  # hundreds of times a step
            self.seconds += 0.5
        return pairs

    monkeypatch.setattr(VerletList, "update", slow_once)
    with pytest.warns(LatencyWarning, match="times the median; neighbor list took .* ms more than usual"):
        dynamics.run(2)


def test_calculators_and_copies_measure_for_themselves(exported):
    first, second = (dynamics_of(exported(), steps)[0] for steps in (5, 8))
    assert (first.calc.latency.steps, second.calc.latency.steps) == (6 - WARMUP, 9 - WARMUP)
    twin = copy.deepcopy(first.calc)
    assert twin.latency.steps == 0
    assert first.calc.latency.steps == 6 - WARMUP


def test_an_evaluation_that_fails_is_no_step(exported):
    atoms, _ = dynamics_of(exported(), 5)
    steps, place = atoms.calc.latency.steps, atoms.positions[1].copy()
    atoms.positions[1] = atoms.positions[0]
    with pytest.raises(StructureError, match="on top of one another"):
        atoms.get_forces()
    assert atoms.calc.latency.steps == steps
    atoms.positions[1] = place
    atoms.get_forces()
    assert atoms.calc.latency.steps == steps + 1


def test_an_unknown_level_is_refused(exported):
    with pytest.raises(SetupError, match="`latency` must be one of off, summary, it is 'loud'"):
        QAllegroCalculator(exported(), latency="loud")
