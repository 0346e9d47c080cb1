"""Label structures with DFT (dft.py), one process each; goes on where an earlier call ended.

    setsid nohup nice -n 12 /usr/bin/python3 label.py structures.xyz -o FOLDER > label.log 2>&1 &

FOLDER/results/ID.json has labels and provenance, FOLDER/failures/ID.json the reason of a failure, FOLDER/logs/ID.txt what GPAW said.
Several calls may share a folder, also with `--shard 0/2` and `--shard 1/2` on two machines. Runs under any Python with ASE and GPAW.
"""

import argparse
import fcntl
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
from ase import Atoms
from dft import Settings, calculate, write_json

Calculate = Callable[[Atoms, Settings, Path], dict[str, Any]]


class Folder(NamedTuple):
    """Where the work is kept."""

    path: Path

    def result(self, name: str) -> Path:
        return self.path / "results" / f"{name}.json"

    def failure(self, name: str) -> Path:
        return self.path / "failures" / f"{name}.json"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.txt"

    def prepare(self, settings: Settings) -> None:
        """Make the folder, for these settings.

        Raises:
            ValueError: it holds results of others.
        """
        for part in ("results", "failures", "logs"):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        path = self.path / "settings.json"
        if not path.exists():
            write_json(path, settings._asdict())
        elif (found := json.loads(path.read_text())) != settings._asdict():
            raise ValueError(f"settings must be those of `{path}`, {found}, got {settings._asdict()}; choose another folder")


def in_order(frames: list[Atoms]) -> list[Atoms]:
    """Families take turns, each from its smallest structure on: a set that is cut short covers all of them."""
    ranked = []
    for family in dict.fromkeys(atoms.info["family"] for atoms in frames):
        members = sorted((atoms for atoms in frames if atoms.info["family"] == family), key=lambda a: (len(a), a.info["id"]))
        ranked += [((rank / len(members), len(atoms)), atoms) for rank, atoms in enumerate(members)]
    return [atoms for _, atoms in sorted(ranked, key=lambda pair: (pair[0], pair[1].info["id"]))]


def label_one(atoms: Atoms, settings: Settings, folder: Folder, calculate: Calculate) -> None:
    """Compute one structure and keep the result, or the reason why there is none; nothing if another process is at it."""
    name = atoms.info["id"]
    with (folder.path / "logs" / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # falls with the process, however it ends
        except OSError:
            return
        if folder.result(name).exists():
            return
        try:
            result = calculate(atoms, settings, folder.log(name))
            write_json(folder.result(name), {"id": name, "symbols": atoms.get_chemical_symbols(), "family": atoms.info["family"]} | result)
            folder.failure(name).unlink(missing_ok=True)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            write_json(folder.failure(name), {"id": name, "reason": reason, "traceback": traceback.format_exc()})


def cost(atoms: Atoms) -> float:
    """A guess in arbitrary units: electrons to the power 1.5; more atoms have fewer k-points."""
    return sum({"Cu": 11, "Li": 3}[symbol] for symbol in atoms.symbols) ** 1.5


def duration(seconds: float) -> str:
    """Hours and minutes."""
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"


def label(
    frames: list[Atoms], settings: Settings, folder: Folder, workers: int, retry: bool, calculate: Calculate = calculate
) -> list[str]:
    """Label all that are not labelled. A line of progress for each structure on stdout.

    Returns:
        ids of structures without labels at the end.

    Raises:
        ValueError: the folder has other settings.
    """
    folder.prepare(settings)
    # Failures of an earlier call stay, unless they are to be tried again.
    todo = [
        f for f in in_order(frames) if not folder.result(f.info["id"]).exists() and (retry or not folder.failure(f.info["id"]).exists())
    ]
    work, done, started = sum(map(cost, todo)), 0.0, time.time()
    print(f"{len(frames)} structures, {len(todo)} to do, {workers} at a time, {settings}", flush=True)
    context = multiprocessing.get_context("fork")  # GPAW is imported by the children only
    running: dict[multiprocessing.Process, Atoms] = {}
    queue = list(reversed(todo))
    try:
        while queue or running:
            while queue and len(running) < workers:
                atoms = queue.pop()
                if retry:
                    folder.failure(atoms.info["id"]).unlink(missing_ok=True)
                process = context.Process(target=label_one, args=(atoms, settings, folder, calculate))
                process.start()
                running[process] = atoms
            ended = [process for process in running if not process.is_alive()]
            if not ended:
                multiprocessing.connection.wait([process.sentinel for process in running])
                continue
            for process in ended:
                atoms = running.pop(process)
                process.join()
                name = atoms.info["id"]
                if process.exitcode and not folder.result(name).exists():
                    reason = f"the process ended with {'signal' if process.exitcode < 0 else 'code'} {abs(process.exitcode)}"
                    write_json(folder.failure(name), {"id": name, "reason": reason + "; is there enough memory?"})
                done += cost(atoms)
                left = (time.time() - started) / done * (work - done)
                place = f"{len(todo) - len(queue) - len(running)}/{len(todo)} {name} {atoms.info['family']} {atoms.symbols}"
                print(f"{place}: {outcome(folder, name)}; {duration(left)} left", flush=True)
    finally:
        for process in running:
            process.terminate()
    return [f.info["id"] for f in frames if not folder.result(f.info["id"]).exists()]


def outcome(folder: Folder, name: str) -> str:
    """What became of a structure, in a few words."""
    if folder.result(name).exists():
        result = json.loads(folder.result(name).read_text())
        return f"{result['seconds']:.0f} s, {result['k_points']} k-points, {result['iterations']} steps"
    if folder.failure(name).exists():
        return "FAILED: " + json.loads(folder.failure(name).read_text())["reason"][:200]
    return "another process is at it"


def shard(text: str) -> tuple[int, int]:
    """`1/4`: the second of four parts."""
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise argparse.ArgumentTypeError(f"must be I/N with I from 0 to N-1, got {text!r}")
    return int(part), int(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="of results, failures and logs")
    parser.add_argument("--workers", type=int, default=1, help="structures at a time, one core each")
    parser.add_argument("--shard", type=shard, default=(0, 1), metavar="I/N", help="every Nth structure from the Ith on")
    parser.add_argument("--retry-failed", action="store_true", help="try structures again that failed before")
    for name, default in Settings()._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"default {default}")
    arguments = parser.parse_args()
    if arguments.workers < 1:
        parser.error(f"--workers must be 1 or more, got {arguments.workers}")
    if not arguments.structures.is_file():
        parser.error(f"structures must be in a file, `{arguments.structures}` does not exist; write it with build.py")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = Settings(**{name: getattr(arguments, name) for name in Settings._fields})
    part, parts = arguments.shard
    frames = in_order(ase.io.read(arguments.structures, ":", format="extxyz"))[part::parts]
    try:
        left = label(frames, settings, Folder(arguments.output), arguments.workers, arguments.retry_failed)
    except ValueError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on with the work")
    if left:
        sys.exit(f"error: {len(left)} structures have no labels: {' '.join(left[:10])}; see failures/, try again with --retry-failed")


if __name__ == "__main__":
    main()
