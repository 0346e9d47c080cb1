"""`qallegro plan` as a user types it."""

import json

import pytest

from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model
from systems import tiny_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from qallegro.export.exporter import export_model

    path = tmp_path_factory.mktemp("plan")
    save_model(path / "model.pth", build_potential(tiny_config("default", dtype="float32"), seed=1), {"made_by": "tests"})
    export_model(path / "model.pth", path / "model.qallegro.pth")
    phases = {"neighbor_list": 0.01, "pack": 0.1, "mlp": 1.0, "other": 0.05, "communication": 0.02}
    report = {
        "format": "qallegro-latency",
        "format_version": 1,
        "source": "lammps",
        "model": "model.qallegro.pth",
        "engine": "native",
        "device": "cpu",
        "dtype": "float32",
        "ranks": 1,
        "threads": 1,
        "steps": 100,
        "counts": {"neighbor_list_builds": 10},
        "per_rank": [{"rank": 0, "atoms": 500, "ghosts": 1500, "edges": 9000, "peak_memory_bytes": 45000000, "phases": phases}],
    }
    (path / "run.json").write_text(json.dumps(report))
    (path / "thin.json").write_text(json.dumps(report | {"r_max": 4.0, "skin": 1.0}))
    (path / "long.json").write_text(json.dumps(report | {"r_max": 5.0}))
    (path / "garbled.json").write_text(json.dumps(report | {"skin": -1.0}))
    (path / "other.json").write_text(json.dumps(report | {"dtype": "float64"}))
    (path / "foreign.json").write_text(json.dumps({"format": "other"}))
    (path / "broken.json").write_text("{")
    return path


@pytest.fixture
def program(qallegro, monkeypatch, folder):
    monkeypatch.chdir(folder)
    return qallegro


GOOD = {"--atoms": "20000", "--model": "model.qallegro.pth", "--ranks": "1,8,64"}


def words(**changes):
    """The words of a good command, some options replaced: `neigh_every=0`."""
    options = GOOD | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return ["plan", *(word for option in options.items() for word in option)]


def test_plan_without_a_report_measures_the_model(program, tmp_path):
    code, out, err = program(*words(), "-o", tmp_path / "plan.json", "--plot", tmp_path / "plan.png")
    assert code == 0, err
    for text in (
        "20,000 atoms in all (strong scaling)",
        "4x4x4",
        "native on cpu",
        "measured, this model on this machine: step",
        "ns/day",
        "memory",
    ):
        assert text in out
    assert "assumed: ghost_copy" in out and "latency 2e-06 s, bandwidth 1e+10 B/s" in out
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["format"] == "qallegro-plan" and plan["format_version"] == 1 and plan["scaling"] == "strong"
    assert [row["ranks"] for row in plan["predictions"]] == [1, 8, 64] and plan["predictions"][0]["efficiency"] == 1.0
    # 18 neighbors within 4 Å is what the model was trained on
    assert plan["system"]["edges_per_atom"] == pytest.approx(18.0)
    origins = {name: constant["origin"] for name, constant in plan["constants"].items()}
    assert origins["edge"].startswith("measured") and origins["latency"] == "assumed"
    assert sum(plan["constants"][name]["value"] for name in ("center", "edge")) > 0.0
    for row in plan["predictions"]:
        assert row["step_seconds"] == pytest.approx(sum(row["parts"].values()))
        assert row["ns_per_day"] == pytest.approx(86400 / row["step_seconds"] * 1e-6)
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_plan_from_a_report(program, tmp_path):
    density = 9000 / 500 / (4 / 3 * 3.141592653589793 * 4.0**3)
    options = words(report="run.json", atoms="500", ranks="1", density=str(density), network_latency="1e-5", timestep="2")
    code, out, err = program(*options, "-o", tmp_path / "plan.json")
    assert code == 0, err
    assert "measured for model.qallegro.pth, native on cpu, float32, 1 thread a rank" in out and "measured, 1 report: step" in out
    assert "assumed: bandwidth" in out and "given: latency 1e-05 s" in out
    plan = json.loads((tmp_path / "plan.json").read_text())
    # The run that was measured is predicted as it was, but for its ghosts, which the report has 1500 of.
    row = plan["predictions"][0]
    assert row["parts"]["network"] + row["parts"]["overhead"] == pytest.approx(1.15 / 100, rel=0.02)
    assert row["parts"]["neighbor_list"] == pytest.approx(0.01 / 100, rel=1e-6)
    assert row["ns_per_day"] == pytest.approx(86400 / row["step_seconds"] * 2e-6)


