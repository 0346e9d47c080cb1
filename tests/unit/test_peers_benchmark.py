"""What benchmarks/peers makes of its numbers, of peers that are missing and of its options. No network, no peers."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "peers"
sys.path.append(str(FOLDER))

import peer_environments  # noqa: E402
from engines_benchmark import UnavailableError  # noqa: E402
from peer_candidates import CANDIDATES, OWN_ENVIRONMENT, PEERS  # noqa: E402
from peer_plot import draw  # noqa: E402
from peer_report import markdown  # noqa: E402
from peer_runs import Environments, Runner, ask_worker, mace_file  # noqa: E402

# Other benchmarks have a compare.py too.
_spec = importlib.util.spec_from_file_location("peers_compare", FOLDER / "compare.py")
compare = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare)

MICROSECONDS = {"qallegro-S": 10.0, "qallegro-M": 40.0, "nequip-allegro-S": 500.0, "mace-64": 2000.0, "eam": 0.5}


def made_up_row(name: str, n_atoms: int) -> dict:
    turns = [
        {
            "loop": 20 * n_atoms * 1e-6 * MICROSECONDS[name] * factor,
            "model": 10 * n_atoms * 1e-6 * MICROSECONDS[name] * factor,
            "start": 2.0 * factor,
            "peak_memory": None if name == "eam" else 300e6,
            "cpu_use": 1.0,
        }
        for factor in (0.9, 1.0, 1.2)
    ]
    return compare.row(name, n_atoms, 20, turns)


@pytest.fixture
def record() -> dict:
    return {
        "date": "2026-01-01T00:00:00+00:00",
        "machine": {"processor": "Some", "cores": 2, "load_average": [0.1, 0.1, 0.1]},
        "settings": {"turns": 3, "seconds": 2.0, "warmup": 5, "rebuild_every": 20, "time_limit": 600.0},
        "edges_per_atom": {"108": 42.6, "500": 42.5},
        "load_average": {"108": 0.1, "500": 0.2},
        "versions": {"qallegro": {"qallegro": "0"}, "mace": {"mace-torch": "0.3"}},
        "candidates": {name: candidate._asdict() for name, candidate in CANDIDATES.items()},
        "rows": [made_up_row(name, n_atoms) for n_atoms in (108, 500) for name in MICROSECONDS],
        "missing": [
            {"peer": "nequip-allegro", "candidate": None, "atoms": None, "why": "no such wheel"},
            {"peer": "mace", "candidate": "mace-128", "atoms": 500, "why": "not enough memory"},
        ],
    }


def test_table(record):
    text = markdown(record)
    # half of the loop is spent in the model; quartiles of 0.9, 1 and 1.2 are 0.95 and 1.1; every turn has the same ratio
    assert "| qallegro S, LAMMPS | 10 (9.5 to 11) | 5 | 1 | 300 | 2 (1.9 to 2.2) | 20 |" in text
    assert "| MACE 64x0e, ASE | 2,000 (1,900 to 2,200) | 1,000 | 200 (200 to 200), S | 300 | 2 (1.9 to 2.2) | 20 |" in text
    # Size M is divided by size M.
    assert "| qallegro M, LAMMPS | 40 (38 to 44) | 20 | 1 |" in text
    assert "| nequip-allegro S, ASE | 500 (475 to 550) | 250 | 50 (50 to 50), S |" in text
    # A system without /proc tells no memory.
    assert "| EAM, LAMMPS | 0.5 (0.475 to 0.55) | 0.25 | 0.05 (0.05 to 0.05), S | - | 2 (1.9 to 2.2) | 20 |" in text
    assert "* nequip-allegro: no such wheel" in text
    assert "* MACE 128x0e+128x1o, ASE, 500 atoms: not enough memory" in text
    assert text.index("## 108 atoms") < text.index("## 500 atoms") < text.index("## Missing") < text.index("## Versions")
    assert "* mace: mace-torch 0.3" in text


def test_row_names_units():
    row = made_up_row("mace-64", 108)
    assert row["peak_memory"]["bytes"] == [300e6] * 3 and "seconds" not in row["peak_memory"]
    assert row["time"]["seconds"] == pytest.approx([1.8e-3, 2e-3, 2.4e-3]) and row["start"]["seconds"] == pytest.approx([1.8, 2.0, 2.4])


def test_table_without_reference(record):
    record["rows"] = [row for row in record["rows"] if row["candidate"] != "qallegro-S"]
    assert "| EAM, LAMMPS | 0.5 (0.475 to 0.55) | 0.25 | - |" in markdown(record)


def test_files_of_a_run(record, tmp_path):
    record["rows"] = record["rows"][: len(MICROSECONDS)]
    compare.save(record, tmp_path / "peers")
    assert json.loads((tmp_path / "peers.json").read_text()) == record
    assert (tmp_path / "peers.md").read_text() == markdown(record)
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_measured_is_no_plot(record, tmp_path):
    record["rows"] = []
    draw(record, tmp_path / "peers.png")
    assert not (tmp_path / "peers.png").exists()
    assert "## Missing" in markdown(record)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--atoms", "107"], r"number of atoms must be 4 k\^3 .*, got 107"),
        (["--turns", "0"], "--turns must be above 0 and finite, got 0"),
        (["--seconds", "nan"], "--seconds must be above 0 and finite, got nan"),
        (["--time-limit", "-1"], "--time-limit must be above 0 and finite, got -1.0"),
        (["--peers", "gap"], "invalid choice: 'gap'"),
        (["--python", "snap=python"], "--python must be PEER=PYTHON with a PEER of nequip-allegro, mace, got snap=python"),
        (["--python", "mace"], "--python must be PEER=PYTHON .* got mace"),
        (["--lmp", "/no/lmp"], "--lmp must be a program, got /no/lmp"),
        (["-o", "/no/folder/peers"], "the folder of --output must exist, got /no/folder/peers"),
    ],
)
def test_wrong_options_are_refused(options, message, capsys):
    with pytest.raises(SystemExit) as ended:
        compare.parse(options)
    assert ended.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_peers_without_environment_are_missing(tmp_path):
    arguments = compare.parse(["--atoms", "32", "--python", f"mace={tmp_path / 'python'}", "--peers", "nequip-allegro", "mace", "eam"])
    record, pythons = compare.start_record(arguments, lambda text: None)
    why = {entry["peer"]: entry["why"] for entry in record["missing"]}
    assert set(why) == {"nequip-allegro", "mace"}
    assert "--setup FOLDER" in why["nequip-allegro"] and "--python nequip-allegro=PYTHON" in why["nequip-allegro"]
    assert "No such file" in why["mace"]
    assert "lammps" in record["versions"]["eam"] and "mace" not in record["versions"]
    assert compare.chosen(arguments.peers, record["missing"]) == ["eam"]


def test_environment_without_the_package_is_not_complete():
    with pytest.raises(UnavailableError, match="not complete: .*no-such-package"):
        peer_environments.installed(sys.executable, ("no-such-package",))


def test_failure_of_pip_is_reported_in_its_words(tmp_path, monkeypatch):
    def fails(command, stdout, **_):
        failed = "install" in command
        if failed:
            stdout.write("Collecting mace-torch\nERROR: No matching distribution found for mace-torch\n[notice] pip is old\n")
        return SimpleNamespace(returncode=int(failed))

    monkeypatch.setattr(peer_environments.subprocess, "run", fails)
    with pytest.raises(UnavailableError, match="^pip could not install it: ERROR: No matching distribution found for mace-torch$"):
        peer_environments.make_environment("mace", tmp_path, 10.0, lambda text: None)


def test_installed_environment_is_kept_and_changed_requirements_make_it_anew(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(peer_environments, "_call", lambda command, *_: (calls.append(command), (tmp_path / "mace").mkdir(exist_ok=True)))
    python = peer_environments.make_environment("mace", tmp_path, 10.0, lambda text: None)
    assert python == str(tmp_path / "mace" / "bin" / "python") and len(calls) == 2
    assert peer_environments.make_environment("mace", tmp_path, 10.0, lambda text: None) == python and len(calls) == 2
    other = tmp_path / "requirements.txt"
    other.write_text("mace-torch==1\n")
    monkeypatch.setattr(peer_environments, "requirements", lambda peer: other)
    peer_environments.make_environment("mace", tmp_path, 10.0, lambda text: None)
    assert len(calls) == 4


@pytest.mark.parametrize("peer", OWN_ENVIRONMENT)
def test_versions_of_own_environments_are_pinned(peer):
    lines = peer_environments.requirements(peer).read_text().split()
    assert lines and all("==" in line for line in lines)
    assert {line.partition("==")[0] for line in lines} <= set(PEERS[peer])


def test_model_file_of_an_environment_without_mace_is_refused(tmp_path):
    with pytest.raises(UnavailableError, match="not complete"):
        mace_file(sys.executable, "64x0e", tmp_path)


WORKER = "import sys; print('{\"first_step\": true}', flush=True); "


def test_worker_answers_or_fails_in_its_own_words():
    answer = ask_worker([sys.executable, "-c", WORKER + "print('{\"loop\": 2.0}')"], 60.0)
    assert answer["loop"] == 2.0 and answer["start"] > 0.0
    with pytest.raises(UnavailableError, match="code 1: .*no memory left"):
        ask_worker([sys.executable, "-c", WORKER + "sys.exit('no memory left')"], 60.0)
    with pytest.raises(UnavailableError, match="code 1: ValueError: bad model"):
        ask_worker([sys.executable, "-c", "raise ValueError('bad model')"], 60.0)
    with pytest.raises(UnavailableError, match="took more than 0.5 s"):
        ask_worker([sys.executable, "-c", WORKER + "import time; time.sleep(60)"], 0.5)


class FakeCandidate:
    """Takes a given time for a step. Args: fails_at: number of the call that fails, the trial is 0."""

    def __init__(self, per_step: float, fails_at: int = -1) -> None:
        self.per_step, self.fails_at, self.calls = per_step, fails_at, []

    def __call__(self, n_atoms: int, steps: int) -> dict:
        self.calls.append(steps)
        if len(self.calls) - 1 == self.fails_at:
            raise UnavailableError("out of memory")
        return {"loop": steps * self.per_step, "model": 0.0, "start": 1.0, "peak_memory": 1e6, "cpu_use": 1.0}


def test_turns_go_on_without_those_that_fail_or_take_too_long():
    fakes = {
        "qallegro-S": FakeCandidate(0.01),
        "mace-64": FakeCandidate(0.01, fails_at=0),
        "mace-128": FakeCandidate(10.0),
        "snap": FakeCandidate(0.02, fails_at=2),
        "eam": FakeCandidate(0.1),
    }
    rows, missing = compare.take_turns(fakes, 108, turns=3, seconds=2.0, limit=100.0, say=lambda text: None)
    assert {row["candidate"]: row["steps"] for row in rows} == {"qallegro-S": 200, "eam": 20}
    assert fakes["qallegro-S"].calls == [compare.TRIAL_STEPS, 200, 200, 200]
    assert rows[0]["time"]["median"] == pytest.approx(0.01 / 108) and rows[0]["time"]["turns"] == 3
    assert fakes["mace-128"].calls == [compare.TRIAL_STEPS] and fakes["snap"].calls == [compare.TRIAL_STEPS, 100, 100]
    why = {entry["candidate"]: entry["why"] for entry in missing}
    assert why["mace-64"] == why["snap"] == "out of memory"
    assert why["mace-128"] == "3 turns of 5 steps would take 153 s, more than the time limit of 100 s"


def test_eam_in_lammps_is_measured(tmp_path):
    runner = Runner(Environments(Path(sys.executable).with_name("lmp"), {}, tmp_path, tmp_path), warmup=1, rebuild_every=3, limit=60.0)
    found = runner.prepare("eam")(32, 6)
    assert 0.0 < found["model"] <= found["loop"] and found["start"] > 0.0 and found["peak_memory"] > 0
