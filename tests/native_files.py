"""Files for engine `native` without the detour through TorchScript, and edges without atoms to compare it with the eager network."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes
from torch import nn

from qallegro.export.exporter import file_weights
from qallegro.export.forms import Options, in_file_form
from qallegro.export.record import NOVELTY_FILE, RECORD_FILE, WEIGHTS_FILE, dump_record, make_record
from qallegro.model.config import ModelConfig
from qallegro.model.potential import EdgeGradients, Potential

#: Å, the shortest of random edges
CLOSEST = 1.2


class Rows(NamedTuple):
    """Centers and their edges, as the runtime takes them; every edge has a neighbor atom of its own."""

    center_types: np.ndarray  #: (n,)
    first_edge: np.ndarray  #: (n + 1,) int64
    neighbor_types: np.ndarray  #: (edges,)
    vectors: np.ndarray  #: (edges, 3) Å

    @property
    def n_atoms(self) -> int:
        return len(self.center_types) + len(self.neighbor_types)


class EdgeResult(NamedTuple):
    """Per-atom energies (n,) eV of the centers, gradients (edges, 3) eV/Å."""

    energies: np.ndarray
    gradients: np.ndarray


def random_potential(config: ModelConfig, seed: int = 0) -> Potential:
    """A potential with seeded random weights that does not train."""
    torch.manual_seed(seed)
    return Potential(config).requires_grad_(False).eval()


def write_native_file(
    path: Path, potential: Potential, form: str = "gates", record_changes: dict | None = None, drop=(), replace=None, novelty=None
) -> nn.Module:
    """Record and weights of `potential` alone in a zip, which is all that engine `native` reads.

    Args:
        path: file to write.
        potential: what it holds.
        form: classical form of a circuit, where there is one.
        record_changes: keys of the record to overwrite.
        drop: names of weights to leave out.
        replace: weights to overwrite.
        novelty: tensors of a `NoveltyScale`, where the file is to hold one.

    Returns:
        The network that the file describes, a circuit in its classical form.
    """
    config = potential.config
    options = Options(form if config.variant == "allegro_qdi" else "auto")
    in_file = in_file_form(potential, potential, options, [], [], lambda text: None)
    network = in_file.potential.network
    weights = {name: tensor for name, tensor in file_weights(in_file.potential).items() if name not in drop} | (replace or {})
    about = {"provenance": {}, "versions": {}, "samples": [], "verification": {}, "tensors": {}}
    record = make_record(config, kind="torchscript", device="cpu", surrogate=in_file.surrogate, **about) | (record_changes or {})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"model/extra/{RECORD_FILE}", dump_record(record))
        archive.writestr(f"model/extra/{WEIGHTS_FILE}", safetensors_bytes(weights))
        if novelty is not None:
            archive.writestr(f"model/extra/{NOVELTY_FILE}", safetensors_bytes(novelty))
    return network


def rows_of(center_types, neighbor_types, vectors) -> Rows:
    """Rows from one list of neighbor types and of vectors for each center."""
    counts = [len(row) for row in vectors]
    flat = np.concatenate([np.reshape(np.asarray(row, dtype=np.float64), (-1, 3)) for row in vectors] + [np.zeros((0, 3))])
    types = np.concatenate([np.asarray(row, dtype=np.int32) for row in neighbor_types] + [np.zeros(0, dtype=np.int32)])
    first_edge = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    return Rows(np.asarray(center_types, dtype=np.int32), first_edge, types, flat)


def random_rows(config: ModelConfig, counts, seed: int = 1, closest: float = CLOSEST) -> Rows:
    """Centers with `counts` edges of random types, directions and lengths, up to a little beyond r_max, where edges count nothing."""
    rng = np.random.default_rng(seed)
    n_types = len(config.atom_types)
    neighbor_types, vectors = [], []
    for count in counts:
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        vectors.append(direction * rng.uniform(closest, 1.02 * config.r_max, (count, 1)))
        neighbor_types.append(rng.integers(0, n_types, count))
    return rows_of(rng.integers(0, n_types, len(vectors)), neighbor_types, vectors)


def evaluate_rows(potential, rows: Rows, **wanted):
    """The runtime's whole answer for `rows`."""
    n, edges = len(rows.center_types), len(rows.neighbor_types)
    types = np.concatenate([rows.center_types, rows.neighbor_types]).astype(np.int32)
    centers, neighbors = np.arange(n, dtype=np.int32), np.arange(n, n + edges, dtype=np.int32)
    return potential.evaluate(centers, rows.first_edge, neighbors, rows.vectors, types, rows.n_atoms, **wanted)


def native_result(potential, rows: Rows) -> EdgeResult:
    """What the runtime says of `rows`."""
    result = evaluate_rows(potential, rows, want_edge_gradients=True)
    return EdgeResult(result["per_atom_energy"][: len(rows.center_types)], result["edge_gradients"])


def eager_result(network: nn.Module, rows: Rows) -> EdgeResult:
    """What the network in Python says of `rows`."""
    counts = np.diff(rows.first_edge)
    n, k = len(counts), max(2, *counts)
    used = np.arange(k) < counts[:, None]
    types, vectors = np.zeros((n, k), dtype=np.int64), np.zeros((n, k, 3))
    vectors[..., 0] = 2.0 * float(network.cutoffs.max())
    types[used], vectors[used] = rows.neighbor_types, rows.vectors
    centers = torch.as_tensor(rows.center_types, dtype=torch.int64)
    energies, gradients = EdgeGradients(network)(centers, torch.as_tensor(types), torch.as_tensor(vectors))
    return EdgeResult(energies.detach().numpy(), gradients.detach().numpy()[used])


def check_agreement(found: EdgeResult, expected: EdgeResult, tolerance, message: str = "") -> None:
    """`found` is `expected` within `tolerance.energy` and `tolerance.forces`, of the largest number where it exceeds 1 eV or 1 eV/Å."""
    pairs = ((found.energies, expected.energies, tolerance.energy), (found.gradients, expected.gradients, tolerance.forces))
    for ours, theirs, limit in pairs:
        size = max(1.0, float(np.abs(theirs).max(initial=0.0)))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=limit * size, err_msg=message)
