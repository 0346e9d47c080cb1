"""Train nequip-allegro and MACE on the frames of an accuracy table for the same wall time (README.md).

The duration of an epoch is measured first, with a tenth of the frames; the number of epochs that fills the time follows from it. Results go
where `table.py` finds them. The same command goes on with the work.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / name) for name in ("training_speed", "recipes", "variants", "peers")]

from engines_benchmark import UnavailableError  # noqa: E402
from peer_environments import installed, last_line, make_environment  # noqa: E402

from accuracy_clock import CLOCKS, add_clock, settle_threads  # noqa: E402
from accuracy_results import RESULT, STATE, Row, terms, write_row  # noqa: E402
from accuracy_sets import SETS  # noqa: E402
from accuracy_settings import configuration  # noqa: E402
from peer_data import TRIAL_SHARE, PeerData, errors, write_frames  # noqa: E402
from peer_programs import PROGRAMS, R_MAX, Job, Program  # noqa: E402
from run_queue import end_on_sigterm, missing_files  # noqa: E402

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
#: epochs of the trials after one of a single epoch, until one takes longer by `CLEAR` times that: start-up falls out of the difference
TRIALS = (3, 9, 27, 81)
CLEAR = 0.5


def main() -> None:
    arguments = parse()
    end_on_sigterm()
    output = arguments.output / arguments.data_set / "peers"
    output.mkdir(parents=True, exist_ok=True)
    for peer in arguments.peers:
        note = output / f"{peer}.missing.txt"
        note.unlink(missing_ok=True)
        try:
            python = environment(peer, arguments)
            print(f"{peer}: {installed(python, PROGRAMS[peer].packages)}", file=sys.stderr)
            for seed in arguments.seeds:
                train(peer, PROGRAMS[peer], python, seed, arguments, output)
        except UnavailableError as error:
            note.write_text(f"{peer}: {error}\n")
            print(f"{peer} is missing: {error}", file=sys.stderr)


def parse() -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=list(SETS))
    parser.add_argument("--peers", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--hours", type=float, help="of training; as `table.py` if not given")
    parser.add_argument("--threads", type=int, help="all cores if not given, 1 with --clock processor")
    add_clock(parser)
    parser.add_argument("--root", type=Path, default=SHARED_DATA, help="folder of the data files")
    parser.add_argument("--setup", type=Path, metavar="FOLDER", help="make environments that are missing here, as benchmarks/peers does")
    parser.add_argument("--setup-limit", type=float, default=3600.0, help="s that an installation may take")
    parser.add_argument("--python", nargs="+", default=[], metavar="PEER=PYTHON", help="environments that exist")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/accuracy"), help="as of table.py")
    arguments = parser.parse_args()
    settle_threads(parser, arguments)
    pythons = [word.partition("=") for word in arguments.python]
    for peer, _, python in pythons:
        if peer not in PROGRAMS or not python:
            parser.error(f"--python must be PEER=PYTHON with a PEER of {', '.join(PROGRAMS)}, got {peer + _ + python}")
    arguments.python = {peer: python for peer, _, python in pythons}
    if arguments.hours is not None and arguments.hours <= 0:
        parser.error(f"--hours must be larger than 0, got {arguments.hours:g}")
    complaint = missing_files(arguments.root, SETS[arguments.data_set].files)
    if complaint:
        parser.error(complaint)
    return arguments


def environment(peer: str, arguments: argparse.Namespace) -> str:
    """The peer's Python.

    Raises:
        UnavailableError: there is none.
    """
    if peer in arguments.python:
        return arguments.python[peer]
    if arguments.setup is None:
        raise UnavailableError(f"it needs an environment of its own: --setup FOLDER makes one, or give --python {peer}=PYTHON")
    return make_environment(peer, arguments.setup, arguments.setup_limit, lambda text: print(text, file=sys.stderr))


def train(peer: str, program: Program, python: str, seed: int, arguments: argparse.Namespace, output: Path) -> None:
    """One training from the first frame to `result.json`.

    Raises:
        UnavailableError: the peer failed; says what it said.
    """
    folder = output / f"{peer}_{seed}"
    if (folder / RESULT).is_file():
        return
    chosen = SETS[arguments.data_set]
    seconds = 3600.0 * (arguments.hours or chosen.hours)
    content = configuration(arguments.data_set, "allegro", "ours", seed, str(arguments.root.resolve()), "quick", seconds, None)
    data = write_frames(content["data"], chosen.species, R_MAX, output / f"frames_{seed}")
    job = Job(python, data, data.folder, folder, seed, 0, content["training"]["batch_size"])
    state_file = folder / STATE
    state = json.loads(state_file.read_text()) if state_file.is_file() else {}
    wanted = terms(seconds, arguments.clock, arguments.threads)
    before = {key: state.get(key) for key in wanted}
    if before != wanted:
        if state:
            raise UnavailableError(f"`{folder}` was started with {before}, not {wanted}; remove it or name another -o")
        state = {**wanted, "epochs": epochs_in(seconds, program, job, arguments), "spent": 0.0, "trained": False}
        folder.mkdir(parents=True, exist_ok=True)
        state_file.write_text(json.dumps(state) + "\n")
    job = job._replace(epochs=state["epochs"])
    print(f"{peer} seed {seed}: {job.epochs} epochs", file=sys.stderr)
    if not state["trained"]:
        now = CLOCKS[arguments.clock]
        started = now()
        try:
            call(program.train(job), arguments.threads, folder.with_name(folder.name + ".log"))
            if not program.finished(job):
                raise UnavailableError(f"it ended without a model, see `{folder.name}.log`")
            state["trained"] = True
        finally:
            state["spent"] += now() - started
            state_file.write_text(json.dumps(state) + "\n")
    command = program.predict(job)
    if command is not None:
        call(command, arguments.threads, folder.with_name(folder.name + ".predict.log"))
    write_row(folder, row_of(peer, program, job, data, state["spent"]))


def row_of(peer: str, program: Program, job: Job, data: PeerData, seconds: float) -> Row:
    """The row of a finished training."""
    found = errors(data, *program.predictions(job))
    unknown = float("nan")
    return Row(peer, "same time", program.description, job.seed, 0, **found, seconds=seconds, steps=0, latency=unknown)


def epochs_in(seconds: float, program: Program, job: Job, arguments: argparse.Namespace) -> int:
    """Epochs that fill a time, at least one."""
    now = CLOCKS[arguments.clock]

    def duration(epochs: int) -> float:
        folder = job.folder.with_name(f"{job.folder.name}_trial_{epochs}")
        # What an earlier call left of a trial would make this one look short.
        shutil.rmtree(folder, ignore_errors=True)
        trial = job._replace(frames=job.data.folder / "trial", folder=folder, epochs=epochs)
        started = now()
        call(program.train(trial), arguments.threads, folder.with_name(folder.name + ".log"))
        return now() - started

    single, longer = duration(1), 0.0
    for epochs in TRIALS:
        longer = duration(epochs) - single
        if longer > CLEAR * single:
            break
    return max(1, int(seconds * TRIAL_SHARE * (epochs - 1) / longer)) if longer > 0 else 1


def call(command: list[str], threads: int, log: Path) -> None:
    """Run a peer's command; what it prints goes to `log`.

    Raises:
        UnavailableError: it failed.
    """
    environ = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with open(log, "w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environ)
        try:
            code = process.wait()
        except BaseException:  # interrupted: it goes on from its checkpoint next time
            process.terminate()
            process.wait()
            raise
    if code:
        raise UnavailableError(f"it failed with exit code {code}, see `{log.name}`: {last_line(log.read_text(errors='replace'))}")


if __name__ == "__main__":
    main()
