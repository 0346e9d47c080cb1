"""The qallegro C++ runtime: read an exported file, evaluate edges. Units eV, Å, eV/Å."""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

class Error(RuntimeError):
    """Any failure of the runtime; the text names quantity, rule, value and remedy."""

class Results(TypedDict, total=False):
    """What an evaluation returns; the last four only where they were asked for."""

    energy: float  # eV
    per_atom_energy: NDArray[np.float64]  # (n_atoms,) eV
    forces: NDArray[np.float64]  # (n_atoms, 3) eV/Å
    virial: NDArray[np.float64]  # (3, 3) eV, -sum v (x) dE/dv; stress = -virial / volume
    per_atom_virial: NDArray[np.float64]  # (n_atoms, 3, 3) eV, half of an edge's virial to each of its atoms
    per_atom_virial_centroid: NDArray[np.float64]  # (n_atoms, 3, 3) eV, an edge's virial to its neighbor atom
    edge_gradients: NDArray[np.float64]  # (n_edges, 3) dE/dv, eV/Å, in the caller's order of edges
    novelty: NDArray[np.float64]  # (n_atoms,) distance of latent features from the training set, in units of its farthest atom

class Timings(TypedDict):
    """Seconds and counts since the last reset."""

    pack: float
    engine: float
    scatter: float
    evaluations: int
    edges: int
    slots: int
    growths: int  # evaluations that had to allocate memory
    phases: dict[str, float]  # `pack`, `scatter`, and `engine` split into phases

class Potential:
    """An exported file and the engine that runs it.

    `engine` is "auto", "native", "torchscript" or "aoti"; `device` "cpu", "cuda", "cuda:N" or "auto"; `threads` 0 means OMP_NUM_THREADS,
    else 1; "cuda" takes the device `local_rank` modulo their number; `stage_sampling` n measures the stages
    inside engine "native" for one in n groups of centers: 1 for all, at a few percent of time, 0 for none. Evaluations release the
    interpreter lock and follow one another.
    """

    def __init__(
        self, path: str, engine: str = "auto", device: str = "auto", threads: int = 0, local_rank: int = 0, stage_sampling: int = 0
    ) -> None: ...
    @property
    def record(self) -> dict[str, Any]: ...
    @property
    def description(self) -> str: ...
    @property
    def knows_novelty(self) -> bool: ...  # whether file and engine can tell it
    @property
    def timings(self) -> Timings: ...
    @property
    def stage_times(self) -> dict[str, float]: ...  # seconds since the last reset, in the samples of all threads
    def reset_timings(self) -> None: ...
    def add_latency(
        self, latency: Latency, step: int, neighbor_list: float, total: float, atoms: int, rebuilt: bool, warn: float = 0.0
    ) -> dict[str, Any] | None:
        """Make one step of what was evaluated since the last call, see `Latency.add`; s."""
    def evaluate(
        self,
        centers: NDArray[np.int32],  # (n_centers,)
        first_edge: NDArray[np.int64],  # (n_centers + 1,), edges of row c: first_edge[c] .. first_edge[c + 1]
        neighbors: NDArray[np.int32],  # (n_edges,)
        edge_vectors: NDArray[np.float64],  # (n_edges, 3) r_neighbor - r_center, Å
        atom_types: NDArray[np.int32],  # (n_atoms,) index into record["atom_types"]
        n_atoms: int,
        want_per_atom_virial: bool = False,
        want_per_atom_virial_centroid: bool = False,
        want_edge_gradients: bool = False,
        want_novelty: bool = False,
    ) -> Results:
        """Energies of the centers and forces on all atoms. Raises Error."""
    def evaluate_pairs(
        self,
        positions: NDArray[np.float64],  # (n_atoms, 3) Å
        cell: NDArray[np.float64],  # (3, 3) Å, rows are the lattice vectors
        pairs: NDArray[np.int32],  # (n_pairs, 2), every pair in both directions
        shifts: NDArray[np.int32],  # (n_pairs, 3), the vector of a pair is r_j - r_i + shift @ cell
        atom_types: NDArray[np.int32],  # (n_atoms,)
        first_edge: NDArray[np.int64] | None = None,  # (n_atoms + 1,) where the pairs are sorted by i: saves a sort
        want_per_atom_virial: bool = False,
        want_per_atom_virial_centroid: bool = False,
        want_edge_gradients: bool = False,
        want_novelty: bool = False,
    ) -> Results:
        """Energies and forces of a system whose every atom is a center; pairs beyond their cutoff are allowed. Raises Error."""

def read_record(path: str) -> dict[str, Any]:
    """The record of an exported file, without starting an engine. Raises Error."""

def sorted_pairs(
    pairs: NDArray[np.int32],  # (n_pairs, 2)
    shifts: NDArray[np.int32],  # (n_pairs, 3)
    n_atoms: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Pairs and shifts in the order (atom, neighbor, shift), and `first_edge` (n_atoms + 1,). Raises Error for an index out of range."""

phase_names: tuple[str, ...]  # where the time of a step goes, in the order of cpp/include/qallegro/phases.hpp

def processor() -> str:
    """What the machine calls its processor, or "unknown"."""

def write_report(path: str, text: str) -> None:
    """Write a file whole or not at all. Raises Error."""

class Latency:
    """Statistics over steps in memory that does not grow: count, mean, extremes and quantiles of every phase. Seconds."""

    def __init__(self, warmup_steps: int = 3) -> None: ...
    def add(
        self,
        step: int,
        seconds: dict[str, float],  # phase -> s; `other` is what they leave of `total`
        total: float,
        atoms: int,
        edges: int,
        rebuilt: bool = False,
        grew: bool = False,
        warn: float = 0.0,
    ) -> dict[str, Any] | None:
        """Take a step in. If it took at least `warn` times the median: {"ratio", "phase", "excess"}, the phase that grew by how many s."""
    def summary(self) -> dict[str, Any]: ...
    def report(
        self,
        *,
        source: str,
        program_version: str,
        description: str,
        threads: int,
        model: str,
        dtype: str,
        r_max: float,  # Å
        record: str,  # JSON, of which `surrogate` is read
        skin: float | None,  # Å
        timestep_fs: float | None,
        atoms: int,
        last_step: int,
    ) -> str:
        """The report of a run on one rank in format "qallegro-latency", JSON."""
    def reset(self, warm: bool = False) -> None: ...
    @property
    def steps(self) -> int: ...  # after the warmup

class TraceFile:
    """One JSON object a line and step; what a killed run leaves is readable. Raises Error if it cannot be made."""

    def __init__(self, path: str, rank: int = 0) -> None: ...
    def write(self, latency: Latency, end: float) -> bool:
        """The last step of `latency`, which ended `end` s after the start. False once the file cannot be written: see `problem`."""
    @property
    def problem(self) -> str: ...
