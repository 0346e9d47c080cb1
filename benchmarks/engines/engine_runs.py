"""One measurement or evaluation of any candidate, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import lammps_timing
from copper_crystal import displaced
from engine_candidates import ONE, Candidate
from engine_models import FOLDER, ModelFiles, UnavailableError
from lammps_session import LammpsError
from lammps_timing import Layout, Potential


class Runner:
    """Starts the processes.

    Args:
        lmp: the program.
        files: the models.
        folder: for the files of SNAP.
        rebuild_every: steps between new neighbor lists, in LAMMPS and ASE.
        warmup: steps before the clock starts.
    """

    def __init__(self, lmp: Path, files: ModelFiles, folder: Path, rebuild_every: int, warmup: int) -> None:
        self.lmp, self.files, self.folder, self.rebuild_every, self.warmup = lmp, files, folder, rebuild_every, warmup

    def prepare(self, candidate: Candidate, size: str, dtype: str) -> "Prepared":
        """Make the candidate's files.

        Raises:
            UnavailableError: it has none.
        """
        if candidate.runs_in == "snap":
            return Prepared(self, candidate, None)
        if candidate.runs_in != "peer":
            return Prepared(self, candidate, self.files.exported(size, dtype, candidate.head))
        if self.files.peer is None:
            raise UnavailableError("no --peer-python given")
        return Prepared(self, candidate, self.files.peer.file(candidate.engine, size, dtype))


class Prepared(NamedTuple):
    """A candidate with its file."""

    runner: Runner
    candidate: Candidate
    file: Path | None

    def measure(self, layout: Layout, n_atoms: int, steps: int, warmup: int | None = None, segments: int = 1) -> dict[str, Any]:
        """As `lammps_timing.measure`. Args: warmup: steps before the clock starts, if not the usual number.

        Raises:
            UnavailableError: the candidate refused or failed.
        """
        runner, wait = self.runner, self.runner.warmup if warmup is None else warmup
        request = {"n_atoms": n_atoms, "steps": steps, "warmup": wait, "segments": segments}
        if self.candidate.runs_in in ("lammps", "snap"):
            try:
                found = lammps_timing.measure(runner.lmp, self._potential(layout), layout, rebuild_every=runner.rebuild_every, **request)
            except LammpsError as error:
                raise UnavailableError(str(error)) from error
        else:
            if self.candidate.runs_in == "ase":
                request["rebuild_every"] = runner.rebuild_every
            found = self._ask(layout, {"do": "measure", **request})
        isa = self.candidate.isa
        if isa and isa not in found["description"].lower().replace("-", "").replace("_", ""):
            raise UnavailableError(f"the engine does not say that it runs {isa}, but `{found['description']}`")
        return found

    def forces(self, n_atoms: int) -> tuple[float, np.ndarray]:
        """Energy in eV and forces (N, 3) in eV/Å of the displaced crystal.

        Raises:
            UnavailableError: the candidate refused or failed.
        """
        if self.candidate.runs_in in ("lammps", "snap"):
            try:
                return lammps_timing.evaluate(self.runner.lmp, self._potential(ONE), ONE, displaced(n_atoms))
            except LammpsError as error:
                raise UnavailableError(str(error)) from error
        answer = self._ask(ONE, {"do": "evaluate", "n_atoms": n_atoms})
        return answer["energy"], np.array(answer["forces"])

    def _potential(self, layout: Layout) -> Potential:
        if self.candidate.runs_in == "snap":
            return lammps_timing.snap(self.runner.folder)
        return lammps_timing.qallegro(self.file, self.candidate.engine, layout.threads, self.candidate.isa or None)

    def _ask(self, layout: Layout, request: dict[str, Any]) -> dict[str, Any]:
        python, script = sys.executable, "ase_timing.py"
        request |= {"model": str(self.file), "threads": layout.threads}
        if self.candidate.runs_in == "peer":
            python, script = self.runner.files.peer.python, "peer_timing.py"
        else:
            request["engine"] = self.candidate.engine
        done = subprocess.run(
            [python, str(FOLDER / script), json.dumps(request)],
            env=os.environ | {name: str(layout.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UnavailableError((done.stderr.strip().splitlines() or [f"{script} ended with code {done.returncode}"])[-1])
        return json.loads(done.stdout)
