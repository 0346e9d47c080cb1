"""`qallegro latency report` and `latency trace` as a user types them."""

import base64
import json
import re

import numpy as np
import pytest

from qallegro.latency.phases import PHASES
from tolerances import SUM_OF_TIMES

STEPS = 20
SECONDS = {"pack": 0.002, "mlp": 0.003, "backward": 0.004, "communication": 0.001}


def statistics(value):
    return {"total": STEPS * value, **dict.fromkeys(("mean", "min", "max", "median", "p95", "p99"), value)}


def report(ranks=1, **changes):
    """A run in which every phase takes the same time in every step, a tenth more on each further rank."""
    phases = {name: statistics(SECONDS.get(name, 0.0)) for name in PHASES}
    per_rank = [
        {"rank": k, "atoms": 16, "ghosts": 40, "edges": 600, "phases": {n: STEPS * (1 + 0.1 * k) * SECONDS.get(n, 0.0) for n in PHASES}}
        for k in range(ranks)
    ]
    about = {"source": "lammps", "model": "folder/A|B <i>.pth", "engine": "native", "device": "cpu", "description": "native on cpu"}
    return {
        "format": "qallegro-latency",
        "format_version": 1,
        **about,
        "surrogate": None,
        "dtype": "float32",
        "ranks": ranks,
        "threads": 1,
        "atoms": 32,
        "timestep_fs": None,
        "steps": STEPS,
        "wall_seconds": 0.2,
        "atom_steps_per_second": 3200.0,
        "edges_per_second": 6e4,
        "ns_per_day": None,
        "peak_memory_bytes": 3 * 2**20,
        "step": statistics(0.01),
        "phases": phases,
        "counts": {},
        "per_rank": per_rank,
        "versions": {"qallegro": "9.8.7"},
        "machine": {"processor": "a machine", "cores": 2},
        **changes,
    }


def trace_line(rank, step, **changes):
    total = sum(SECONDS.values())
    about = {"rank": rank, "step": step, "end": 1.0 + total * step, "total": total, "atoms": 16, "ghosts": 40, "edges": 600}
    return json.dumps({**about, "rebuilt": False, "phases": SECONDS, **changes}) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_page_needs_nothing_beside_itself(qallegro, folder):
    (folder / "a.json").write_text(json.dumps(report()))
    (folder / "b.json").write_text(json.dumps(report(ranks=2, ns_per_day=1.5)))
    code, out, err = qallegro("latency", "report", "a.json", "b.json", "-o", "page.html", "--markdown", "page.md")
    assert code == 0, err
    assert "wrote page.html" in out and "wrote page.md" in out
    page = (folder / "page.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)|url\(|<script|@import", page)
    pictures = [base64.b64decode(picture) for picture in re.findall(r'base64,([^"]+)"', page)]
    assert len(pictures) == 2  # phases of all runs, ranks of the second
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    for words in ("A|B &lt;i&gt;.pth", "native on cpu", "qallegro 9.8.7", "a machine", "2 x 1", "1.5"):
        assert words in page
    assert "<i>" not in page
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "b.json", "page.html", "page.md"]


def test_markdown_has_shares_of_phases(qallegro, folder):
    (folder / "a.json").write_text(json.dumps(report()))
    assert qallegro("latency", "report", "a.json", "--markdown", "page.md").code == 0
    lines = (folder / "page.md").read_text().splitlines()
    head, rule, row = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    assert len(head) == len(rule) == len(row)
    values = dict(zip(head, row, strict=True))
    assert values["MLPs (%)"] == "30.0" and values["communication (%)"] == "10.0" and values["ns/day"] == "–"
    assert values["median step (ms)"] == "10" and values["model"] == "A\\|B <i>.pth" and values["peak memory (MiB)"] == "3"
    assert "surrogate" not in "".join(head)  # took no time


def test_report_of_no_steps_makes_a_page(qallegro, folder):
    nothing = dict.fromkeys(statistics(0.0), 0.0)
    phases = {name: nothing for name in PHASES}
    (folder / "a.json").write_text(json.dumps(report(steps=0, wall_seconds=0.0, step=nothing, phases=phases, per_rank=[])))
    code, _, err = qallegro("latency", "report", "a.json")
    assert code == 0, err
    assert (folder / "report.html").is_file()


def changed(**changes):
    return json.dumps(report(**changes))


BAD_REPORTS = {
    "no file": (None, "must be a file that can be read"),
    "no JSON": ("{", "must be JSON"),
    "another format": ('{"format": "other"}', "`format` of latency report `a.json` must be 'qallegro-latency', got 'other'"),
    "another version": (changed(format_version=2), "`format_version` of latency report `a.json` must be 1, got 2"),
    "text for a number": (changed(atoms="32"), "`atoms` of latency report `a.json` must be a number"),
    "not finite": (changed(wall_seconds=float("nan")), "`wall_seconds` of latency report"),
    "unknown phase": (changed(phases={"magic": statistics(1.0)}), "`phases` of latency report `a.json` must be some of neighbor_list"),
    "half a phase": (changed(phases={"mlp": {"total": 1.0}}), "`phases.mlp` of latency report"),
    "a rank without phases": (changed(per_rank=[{"rank": 0}]), "`per_rank[0].phases` of latency report"),
}


@pytest.mark.parametrize("name", BAD_REPORTS)
def test_bad_reports_are_refused(qallegro, folder, name):
    text, message = BAD_REPORTS[name]
    if text is not None:
        (folder / "a.json").write_text(text)
    code, _, err = qallegro("latency", "report", "a.json")
    assert code == 1 and message in err and "Traceback" not in err
    assert not (folder / "report.html").exists()