@pytest.mark.parametrize(("options", "skin"), [({}, 1.0), ({"skin": "2"}, 2.0)])
def test_skin_is_that_of_the_report_unless_given(program, tmp_path, options, skin):
    code, out, err = program(*words(report="thin.json", atoms="500", **options), "-o", tmp_path / "plan.json")
    assert code == 0, err
    assert "float32, 1 thread a rank, skin 1 Å" in out
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["system"]["skin"] == skin
    # What a pair of the list takes was measured with the report's own skin.
    assert plan["constants"]["pair"]["value"] == pytest.approx(0.01 / 10 / (9000 * (5.0 / 4.0) ** 3), rel=1e-6)


def test_reports_of_different_skins_are_refused(program):
    code, _, err = program(*words(report="thin.json"), "--report", "run.json")
    assert code == 1 and "all reports must be of one setting" in err


def test_weak_scaling(program):
    code, out, err = program(*words(), "--weak")
    assert code == 0, err
    assert "20,000 atoms of each rank (weak scaling)" in out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"atoms": "0"}, "`--atoms` must be at least 1, got 0"),
        ({"ranks": "0"}, "`--ranks` must be at least 1, got 0"),
        ({"ranks": "4,-1"}, "`--ranks` must be at least 1, got -1"),
        ({"ranks": "two"}, "`--ranks` must be whole numbers with commas between them, such as 1,16,256, got `two`"),
        ({"model": "nowhere.pth"}, "nowhere.pth"),
        ({"model": "model.pth"}, "model.pth"),
        ({"model": "run.json"}, "run.json"),
        ({"report": "foreign.json"}, "`format` of latency report `foreign.json` must be 'qallegro-latency', got 'other'"),
        ({"report": "broken.json"}, "latency report `broken.json` must be JSON"),
        ({"report": "nowhere.json"}, "latency report `nowhere.json` must be a file that can be read"),
        ({"report": "long.json"}, "reports must be of `model.qallegro.pth`, whose r_max is 4 Å, but theirs is 5 Å"),
        ({"report": "garbled.json"}, "`garbled.json` must be a whole latency report, but lacks or garbles skin -1.0"),
        ({"report": "other.json"}, "reports must be of `model.qallegro.pth`, which is float32, but they are of"),
        ({"ranks": "10000000000"}, "`--ranks` must be at most 100,000,000"),
        ({"density": "-1"}, "`--density` must be positive, got -1.0"),
        ({"density": "nan"}, "`--density` must be positive, got nan"),
        ({"density": "1e6"}, "`--density` must be in atoms/Å^3 (copper has 0.085)"),
        ({"timestep": "0"}, "`--timestep` must be positive"),
        ({"network_bandwidth": "0"}, "`--network-bandwidth` must be positive"),
        ({"network_latency": "-1"}, "`--network-latency` must be 0 or more"),
        ({"skin": "-0.5"}, "`--skin` must be 0 or more"),
        ({"neigh_every": "0"}, "`--neigh-every` must be at least 1 step"),
        ({"imbalance": "0.9"}, "`--imbalance` must be at least 1, got 0.9"),
        ({"output": "nowhere/plan.json"}, "`-o` must lead into a folder that can be written to"),
        ({"plot": "plan.gif"}, "`--plot` must end in .png, .pdf or .svg, got `plan.gif`"),
    ],
)
def test_mistakes_get_a_message(program, changes, message):
    code, _, err = program(*words(**changes))
    assert code == 1 and message in err and "Traceback" not in err
    assert err.startswith("qallegro: error: ")


def test_missing_options_are_wrong_usage(program):
    assert program("plan", "--atoms", "10").code == 2
