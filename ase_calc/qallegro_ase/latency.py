"""Where the time of every evaluation goes: `calc.latency`, the same phases and statistics as in LAMMPS."""

import json
import os
import sys
import time
import warnings
from typing import Any, TextIO

import ase
from ase import units

from qallegro_ase.engines import runtime_module
from qallegro_ase.errors import SetupError

#: One in so many groups of centers is measured stage by stage: the clock then costs a part in a thousand.
STAGE_SAMPLING = 16

LEVELS = ("off", "summary")

#: Words for tables, by phase.
LABELS = {
    "neighbor_list": "neighbor list",
    "pack": "packing of edges",
    "copy_in": "copy to the device",
    "radial_angular": "radial and angular functions",
    "tensor_product": "tensor products",
    "mlp": "MLPs",
    "surrogate": "quantum surrogate",
    "backward": "backward",
    "network": "network, forward and backward",
    "copy_out": "copy from the device",
    "scatter": "scatter of forces",
    "communication": "communication",
    "other": "everything else",
}


class LatencyWarning(UserWarning):
    """A step took much longer than the others."""


class CalculatorLatency:
    """Statistics over the evaluations of a calculator, in memory that does not grow.

    A step is one evaluation, from the call of the calculator to its return; once `attach` has been called it is a whole step of the
    dynamics, from the end of one evaluation to the end of the next. The first three are kept apart as a warmup.

    Args:
        level: "summary", or "off" to measure nothing.
        model: path of the model file.
        potential: what evaluates, for its description.
    """

    def __init__(self, level: str, model: str, potential: Any) -> None:
        self.level = level
        #: A step that takes so many times the median raises a LatencyWarning that names the phase that grew; 0: none does.
        self.warn = 0.0
        self._model, self._potential = model, potential
        self._statistics = runtime_module().Latency()
        self._trace = self._dynamics = self._skin = None
        self._list_seconds, self._builds, self._evaluations, self._atoms, self._last_end = 0.0, 0, 0, 0, None
        self._trace_start = 0.0

    def reset(self) -> None:
        """Forget all steps; no warmup follows, since everything is warm."""
        self._statistics.reset(True)

    @property
    def steps(self) -> int:
        """Steps after the warmup."""
        return self._statistics.steps

    def summary(self) -> dict[str, Any]:
        """The report, in the format that `qallegro latency report` reads (docs/latency.md). Seconds, bytes."""
        return json.loads(self._report())

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """The report as text; with a path it is written there too, whole or not at all.

        Raises:
            SetupError: the file cannot be written.
        """
        text = self._report()
        if path is not None:
            runtime = runtime_module()
            try:
                runtime.write_report(os.fspath(path), text)
            except runtime.Error as error:
                raise SetupError(str(error)) from error
        return text

    def table(self) -> str:
        """Phases that took time, with their mean, median and 99th percentile in ms and their share."""
        report = self.summary()
        lines = [f"{'phase':30}{'mean':>10}{'median':>10}{'p99':>10}  ms{'share':>9}"]
        wall = report["wall_seconds"]
        rows = [(LABELS[name], values) for name, values in report["phases"].items() if values["total"] > 0.0]
        for label, values in [*rows, ("step", report["step"])]:
            times = "".join(f"{1e3 * values[key]:10.3f}" for key in ("mean", "median", "p99"))
            lines.append(f"{label:30}{times}    {100.0 * values['total'] / wall if wall else 0.0:7.1f} %")
        rate = f"{report['atom_steps_per_second']:.4g} atom-steps/s, {report['edges_per_second']:.4g} edges/s"
        if report["ns_per_day"] is not None:
            rate += f", {report['ns_per_day']:.4g} ns/day"
        lines.append(f"{report['steps']} steps after {report['warmup']['steps']} of warmup, {report['atoms']} atoms, {rate}")
        lines.append(report["description"])
        return "\n".join(lines)

    __str__ = table

    def attach(self, dynamics: Any, interval: int = 100, file: TextIO | None = None) -> None:
        """Print a line every `interval` steps of `dynamics`, and count whole steps from now on, with what the dynamics itself takes.

        Args:
            dynamics: of ASE, anything with `attach`.
            interval: steps between lines.
            file: where to; None: the standard output.

        Raises:
            SetupError: the calculator was made with latency "off".
        """
        if self.level == "off":
            raise SetupError('`latency` must be "summary" to be watched, it is "off"; make the calculator with `latency="summary"`')
        self._dynamics = dynamics
        seen = {"steps": 0, "total": 0.0}

        def line() -> None:
            measured = self._statistics.summary()
            steps, total = measured["steps"], measured["step"]["total"]
            if steps < seen["steps"]:  # after a reset
                seen.update(steps=0, total=0.0)
            if steps > seen["steps"]:
                mean = (total - seen["total"]) / (steps - seen["steps"])
                largest = sorted(measured["phases"].items(), key=lambda item: -item[1]["total"])[:4]
                shares = ", ".join(f"{LABELS[name]} {100.0 * values['total'] / total:.0f} %" for name, values in largest)
                print(f"latency: {1e3 * mean:.3f} ms a step, {self._atoms / mean:.4g} atom-steps/s; {shares}", file=file or sys.stdout)
                seen.update(steps=steps, total=total)

        dynamics.attach(line, interval=interval)

    def trace(self, path: str | os.PathLike) -> None:
        """Write one JSON line for every step from now on, readable at any time; `qallegro latency trace` turns it into a picture.

        Raises:
            SetupError: the file cannot be written, or the calculator was made with latency "off".
        """
        if self.level == "off":
            raise SetupError('`latency` must be "summary" to be traced, it is "off"; make the calculator with `latency="summary"`')
        runtime = runtime_module()
        try:
            self._trace = runtime.TraceFile(os.fspath(path))
        except runtime.Error as error:
            raise SetupError(str(error)) from error
        self._trace_start = time.perf_counter()

    def take(self, verlet: Any, atoms: int, start: float) -> None:
        """Make a step of the evaluation that has just ended and began at `start`."""
        now = time.perf_counter()
        begin = start if self._dynamics is None or self._last_end is None else self._last_end
        self._evaluations, self._atoms, self._last_end = self._evaluations + 1, atoms, now
        self._skin = verlet.skin
        slow = self._potential.add_latency(
            self._statistics,
            self._evaluations,
            verlet.seconds - self._list_seconds,
            now - begin,
            atoms,
            verlet.builds > self._builds,
            self.warn,
        )
        self._list_seconds, self._builds = verlet.seconds, verlet.builds
        if slow is not None:
            warnings.warn(
                f"evaluation {self._evaluations} took {slow['ratio']:.1f} times the median; {LABELS[slow['phase']]} took "
                f"{1e3 * slow['excess']:.3g} ms more than usual",
                LatencyWarning,
                stacklevel=3,
            )
        if self._trace is not None and not self._trace.write(self._statistics, now - self._trace_start):
            warnings.warn(self._trace.problem, LatencyWarning, stacklevel=3)
            self._trace = None

    def new_list(self) -> None:
        """The calculator begins a neighbor list of its own anew, whose clock starts at zero."""
        self._list_seconds, self._builds = 0.0, 0

    def _report(self) -> str:
        record, description = self._potential.record, self._potential.description
        return self._statistics.report(
            source="ase",
            program_version=ase.__version__,
            description=description,
            threads=_threads(description),
            model=self._model,
            dtype=record["dtype"],
            r_max=record["r_max"],
            record=json.dumps({"surrogate": record.get("surrogate")}),
            skin=self._skin,
            timestep_fs=self._timestep(),
            atoms=self._atoms,
            last_step=self._evaluations,
        )

    def _timestep(self) -> float | None:
        dt = getattr(self._dynamics, "dt", None)
        return float(dt / units.fs) if dt else None


def _threads(description: str) -> int:
    words = description.replace(",", "").split()
    for number, word in zip(words, words[1:], strict=False):
        if word in ("thread", "threads"):
            return int(number)
    return 1