def test_folder_that_is_not_there_is_refused(qallegro, folder):
    (folder / "a.json").write_text(json.dumps(report()))
    code, _, err = qallegro("latency", "report", "a.json", "-o", "absent/report.html")
    assert code == 1 and "`--output` must lead into a folder" in err


def test_trace_lays_phases_out_inside_of_their_step(qallegro, folder):
    for rank in range(2):
        (folder / f"t.rank{rank}.jsonl").write_text("".join(trace_line(rank, step) for step in (1, 2)))
    code, out, err = qallegro("latency", "trace", "t.rank0.jsonl", "t.rank1.jsonl", "-o", "trace.json")
    assert code == 0, err
    assert "4 steps of 2 ranks" in out
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["name"] == "process_name"} == {"rank 0", "rank 1"}
    total = sum(SECONDS.values())
    for rank in range(2):
        own = [event for event in events if event["pid"] == rank + 1 and event["ph"] == "X"]
        steps = [event for event in own if event["cat"] == "step"]
        assert [step["ts"] for step in steps] == pytest.approx([1e6 * (1.0 + total * k) for k in range(2)], rel=SUM_OF_TIMES)
        for step in steps:
            end = step["ts"] + step["dur"] * (1.0 + SUM_OF_TIMES)
            inside = [e for e in own if e["cat"] == "phase" and step["ts"] <= e["ts"] < end - 1.0]
            assert [event["name"] for event in inside] == ["packing of edges", "MLPs", "backward", "communication"]
            assert sum(event["dur"] for event in inside) == pytest.approx(step["dur"], rel=SUM_OF_TIMES)
            for event, after in zip(inside, inside[1:], strict=False):
                assert event["ts"] + event["dur"] == after["ts"]


def test_events_of_a_trace_nest_to_the_nanosecond(qallegro, folder):
    """Perfetto cuts every number to whole nanoseconds and leaves out events that overlap."""
    rng = np.random.default_rng(5)
    end, lines = -0.4e-3, ""  # the trace begins within the first step
    for step in range(300):
        seconds = dict(zip(PHASES, rng.exponential(2e-5, len(PHASES)).tolist(), strict=True))
        total = sum(seconds.values())
        end += total
        lines += trace_line(0, step, end=max(end, 0.0), total=total, phases=seconds)
    (folder / "t.jsonl").write_text(lines)
    assert qallegro("latency", "trace", "t.jsonl", "-o", "trace.json").code == 0
    events = [event for event in json.loads((folder / "trace.json").read_text())["traceEvents"] if event["ph"] == "X"]
    spans = [(event["cat"], int(1000 * event["ts"]), int(1000 * event["ts"]) + int(1000 * event["dur"])) for event in events]
    steps, phases = ([span[1:] for span in spans if span[0] == kind] for kind in ("step", "phase"))
    assert len(steps) == 300 and spans[0][1] >= 0
    for own in (steps, phases):
        assert all(before[1] <= after[0] for before, after in zip(own, own[1:], strict=False))
    inside = [any(step[0] <= phase[0] and phase[1] <= step[1] for step in steps) for phase in phases]
    assert all(inside)


def test_last_line_of_a_killed_run_is_left_out(qallegro, folder):
    whole = trace_line(0, 1) + trace_line(0, 2)
    for cut in range(len(trace_line(0, 1)), len(whole)):
        (folder / "t.jsonl").write_text(whole[:cut])
        if cut % 40 == 0 or cut >= len(whole) - 2:
            code, out, err = qallegro("latency", "trace", "t.jsonl")
            assert code == 0, err
            # without its newline alone, the last line is whole
            assert f"{'2 steps' if cut == len(whole) - 1 else '1 step'} of 1 rank;" in out


BAD_TRACES = {
    "garbage inside": (trace_line(0, 1) + '{"rank": 0, "st\n' + trace_line(0, 2), "`t.jsonl`, line 2: must be JSON"),
    "a whole bad last line": (trace_line(0, 1) + "{}\n", "`t.jsonl`, line 2: `rank` must be an integer"),
    "no object": ("[1]\n", "`t.jsonl`, line 1: must be an object"),
    "an empty line": (trace_line(0, 1) + "\n" + trace_line(0, 2), "`t.jsonl`, line 2: must be JSON"),
    "seconds as text": (trace_line(0, 1, total="1"), "`t.jsonl`, line 1: `total` must be a number of seconds"),
    "unknown phase": (trace_line(0, 1, phases={"magic": 1.0}), "`t.jsonl`, line 1: `phases` must be seconds by phase"),
    "two ranks": (trace_line(0, 1) + trace_line(1, 2), "`t.jsonl`, line 2: `rank` must be 0 as in the first line, got 1"),
    "nothing": ("", "must hold at least one whole step"),
    "bytes": (b"\xff\xfe\n", "`t.jsonl`, line 1: must be JSON"),
}


@pytest.mark.parametrize("name", BAD_TRACES)
def test_bad_traces_are_refused_with_file_and_line(qallegro, folder, name):
    text, message = BAD_TRACES[name]
    (folder / "t.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    code, _, err = qallegro("latency", "trace", "t.jsonl")
    assert code == 1 and message in err and "Traceback" not in err
    assert not (folder / "trace.json").exists()


def test_traces_of_one_rank_twice_are_refused(qallegro, folder):
    for name in ("t.jsonl", "u.jsonl"):
        (folder / name).write_text(trace_line(0, 1))
    code, _, err = qallegro("latency", "trace", "t.jsonl", "u.jsonl")
    assert code == 1 and "`t.jsonl` and `u.jsonl` are both of rank 0" in err


def test_reports_are_read_as_they_are(folder):
    from qallegro.latency.reports import read_report

    written = report(ranks=2)
    (folder / "a.json").write_text(json.dumps(written))
    assert read_report(folder / "a.json") == written
