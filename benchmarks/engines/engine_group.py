"""All candidates on one system with one size of model: who can run it, do they agree, then turns."""

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine_candidates import CANDIDATES, ONE
from engine_models import UnavailableError
from engine_runs import Prepared, Runner
from lammps_timing import Layout
from quantum_layer_benchmark import summary

#: eV/Å, largest deviation of forces between candidates of one model: rounding of float32; in float64 the tables of a fast engine
FORCE_TOLERANCE = {"float32": 5e-5, "float64": 1e-7}
#: turns that a candidate has whatever they take, so that there are quartiles
LEAST_TURNS = 3
#: share of the free memory that a candidate may be expected to take
MEMORY_SHARE = 0.8


class Settings(NamedTuple):
    """How long to measure.

    Args:
        turns: how often the candidates take turns.
        seconds: that one measurement aims at.
        time_limit: s of one candidate in one group, after which it leaves; what needs more for `LEAST_TURNS` does not start.
        rebuild_every: steps between new neighbor lists.
        growth_steps: of the run that watches memory; 0 for none.
    """

    turns: int
    seconds: float
    time_limit: float
    rebuild_every: int
    growth_steps: int


class Arm(NamedTuple):
    """A candidate in a layout, ready."""

    name: str
    layout: Layout
    prepared: Prepared
    steps: int
    per_step: float  #: s, of the trial
    trial: dict[str, Any]


