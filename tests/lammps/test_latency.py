"""What a LAMMPS run says of where its time went: table, report, trace, compute, and what is refused."""

import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

from lammps_models import MODELS
from lammps_runner import BIN, run_lammps, run_well, write_data
from lammps_systems import NAMES, alloy, cluster
from tolerances import SUM_OF_TIMES

STEPS, WARMUP = 60, 3
# Both clocks are read around the same call; between them lie a few function calls, and the call takes a millisecond here.
PAIR_TIME = 0.03
PAIR_PHASES = ("pack", "radial_angular", "tensor_product", "mlp", "surrogate", "backward", "network", "copy_in", "copy_out", "scatter")
BOX = "units metal\natom_modify map array\nboundary p p p\nread_data alloy.data\n"
MOVE = "velocity all create 300 4711\nfix move all nve\ntimestep 0.0005\nthermo 20\nneigh_modify every 10 delay 0 check no\n"


def style(latency: str = "", model: str = "allegro.pth") -> str:
    return f"pair_style qallegro {latency}\npair_coeff * * {model} Cu Li\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latency")
    MODELS["allegro"].write(folder / "allegro.pth")
    write_data(folder / "alloy.data", alloy(), NAMES)
    write_data(folder / "cluster.data", cluster(), NAMES)
    return folder


@pytest.fixture(scope="module", params=[1, 2])
def finished(request, folder):
    """Two runs in one input, with report, trace and averages; the number of ranks and what came of it."""
    ranks = request.param
    script = f"{BOX}{style(f'latency out{ranks}.json latency trace')}{MOVE}"
    script += "compute all all qallegro/latency\ncompute few all qallegro/latency backward communication other\n"
    script += f"fix mean all ave/time 1 10 10 c_few[1] c_few[2] c_few[3] c_all file mean{ranks}.txt\n"
    script += f"thermo_style custom step temp c_all c_few[1]\nrun {STEPS}\nrun 20\n"
    return ranks, run_well(script, folder, ranks, f"in{ranks}")


def report_of(folder, name):
    report = json.loads((folder / name).read_text())
    assert (report["format"], report["format_version"], report["source"]) == ("qallegro-latency", 1, "lammps")
    return report


def test_table_stands_in_screen_and_log(finished):
    ranks, done = finished
    log = (done.folder / f"in{ranks}.log").read_text()
    for text in (done.output, log):
        assert text.count("qallegro latency of ") == 2
        assert f"qallegro latency of {STEPS - WARMUP} steps on {ranks} rank" in text
        for label in (
            "Neighbor list",
            "Edge packing",
            "Radial+angular",
            "Tensor product",
            "MLPs",
            "Backward",
            "Force scatter",
            "Everything else",
        ):
            assert re.search(rf"^{re.escape(label)} +\|", text, re.MULTILINE), label
        assert "ns/day" in text and "atom-step/s" in text and "Engine: native on cpu" in text


def test_phases_add_up(finished):
    ranks, done = finished
    report = report_of(done.folder, f"out{ranks}.json")
    assert (report["steps"], report["warmup"]["steps"], report["ranks"], report["atoms"]) == (STEPS - WARMUP, WARMUP, ranks, len(alloy()))
    assert sum(values["total"] for values in report["phases"].values()) == pytest.approx(report["step"]["total"], rel=SUM_OF_TIMES)
    assert sum(row["atoms"] for row in report["per_rank"]) == len(alloy())
    assert report["counts"]["atom_steps"] == report["steps"] * len(alloy())
    for name, values in report["phases"].items():
        own = [row["phases"][name] for row in report["per_rank"]]
        spread = values["ranks"]
        assert (spread["min"], spread["max"]) == (min(own), max(own))
        assert spread["avg"] == pytest.approx(np.mean(own), rel=SUM_OF_TIMES)
    assert (report["r_max"], report["skin"]) == (4.0, 2.0)
    assert report["ns_per_day"] == pytest.approx(report["steps"] * 0.5e-6 * 86400 / report["wall_seconds"])


