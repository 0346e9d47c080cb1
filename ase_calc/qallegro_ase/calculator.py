"""The ASE calculator: data, units and errors of ASE on one side, pairs and results of a potential on the other."""

import copy
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from qallegro_ase.committee import CommitteePotential
from qallegro_ase.engines import open_potential
from qallegro_ase.errors import EvaluationError, NoStressError, SetupError
from qallegro_ase.guard import GUARD_LEVELS, Guard
from qallegro_ase.latency import LEVELS, STAGE_SAMPLING, CalculatorLatency
from qallegro_ase.species import SpeciesTable
from qallegro_ase.structure import check_cell, check_distances, check_positions
from qallegro_ase.verlet import PairList, VerletList

#: The parts of a structure that the energy depends on, by their names in `all_changes` and in `ase.Atoms`.
_COMPARED = ("positions", "numbers", "cell", "pbc")


class QAllegroCalculator(Calculator):
    """Energies in eV, forces in eV/Å, stresses in eV/Å^3 (ASE's sign and Voigt order) from an Allegro model.

    `energies` sum to `energy` (`free_energy` is the same number), `stresses` to `stress`. A stress per atom takes half of the virial
    of each edge at either end, over the volume of the cell; as for every many-body potential, that is one choice among several.

    Args:
        model: an exported file, or a checkpoint `model.pth`, which needs the package qallegro. Several are a committee: results are means,
            and `results` has `forces_committee_deviation` (n_atoms,), sqrt(mean over members of |F - <F>|^2) in eV/Å, the largest of
            these, `max_forces_committee_deviation`, and `energy_committee_deviation`, the standard deviation of the energies in eV.
        engine: None for the fastest that runs the file; "torchscript" or "aoti" for exported files, "eager" for a checkpoint.
        device: None for CUDA where there is one, else the CPU; "cpu", "cuda", "cuda:N".
        skin: Å that the neighbor list reaches beyond the cutoff, so that it lasts until an atom has moved half of it; 0 for no reuse.
        species: symbol in the structure -> species of the model, where the two are not called the same.
        threads: CPU threads of this calculator; None for OMP_NUM_THREADS, else 1. torch's own settings are not touched.
        latency: "summary" measures where the time of every evaluation goes, see `latency`; "off" does not.
        guard: "warn" or "error" compares distances and numbers of neighbors with those of the training set, tells of what it has not seen,
            and adds `distance_below_training` (n_atoms,), Å, and `neighbors_outside_training` (n_atoms,) to `results`. One exported file
            that engine "native" runs also gives `novelty` (n_atoms,), how far the latent features of an atom lie from those of the
            training set, in units of its farthest atom.
        max_novelty: novelty above which the guard speaks.

    Raises:
        SetupError: a wrong file or option.
        StructureError: on evaluation, for unknown species, a geometry that is not finite, atoms on top of one another, a missing cell.
        ExtrapolationError: on evaluation, for what the training set has not seen, with `guard="error"`.
        EvaluationError: on evaluation, if the engine fails or the model returns no finite number.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "stresses"]
    ignored_changes = {"initial_charges", "initial_magmoms"}

    def __init__(
        self,
        model: str | os.PathLike | Sequence[str | os.PathLike],
        engine: str | None = None,
        device: str | None = None,
        skin: float = 1.0,
        species: Mapping[str, str] | None = None,
        threads: int | None = None,
        latency: str = "summary",
        guard: str = "off",
        max_novelty: float = 1.5,
    ) -> None:
        self._potential = self._species = self._verlet = self._cell = self._latency = self._guard = None
        self._volume = 0.0
        super().__init__(
            model=model,
            engine=engine,
            device=device,
            skin=skin,
            species=species,
            threads=threads,
            latency=latency,
            guard=guard,
            max_novelty=max_novelty,
        )
        self._open()

    def set(self, **changes: Any) -> dict[str, Any]:
        """Change arguments of the constructor; the next evaluation uses them.

        Raises:
            SetupError: an unknown name or a wrong value.
        """
        changed = super().set(**_checked(changes))
        if changed:
            self.reset()
            self._verlet = self._species = self._guard = None
            if changed.keys() - {"skin", "species", "guard", "max_novelty"}:
                self._potential = self._latency = None
        return changed

    @property
    def record(self) -> dict[str, Any]:
        """What the model file says of itself: species, cutoffs, hyperparameters, provenance."""
        return copy.deepcopy(self._open().record)

    @property
    def r_max(self) -> float:
        """The largest cutoff in Å."""
        return float(self._open().record["r_max"])

    @property
    def description(self) -> str:
        """Engine, device, precision and threads in one line."""
        return self._open().description

    @property
    def timings(self) -> dict[str, float]:
        """Seconds and counts since the file was opened or options changed: neighbor list, packing, engine, scattering."""
        engine = {name: value for name, value in self._open().timings.items() if name != "phases"}  # `latency` has these
        return {"neighbor_list": self._verlet.seconds, "neighbor_list_builds": self._verlet.builds, **engine}

    @property
    def latency(self) -> CalculatorLatency:
        """Where the time of the evaluations goes, since the file was opened or options changed."""
        self._open()
        return self._latency

    def calculate(self, atoms: ase.Atoms | None = None, properties=("energy",), system_changes=tuple(all_changes)) -> None:
        """See `ase.calculators.calculator.Calculator.calculate`."""
        start = time.perf_counter()
        if system_changes:
            self.results = {}
        if atoms is not None:
            self.atoms = atoms.copy()
        atoms = self.atoms
        potential = self._open()
        check_positions(atoms)
        volume = self._checked_volume(atoms)
        if volume == 0.0 and not {"stress", "stresses"}.isdisjoint(properties):
            raise NoStressError(f"a stress needs a volume, the cell is {atoms.cell.array.tolist()}; set three cell vectors with `set_cell`")
        types = self._species.types(atoms.numbers)
        pair_list = self._verlet.update(atoms)
        per_atom = "stresses" in properties and volume > 0.0
        told = self._guard.check(atoms.positions, atoms.cell.array, types, pair_list) if self._guard is not None else {}
        try:
            output = potential.evaluate_pairs(
                np.ascontiguousarray(atoms.positions),
                np.ascontiguousarray(atoms.cell.array),
                pair_list.pairs,
                pair_list.shifts,
                types,
                pair_list.first_edge,
                want_per_atom_virial=per_atom,
                **({"want_novelty": True} if self._wants_novelty() else {}),
            )
        except RuntimeError as error:  # of the runtime, and of the eager model
            _refuse_coincident(atoms, pair_list)
            raise EvaluationError(str(error)) from error
        self.results.update(told)
        if "novelty" in output:
            self.results.update(self._guard.check_novelty(output["novelty"], types))
        energy, energies, forces = output["energy"], output["per_atom_energy"], output["forces"]
        self.results.update(energy=energy, free_energy=energy, energies=energies, forces=forces)
        if volume > 0.0:
            self.results["stress"] = full_3x3_to_voigt_6_stress(-output["virial"] / volume)
        if per_atom:
            self.results["stresses"] = full_3x3_to_voigt_6_stress(-output["per_atom_virial"] / volume)
        if "force_deviations" in output:
            deviations = output["force_deviations"]
            self.results["forces_committee_deviation"] = deviations
            self.results["max_forces_committee_deviation"] = float(deviations.max(initial=0.0))
            self.results["energy_committee_deviation"] = output["energy_deviation"]
        if self._latency.level != "off":
            self._latency.take(self._verlet, len(atoms), start)

    def check_state(self, atoms: ase.Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last evaluation: names of `all_changes`. Every change counts, however small; `tol` is not used."""
        # ASE asks several times a step; its own comparison takes longer than the model does for a hundred atoms.
        if self.atoms is None:
            return [name for name in all_changes if name not in self.ignored_changes]
        return [name for name in _COMPARED if not np.array_equal(getattr(self.atoms, name), getattr(atoms, name))]

    def __getstate__(self) -> dict[str, Any]:
        # The engine and the library of the neighbor list live outside of Python: a copy opens its own at its first use.
        return self.__dict__ | {"_potential": None, "_species": None, "_verlet": None, "_latency": None, "_guard": None}

    def _checked_volume(self, atoms: ase.Atoms) -> float:
        """Å^3, 0 where the cell spans none. The checks of a cell are made once for each."""
        cell = (atoms.cell.array.tobytes(), atoms.pbc.tobytes())
        if cell != self._cell:
            check_cell(atoms)
            self._cell, self._volume = cell, abs(float(np.linalg.det(atoms.cell.array)))
        return self._volume

    def _wants_novelty(self) -> bool:
        return self._guard is not None and getattr(self._potential, "knows_novelty", False)

    def _open(self) -> Any:
        p = self.parameters
        if self._potential is None:
            sampling = 0 if p.latency == "off" else STAGE_SAMPLING
            models = [p.model] if isinstance(p.model, str) else p.model
            options = (p.engine, p.device, p.threads, sampling)
            self._potential = open_potential(models[0], *options) if len(models) == 1 else CommitteePotential(models, *options)
            self._latency = CalculatorLatency(p.latency, " ".join(models), self._potential)
        if self._verlet is None:
            record = self._potential.record
            self._species = SpeciesTable(record["atom_types"], p.species)
            self._verlet = VerletList(float(record["r_max"]), float(p.skin), p.threads)
            self._latency.new_list()
            self._guard = None if p.guard == "off" else Guard(record, p.guard, float(p.max_novelty))
        return self._potential


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options with an absolute path, so that a calculator works after a change of folder and in another process."""
    known = ("model", "engine", "device", "skin", "species", "threads", "latency", "guard", "max_novelty")
    for name in options:
        if name not in known:
            raise SetupError(f"options of QAllegroCalculator are {', '.join(known)}, got {name!r}")
    checked = dict(options)
    if "model" in options:
        checked["model"] = _checked_model(options["model"])
    for name in ("engine", "device"):
        if not isinstance(options.get(name), str | None):
            raise SetupError(f"`{name}` must be a name or None, it is {options[name]!r}")
    skin = options.get("skin", 0.0)
    if isinstance(skin, bool) or not isinstance(skin, int | float | np.number) or not 0.0 <= skin < np.inf:
        raise SetupError(f"`skin` must be a length in Å, 0 or more, it is {skin!r}; 0.5 to 1 suits molecular dynamics")
    threads = options.get("threads")
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1):
        raise SetupError(f"`threads` must be a whole number of 1 or more, or None for OMP_NUM_THREADS, it is {threads!r}")
    if options.get("latency", "off") not in LEVELS:
        raise SetupError(f"`latency` must be one of {', '.join(LEVELS)}, it is {options['latency']!r}")
    if options.get("guard", "off") not in GUARD_LEVELS:
        raise SetupError(f"`guard` must be one of {', '.join(GUARD_LEVELS)}, it is {options['guard']!r}")
    novelty = options.get("max_novelty", 1.0)
    if isinstance(novelty, bool) or not isinstance(novelty, int | float | np.number) or not novelty > 0.0:
        raise SetupError(f"`max_novelty` must be larger than 0, it is {novelty!r}; 1 is the farthest atom of the training set")
    return checked


def _checked_model(model: Any) -> str | tuple[str, ...]:
    several = isinstance(model, Sequence) and not isinstance(model, str | bytes)
    try:
        paths = tuple(os.path.abspath(os.path.expanduser(os.fspath(one))) for one in (model if several else [model]))
    except TypeError:
        paths = ()
    if not paths:
        raise SetupError(f"`model` must be the path of a file, it is {model!r}; a committee takes a list of paths")
    return paths if several and len(paths) > 1 else paths[0]


def _refuse_coincident(atoms: ase.Atoms, pair_list: PairList) -> None:
    """Raise the error that names the two atoms, if an evaluation failed because of atoms on top of one another."""
    first, second = pair_list.pairs.T
    vectors = atoms.positions[second] - atoms.positions[first] + pair_list.shifts @ atoms.cell.array
    check_distances(atoms, pair_list.pairs, pair_list.shifts, np.linalg.norm(vectors, axis=1))