class Group:
    """One size, precision and number of atoms.

    Args:
        costs: (candidate, layout, size, dtype) -> (atoms, seconds a step, peak memory) of smaller groups, which this one adds to.
        say: told what is going on.
    """

    def __init__(self, runner: Runner, settings: Settings, size: str, dtype: str, n_atoms: int, costs: dict, say: Callable[[str], None]):
        self._runner, self._settings, self._costs, self._say = runner, settings, costs, say
        self.size, self.dtype, self.n_atoms = size, dtype, n_atoms
        self.skipped: list[dict[str, str]] = []
        self.agreement: dict[str, dict[str, Any]] = {}
        self.arms: list[Arm] = []

    def start(self, names: list[str], layouts: list[Layout], compare_forces: bool) -> None:
        """Find out who can run, compare forces, and choose steps.

        Raises:
            SystemExit: candidates compute different forces from the same model.
        """
        references: dict[str, tuple[str, np.ndarray]] = {}
        for name in names:
            candidate = CANDIDATES[name]
            try:
                self._say(f"{self}: {candidate.title}, making its file")
                prepared = self._runner.prepare(candidate, self.size, self.dtype)
                if compare_forces and candidate.runs_in != "snap":
                    self._say(f"{self}: {candidate.title}, comparing forces")
                    self._compare(name, prepared, references)
            except UnavailableError as error:
                self._skip(name, None, str(error))
                continue
            for layout in [chosen for chosen in candidate.layouts if chosen in layouts]:
                try:
                    self._say(f"{self}: {candidate.title} {layout}, trial")
                    self.arms.append(self._try(name, layout, prepared))
                except UnavailableError as error:
                    self._skip(name, layout, str(error))

    def take_turns(self, after_each: Callable[[], None]) -> list[dict[str, Any]]:
        """Measure every arm in every turn. Raises UnavailableError if one fails that could run before."""
        found: list[list[dict[str, Any]]] = [[] for _ in self.arms]
        spent = [0.0] * len(self.arms)
        for turn in range(self._settings.turns):
            first = turn % max(len(self.arms), 1)
            for k in itertools.chain(range(first, len(self.arms)), range(first)):
                arm = self.arms[k]
                if turn < LEAST_TURNS or spent[k] < self._settings.time_limit:
                    self._say(f"{self}: {CANDIDATES[arm.name].title} {arm.layout}")
                    found[k].append(arm.prepared.measure(arm.layout, self.n_atoms, arm.steps))
                    spent[k] += found[k][-1]["loop"]
                after_each()
        return [self._outcome(arm, measured) for arm, measured in zip(self.arms, found, strict=True)]

    def watch_memory(self) -> list[dict[str, Any]]:
        """Resident memory over many steps, of the engines of qallegro on one rank with one thread."""
        watched = []
        for arm in self.arms:
            if self._settings.growth_steps == 0 or arm.layout != ONE or CANDIDATES[arm.name].runs_in != "lammps":
                continue
            steps = min(self._settings.growth_steps, int(self._settings.time_limit / arm.per_step))
            steps = max(10, steps // 10 * 10)
            self._say(f"{self}: {CANDIDATES[arm.name].title}, memory over {steps} steps")
            resident = arm.prepared.measure(arm.layout, self.n_atoms, steps, segments=10)["resident"]
            watched.append({"candidate": arm.name, "steps": steps, "resident": resident})
        return watched

    def record(self, arms: list[dict[str, Any]], growth: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "size": self.size,
            "dtype": self.dtype,
            "atoms": self.n_atoms,
            "arms": arms,
            "growth": growth,
            "agreement": self.agreement,
            "skipped": self.skipped,
        }

    def __str__(self) -> str:
        return f"{self.size}, {self.dtype}, {self.n_atoms} atoms"

    def _skip(self, name: str, layout: Layout | None, why: str) -> None:
        self.skipped.append({"candidate": name, "layout": "" if layout is None else str(layout), "why": why})

    def _compare(self, name: str, prepared: Prepared, references: dict[str, tuple[str, np.ndarray]]) -> None:
        """With the first that runs the same model, on the displaced crystal."""
        _, forces = prepared.forces(self.n_atoms)
        head = CANDIDATES[name].head
        if head not in references:
            references[head] = (name, forces)
            return
        other, expected = references[head]
        deviation = float(np.abs(forces - expected).max())
        self.agreement[name] = {"with": other, "forces": deviation}
        if not deviation <= FORCE_TOLERANCE[self.dtype]:
            raise SystemExit(
                f"error: forces of {name} and {other} must agree within {FORCE_TOLERANCE[self.dtype]} eV/Å for {self}, they differ by "
                f"{deviation:.2e}"
            )

    def _try(self, name: str, layout: Layout, prepared: Prepared) -> Arm:
        """One short run, if a smaller system does not tell that it would be too much; from it the number of steps."""
        key = (name, layout, self.size, self.dtype)
        # The peer's neighbor list stands, so that any number of steps is fair.
        least = 3 if prepared.candidate.runs_in == "peer" else self._settings.rebuild_every
        if key in self._costs:
            atoms, per_step, peak = self._costs[key]
            self._refuse_slow(per_step * self.n_atoms / atoms, least)
            self._refuse_large(peak * self.n_atoms / atoms)
        trial = prepared.measure(layout, self.n_atoms, 2, warmup=1)
        per_step = trial["loop"] / 2
        self._costs[key] = (self.n_atoms, per_step, trial["peak_memory"] or 0)
        self._refuse_slow(per_step, least)
        steps = math.ceil(self._settings.seconds / per_step / least) * least
        return Arm(name, layout, prepared, steps, per_step, trial)

    def _refuse_slow(self, per_step: float, least: int) -> None:
        need = LEAST_TURNS * least * per_step
        if need > self._settings.time_limit:
            raise UnavailableError(
                f"{LEAST_TURNS} turns of {least} steps would take {need:.0f} s, more than the time limit of {self._settings.time_limit:g} s"
            )

    def _refuse_large(self, expected: float) -> None:
        free = free_memory()
        if free is not None and expected > MEMORY_SHARE * free:
            raise UnavailableError(f"it would need about {expected / 1e9:.0f} GB of memory, {free / 1e9:.0f} GB are free")

    def _outcome(self, arm: Arm, measured: list[dict[str, Any]]) -> dict[str, Any]:
        unit = arm.steps * self.n_atoms
        builds = sum(m["builds"] for m in measured)
        peaks = [m["peak_memory"] for m in measured if m["peak_memory"] is not None]
        return {
            "candidate": arm.name,
            "layout": str(arm.layout),
            "steps": arm.steps,
            "description": measured[0]["description"],
            # s an atom and step
            **{what: summary([m[what] / unit for m in measured]) for what in ("loop", "pair", "neighbor", "communication")},
            # s an atom and list
            "build": sum(m["neighbor"] for m in measured) / builds / self.n_atoms if builds else None,
            "cpu_use": float(np.median([m["cpu_use"] for m in measured])),
            "peak_memory": max(peaks) if peaks else None,
        }


def free_memory() -> int | None:
    """Bytes that programs can have; None where the system has no /proc."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return 1024 * int(fields["MemAvailable"].split()[0])


def load() -> float:
    """Average number of busy processes in the last minute."""
    return os.getloadavg()[0]