@pytest.mark.parametrize("ranks", [1, 2])
def test_phases_of_the_potential_are_lammps_own_pair_time(ranks, folder):
    """Without a trace, whose writing is in LAMMPS's time and not in ours. A busy machine may stop a rank between the two clocks, which
    makes LAMMPS's time longer and is no matter of ours: the best of a few runs counts."""
    write_data(folder / "larger.data", alloy(4), NAMES)
    script = f"{BOX.replace('alloy', 'larger')}{style(f'latency pair{ranks}.json')}{MOVE}run {STEPS}\n"
    deviations = []
    for _ in range(5):
        done = run_well(script, folder, ranks, f"pair{ranks}")
        report = report_of(folder, f"pair{ranks}.json")
        pair = float(re.search(r"^Pair +\| [^|]+\| ([^|]+)\|", done.output, re.MULTILINE).group(1))
        ours = sum(np.mean([row["phases"][name] for row in report["per_rank"]]) + report["warmup"]["phases"][name] for name in PAIR_PHASES)
        deviations.append(abs(ours / pair - 1.0))
        if deviations[-1] < PAIR_TIME:
            break
    assert min(deviations) < PAIR_TIME


def test_a_second_run_has_a_report_of_its_own_and_no_warmup(finished):
    ranks, done = finished
    report = report_of(done.folder, f"out{ranks}.2.json")
    assert (report["run"], report["steps"], report["warmup"]["steps"]) == (2, 20, 0)
    assert (report["first_step"], report["last_step"]) == (STEPS, STEPS + 20)


def test_every_rank_traces_its_steps(finished):
    ranks, done = finished
    for rank in range(ranks):
        lines = (done.folder / f"out{ranks}.json.trace.rank{rank}.jsonl").read_text().splitlines()
        steps = [json.loads(line) for line in lines]
        assert [step["step"] for step in steps] == list(range(1, STEPS + 21))
        assert {step["rank"] for step in steps} == {rank}
        assert {type(step["allocated"]) for step in steps} == {bool}
        for step in steps:
            assert sum(step["phases"].values()) == pytest.approx(step["total"], rel=SUM_OF_TIMES)


