"""Run a benchmark: candidates take turns, each turn real dynamics in a process of its own; medians, spread, and accuracy beside them."""

import re
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import ase
import ase.io
import numpy as np

from qallegro.errors import ConfigError, QAllegroError
from qallegro.latency.bench_accuracy import compare_forces
from qallegro.latency.bench_lammps import programs, run_lammps
from qallegro.latency.bench_systems import System, base_structure, repeated, repeats_for
from qallegro.latency.bench_worker import ask
from qallegro.latency.machine import describe_machine
from qallegro.latency.reports import check_report

FORMAT, VERSION = "qallegro-bench", 1
ENGINES = ("native", "torchscript", "aoti")
PROGRAMS = ("lammps", "ase", "raw")
#: Steps before those that count: engines over libtorch specialize themselves in the first few
WARMUP = 5
#: Seed of the order in which candidates take their turns
_SEED = 4711


class Settings(NamedTuple):
    """What to run; every combination is a candidate, several ranks in LAMMPS alone."""

    files: list[Path]
    engines: list[str]  #: of ENGINES, or "all"
    programs: list[str]  #: of PROGRAMS
    sizes: list[int] | None  #: approximate numbers of atoms
    repeat: int | None  #: cells along each direction, in place of sizes
    structure: Path | None
    ranks: list[int]
    threads: list[int]
    steps: int
    turns: int
    device: str = "cpu"  #: or "cuda", "cuda:N"


class Candidate(NamedTuple):
    """One way to run one file on one structure."""

    file: Path
    engine: str
    program: str
    ranks: int
    threads: int
    sites: Path
    atoms: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file.name}, {self.engine} in {self.program}, {self.ranks} x {self.threads}, {self.atoms} atoms"


def check(settings: Settings) -> None:
    """Refuse what cannot run.

    Raises:
        ConfigError: naming option, rule, value.
    """
    names = (("--engine", settings.engines, (*ENGINES, "all")), ("--in", settings.programs, PROGRAMS))
    for option, values, known in names:
        foreign = [value for value in values if value not in known]
        if foreign or not values:
            raise ConfigError(f"`{option}` must be some of {', '.join(known)}, got {', '.join(map(repr, foreign)) or 'none'}")
    numbers = (("--sizes", settings.sizes), ("--ranks", settings.ranks), ("--threads", settings.threads), ("--repeat", settings.repeat))
    for option, values in (*numbers, ("--steps", settings.steps), ("--turns", settings.turns)):
        for value in values if isinstance(values, list) else [values]:
            if value is not None and value < 1:
                raise ConfigError(f"`{option}` must be at least 1, got {value}")
    if settings.sizes and settings.repeat:
        raise ConfigError(
            f"`--sizes` and `--repeat` both say how large the system is, got {settings.sizes} and {settings.repeat}; give one"
        )
    if not re.fullmatch(r"cpu|cuda(:\d+)?", settings.device):
        raise ConfigError(f"`--device` must be cpu, cuda or cuda:N, got {settings.device!r}")
    if max(settings.ranks) > 1 and "lammps" not in settings.programs:
        raise ConfigError(f"`--ranks` above 1 needs `lammps` in `--in`, got {', '.join(settings.programs)}; MPI is LAMMPS's")
    if "lammps" in settings.programs:
        programs(max(settings.ranks))
    twice = sorted({file.name for file in settings.files if [other.name for other in settings.files].count(file.name) > 1})
    if twice:
        raise ConfigError(f"files must have names of their own to be told apart, got {twice[0]!r} more than once; rename one")


