"""One training step of qallegro and of nequip-allegro, side by side (README.md)."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from report import machine, markdown, summarise

FOLDER = Path(__file__).parent
#: largest deviation of forces, eV/Å, with copied weights; rounding of the network's precision
FORCE_TOLERANCE = {"float32": 5e-5, "float64": 1e-10}


class Worker:
    """A process that holds one side."""

    def __init__(self, python: str, script: str, threads: int) -> None:
        environment = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        self.name = script
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [python, str(FOLDER / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Raises RuntimeError if the worker fails or has gone."""
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait(timeout=60)
            self._errors.seek(0)
            raise RuntimeError(f"{self.name} ended with code {self._process.returncode}\n{self._errors.read()[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name} failed:\n{answer['error']}")
        return answer

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        self._errors.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="python of the environment with nequip-allegro; without it qallegro is measured alone")
    parser.add_argument("--peer-mode", default="eager", choices=["eager", "compile"], help="how the peer runs its model")
    parser.add_argument("--engines", nargs="+", default=["native", "torch"], choices=["native", "torch"], help="of qallegro")
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=["S", "M"])
    parser.add_argument("--cases", nargs="+", default=["copper", "molecules"], choices=["copper", "molecules"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=20, help="how often the sides take turns")
    parser.add_argument("--steps", type=int, default=3, help="steps in one turn, of which the fastest counts")
    parser.add_argument("--warmup", type=int, default=8, help="steps before the first turn")
    parser.add_argument("-o", "--output", type=Path, default=Path("training_speed"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {key: getattr(arguments, key) for key in ("dtype", "engines", "peer_mode", "turns", "steps", "warmup")},
        "versions": {},
        "peer_missing": None,
        "runs": [],
    }
    for threads in arguments.threads:
        measure_threads(arguments, threads, record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    text = markdown(record)
    arguments.output.with_suffix(".md").write_text(text)
    print(text)


def measure_threads(arguments: argparse.Namespace, threads: int, record: dict[str, Any]) -> None:
    """All sizes and cases at one number of threads, with one process for each side."""
    workers = {engine: Worker(sys.executable, "qallegro_worker.py", threads) for engine in arguments.engines}
    try:
        for engine in arguments.engines:
            record["versions"]["qallegro"] = workers[engine].ask("start")["versions"]
        peer, why = start_peer(arguments.peer_python, threads)
        if peer is not None:
            workers["peer"] = peer
            record["versions"]["peer"] = why
        else:
            record["peer_missing"] = why
        for case in arguments.cases:
            for size in arguments.sizes:
                print(f"{threads} thread(s), {case}, {size} ...", file=sys.stderr, flush=True)
                record["runs"].append({"threads": threads, "case": case, "size": size, **measure(workers, case, size, arguments)})
    finally:
        for worker in workers.values():
            worker.close()


def start_peer(python: str | None, threads: int) -> tuple[Worker | None, Any]:
    """The peer's side and its versions, or none and the reason."""
    if python is None:
        return None, "no --peer-python given"
    try:
        worker = Worker(python, "peer_worker.py", threads)
    except OSError as error:
        return None, str(error)
    try:
        return worker, worker.ask("start")["versions"]
    except RuntimeError as error:
        worker.close()
        print(f"the peer cannot be measured: {error}", file=sys.stderr)
        return None, str(error).strip().splitlines()[-1]


def measure(workers: dict[str, Worker], case: str, size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Check that the sides agree, then let them take turns."""
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "weights.npz") if "peer" in workers else ""
        # The peer comes first: it writes the weights that qallegro reads.
        request = {"case": case, "size": size, "dtype": arguments.dtype, "weights": weights}
        modes = {name: arguments.peer_mode if name == "peer" else name for name in workers}
        built = {name: workers[name].ask("build", **request, mode=modes[name]) for name in order(workers)}
    first = built[arguments.engines[0]]
    result: dict[str, Any] = {"built": first}
    if any(other != first for other in built.values()):
        raise SystemExit(f"all sides must have the same weights, edges and atoms, got {built}")
    if "peer" in workers:
        result["deviation"] = {engine: deviation(workers, engine, arguments.dtype) for engine in arguments.engines}
    for worker in workers.values():
        worker.ask("steps", count=arguments.warmup)
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    memory: dict[str, int] = {}
    for turn in range(arguments.turns):
        names = order(workers)
        for name in names if turn % 2 else reversed(names):
            answer = workers[name].ask("steps", count=arguments.steps)
            seconds[name].append(min(answer["seconds"]))
            memory[name] = answer["peak_memory_bytes"]
    return result | {"peak_memory_bytes": memory} | summarise(seconds, first["edges"])


def order(workers: dict[str, Worker]) -> list[str]:
    return [name for name in ("peer", "native", "torch") if name in workers]


def deviation(workers: dict[str, Worker], engine: str, dtype: str) -> dict[str, float]:
    """Largest difference from the peer on the batch, before any step. Stops the run if they do not compute the same function."""
    answers = {name: workers[name].ask("predict") for name in ("peer", engine)}
    found = {
        what: float(np.abs(np.array(answers["peer"][what]) - np.array(answers[engine][what])).max()) for what in ("energies", "forces")
    }
    if not found["forces"] < FORCE_TOLERANCE[dtype]:
        raise SystemExit(f"forces of both sides must agree within {FORCE_TOLERANCE[dtype]} eV/Å with copied weights, got {found['forces']}")
    return found


if __name__ == "__main__":
    main()