def test_averages_while_running(finished):
    ranks, done = finished
    rows = np.loadtxt(done.folder / f"mean{ranks}.txt")
    assert rows.shape == ((STEPS + 20) // 10, 5)
    assert (rows[:, 1] > 0.0).all() and (rows[:, 4] > rows[:, 1] + rows[:, 2]).all()
    # The last average of the first run, from what the ranks wrote of these steps.
    backward = []
    for rank in range(ranks):
        lines = (done.folder / f"out{ranks}.json.trace.rank{rank}.jsonl").read_text().splitlines()
        backward += [json.loads(line)["phases"]["backward"] for line in lines[STEPS - 10 : STEPS]]
    assert rows[STEPS // 10 - 1, 1] == pytest.approx(np.mean(backward), rel=1e-4)  # printed with six digits


def test_ranks_without_atoms(folder):
    script = f"units metal\nboundary f f f\nprocessors 4 1 1\nread_data cluster.data\n{style('latency empty.json')}{MOVE}run 10\n"
    run_well(script, folder, 4, "empty")
    report = report_of(folder, "empty.json")
    assert report["ranks"] == 4
    assert sum(row["atoms"] for row in report["per_rank"]) == len(cluster())


def test_a_run_of_no_steps(folder):
    done = run_well(f"{BOX}{style('latency zero.json')}run 0\n", folder, 1, "zero")
    assert "qallegro latency of" not in done.output
    report = report_of(folder, "zero.json")
    assert report["steps"] == 0 and report["atom_steps_per_second"] == 0.0 and report["ns_per_day"] is None


def test_minimization_has_no_speed_in_time(folder):
    run_well(f"{BOX}{style('latency min.json')}minimize 0 0 20 20\n", folder, 1, "min")
    report = report_of(folder, "min.json")
    assert report["steps"] > 0 and report["timestep_fs"] is None and report["ns_per_day"] is None


def test_every_style_of_a_hybrid_tells_its_own(folder):
    pair = "pair_style hybrid/overlay qallegro latency one.json qallegro latency two.json zero 4.0\n"
    pair += "pair_coeff * * qallegro 1 allegro.pth Cu NULL\npair_coeff * * qallegro 2 allegro.pth NULL Li\npair_coeff * * zero\n"
    done = run_well(f"{BOX}{pair}{MOVE}run 10\n", folder, 1, "hybrid")
    assert done.output.count("qallegro latency of 7 steps") == 2
    one, two = (report_of(folder, f"{name}.json") for name in ("one", "two"))
    assert one["counts"]["edges"] != two["counts"]["edges"]
    for report in (one, two):  # the time of the other style is everything else
        assert sum(values["total"] for values in report["phases"].values()) == pytest.approx(report["step"]["total"], rel=SUM_OF_TIMES)


def test_off_says_nothing(folder):
    done = run_well(f"{BOX}{style('latency off')}{MOVE}run 10\n", folder, 1, "off")
    assert "qallegro latency" not in done.output


def test_clear_begins_anew(folder):
    script = "".join(f"clear\n{BOX}{style(f'latency clear{k}.json')}{MOVE}run 10\n" for k in (1, 2))
    run_well(script, folder, 1, "clear")
    for k in (1, 2):
        assert report_of(folder, f"clear{k}.json")["warmup"]["steps"] == WARMUP


def test_a_full_disk_ends_the_trace_with_one_warning(folder):
    (folder / "full.json.trace.rank0.jsonl").symlink_to("/dev/full")
    done = run_well(f"{BOX}{style('latency full.json latency trace')}{MOVE}run 10\n", folder, 1, "full")
    assert done.output.count("No space left on device; the simulation goes on without it") == 1
    assert report_of(folder, "full.json")["steps"] == 10 - WARMUP


def test_a_report_that_cannot_be_written_any_more_ends_no_run(folder):
    script = (
        f"{BOX}shell mkdir gone\n{style('latency gone/out.json')}{MOVE}run 5\nshell rm gone/out.json\nshell rmdir gone\nrun 5\nprint done\n"
    )
    done = run_well(script, folder, 1, "gone")
    assert done.output.count("must be writable: No such file or directory; choose another file or folder") == 1
    assert done.output.count("qallegro latency of ") == 2 and "\ndone" in done.output


def test_a_slow_step_is_told(folder):
    """A process that is stopped for a moment looks like one on a noisy node."""
    (folder / "slow.lmp").write_text(f"{BOX}{style('latency warn 3.0')}{MOVE}thermo_modify flush yes\nrun 100000\n")
    command = [str(BIN / "lmp"), "-in", "slow.lmp", "-log", "slow.log", "-nocite", "-screen", "slow.txt"]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        log = wait_for(folder / "slow.log", r"^ +[1-9]\d\d ")  # a hundred steps are enough to know the usual ones
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        process.send_signal(signal.SIGCONT)
        log = wait_for(folder / "slow.log", r"times the median on rank 0; `.*` took \S+ ms more than usual")
    finally:
        process.kill()
        process.wait()
    assert "WARNING: pair_style qallegro: step " in log


def wait_for(path, pattern):
    """The text of a growing file once it has the pattern."""
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        text = path.read_text() if path.exists() else ""
        if re.search(pattern, text, re.MULTILINE):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{pattern} does not appear in\n{text}")


def test_a_killed_run_leaves_a_readable_trace(folder):
    (folder / "killed.lmp").write_text(f"{BOX}{style('latency killed.json latency trace')}{MOVE}run 100000\n")
    command = [str(BIN / "lmp"), "-in", "killed.lmp", "-log", "none", "-nocite"]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    trace = folder / "killed.json.trace.rank0.jsonl"
    try:
        wait_for(trace, r'"step":50,')
    finally:
        process.kill()
        process.wait()
    whole = trace.read_text().rpartition("\n")[0].splitlines()
    assert [json.loads(line)["step"] for line in whole] == list(range(1, len(whole) + 1))
    assert not (folder / "killed.json").exists()


REFUSED = {
    "unwritable file": (
        style("latency missing/out.json") + "run 1\n",
        ("`missing/out.json` must be writable", "choose another file or folder"),
    ),
    "trace without a file": (style("latency trace") + "run 1\n", ("`latency trace` needs a file", "latency run.json latency trace")),
    "warn without a number": (style("latency warn") + "run 1\n", ("number above 1, received `nothing`", "latency warn 3.0")),
    "warn below one": (style("latency warn 0.5") + "run 1\n", ("number above 1, received `0.5`",)),
    "latency without a value": (style("latency") + "run 1\n", ("`latency` must be followed by a value",)),
    "off and a file": (style("latency off latency out.json") + "run 1\n", ("`latency off` measures nothing",)),
    "unknown phase": (style() + "compute l all qallegro/latency sleep\nrun 1\n", ("phases are neighbor_list, pack", "received `sleep`")),
    "no such pair style": (
        "pair_style zero 4.0\npair_coeff * *\ncompute l all qallegro/latency\nrun 1\n",
        ("needs one pair style qallegro",),
    ),
    "compute of what is off": (style("latency off") + "compute l all qallegro/latency\nrun 1\n", ("has `latency off`",)),
    "group": (style() + "group some id 1 2\ncompute l some qallegro/latency\nrun 1\n", ("group must be all", "`some`")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_named(name, folder):
    script, expected = REFUSED[name]
    done = run_lammps(BOX + script, folder, 1, "refused")
    assert done.returncode != 0
    for words in expected:
        assert words in done.output, done.output