def run(settings: Settings, advance: Callable[[str, int, int], None]) -> dict[str, Any]:
    """The whole benchmark.

    Args:
        settings: what to run.
        advance: called with what begins, its number and how many there are.

    Returns:
        the content of `bench.json`.

    Raises:
        ConfigError: settings that do not fit the files.
        QAllegroError: a candidate failed.
    """
    check(settings)
    with tempfile.TemporaryDirectory(prefix="qallegro-bench-") as scratch:
        folder = Path(scratch)
        systems = list(_systems(settings, folder))
        accuracy, engines, left_out = compare_forces(systems, settings.engines, settings.device, folder, advance)
        candidates = [c for system in systems for c in _candidates(settings, system, engines[system.file])]
        turns: dict[Candidate, list[dict[str, Any]]] = {candidate: [] for candidate in candidates}
        order, rng, done = list(turns), np.random.default_rng(_SEED), 0
        for turn in range(settings.turns):
            for k in rng.permutation(len(order)):
                candidate = order[k]
                advance(f"turn {turn + 1}: {candidate}", done, settings.turns * len(order))
                turns[candidate].append(_turn(candidate, settings, folder / f"turn{turn}-{k}"))
                done += 1
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "versions": _versions(),
        "machine": describe_machine(),
        "settings": {
            "steps": settings.steps,
            "warmup": WARMUP,
            "turns": settings.turns,
            "structure": _text(settings.structure),
            "device": settings.device,
        },
        "accuracy": accuracy,
        "left_out": left_out,
        "candidates": [_result(candidate, measured) for candidate, measured in turns.items()],
    }


def _systems(settings: Settings, folder: Path) -> Iterator[System]:
    for number, file in enumerate(settings.files):
        record = _record(file)
        base = base_structure(record, settings.structure, file)
        if settings.repeat:
            repeats = [(settings.repeat,) * 3]
        else:
            repeats = [repeats_for(base, size) for size in settings.sizes or [len(base) if settings.structure else 500]]
        for index, factors in enumerate(sorted(set(repeats), key=np.prod)):
            atoms = repeated(base, factors, record["atom_types"], mix=settings.structure is None)
            path = folder / f"sites{number}-{index}.traj"
            ase.io.write(path, atoms)
            yield System(file, record, path, len(atoms))


def _record(file: Path) -> dict[str, Any]:
    from qallegro_ase.engines import runtime_module

    runtime = runtime_module()
    try:
        return runtime.read_record(str(file))
    except runtime.Error as error:
        raise ConfigError(str(error)) from error


def _candidates(settings: Settings, system: System, engines: list[str]) -> Iterator[Candidate]:
    names = tuple(system.record["atom_types"])
    for engine in engines:
        for program in settings.programs:
            for ranks in settings.ranks if program == "lammps" else [1]:
                for threads in settings.threads:
                    yield Candidate(system.file, engine, program, ranks, threads, system.sites, system.atoms, names)


def _turn(candidate: Candidate, settings: Settings, folder: Path) -> dict[str, Any]:
    """A latency report, checked."""
    c = candidate
    if c.program == "lammps":
        folder.mkdir()
        sites = ase.io.read(c.sites)
        engine = (c.engine, settings.device, c.ranks, c.threads)
        return run_lammps(folder, c.file, *engine, sites, list(c.names), settings.steps, WARMUP)
    request = {"do": c.program, "model": str(c.file), "engine": c.engine, "device": settings.device, "threads": c.threads}
    answer = ask(request | {"steps": settings.steps, "warmup": WARMUP}, c.sites, c.threads)
    if "error" in answer:
        raise QAllegroError(f"{candidate} failed: {answer['error']}")
    check_report(answer["report"], f"{candidate}")
    return answer["report"] | {"model": str(c.file)}


def _result(candidate: Candidate, reports: list[dict[str, Any]]) -> dict[str, Any]:
    micros = [1e6 * r["wall_seconds"] / (max(r["steps"], 1) * candidate.atoms) for r in reports]
    return {
        "file": candidate.file.name,
        "engine": candidate.engine,
        "in": candidate.program,
        "ranks": candidate.ranks,
        "threads": candidate.threads,
        "atoms": candidate.atoms,
        "median": float(np.median(micros)),
        "min": min(micros),
        "max": max(micros),
        "peak_memory_bytes": max(r["peak_memory_bytes"] for r in reports),
        "turns": [{"us_per_atom_step": value, "report": report} for value, report in zip(micros, reports, strict=True)],
    }


def _versions() -> dict[str, str]:
    import platform

    return {"python": platform.python_version(), **{name: version(name) for name in ("qallegro", "torch", "ase", "numpy")}}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
