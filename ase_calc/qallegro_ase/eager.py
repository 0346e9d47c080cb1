"""A checkpoint `model.pth` run by the model code in torch's eager mode, with the interface of the C++ runtime.

Nothing is compiled, so this is for trying a model out, and slow next to an exported file. Tables are padded as in docs/architecture.md.
"""

import time
from typing import Any

import numpy as np

from qallegro_ase.errors import EvaluationError, SetupError
from qallegro_ase.structure import SHORTEST_DISTANCE

#: Slots (centres times neighbors) at once, so that the memory of a big system stays bounded.
SLOTS_PER_BLOCK = 32768


class EagerPotential:
    """See `_runtime.Potential`; threads are those that torch is set to, and stay so.

    Raises:
        SetupError: qallegro or torch is missing, or the file or an option is wrong.
    """

    def __init__(self, path: str, engine: str, device: str, threads: int | None) -> None:
        if engine not in ("auto", "eager"):
            raise SetupError(f"`engine` must be `eager` for a checkpoint, it is `{engine}` for `{path}`; others run exported files")
        if threads is not None:
            raise SetupError(
                f"`threads` must not be given for a checkpoint, it is {threads} for `{path}`: "
                "it runs with torch's own setting, `torch.set_num_threads`; exported files take `threads`"
            )
        try:
            import torch

            from qallegro.errors import ModelError
            from qallegro.model.checkpoint import load_model
            from qallegro.model.potential import EdgeGradients
        except ImportError as error:
            raise SetupError(f"a checkpoint needs the model code, it cannot be imported: {error}; use an exported file instead") from error
        self._torch = torch
        self._device = _device(torch, device)
        try:
            # Weights made under a caller's inference mode could not be differentiated through, ever.
            with torch.inference_mode(False):
                potential, provenance = load_model(path)
        except ModelError as error:
            raise SetupError(str(error)) from error
        config = potential.config
        self._function = EdgeGradients(potential.network.requires_grad_(False).eval().to(self._device))
        self.description = f"eager on {self._device}, {config.dtype} network, torch {torch.__version__}"
        self.record = {
            "atom_types": list(config.atom_types),
            "r_max": config.r_max,
            "cutoffs": config.cutoffs(),
            "dtype": config.dtype,
            "model": config.model_dump(mode="json"),
            "provenance": {name: value for name, value in provenance.items() if name != "novelty"},
        }
        self._cutoffs = np.array(config.cutoffs())
        self.reset_timings()

    def reset_timings(self) -> None:
        """Set all times and counts to zero."""
        self._taken: dict[str, float] = {}
        self.timings = {"pack": 0.0, "engine": 0.0, "scatter": 0.0, "evaluations": 0, "edges": 0, "slots": 0}

    def add_latency(
        self, latency: Any, step: int, neighbor_list: float, total: float, atoms: int, rebuilt: bool, warn: float = 0.0
    ) -> dict[str, Any] | None:
        """See `_runtime.Potential.add_latency`."""
        taken, self._taken = self._taken, dict(self.timings)
        spent = {name: self.timings[name] - taken.get(name, 0) for name in self.timings}
        seconds = {"neighbor_list": neighbor_list, "pack": spent["pack"], "network": spent["engine"], "scatter": spent["scatter"]}
        return latency.add(step, seconds, total, atoms, spent["edges"], rebuilt, False, warn)

    def evaluate_pairs(
        self,
        positions: np.ndarray,
        cell: np.ndarray,
        pairs: np.ndarray,
        shifts: np.ndarray,
        atom_types: np.ndarray,
        first_edge: np.ndarray,
        want_per_atom_virial: bool = False,
    ) -> dict[str, Any]:
        """See `_runtime.Potential.evaluate_pairs`.

        Raises:
            EvaluationError: the model returned no finite number, or torch failed.
        """
        start = time.perf_counter()
        n = len(positions)
        edge_vectors = positions[pairs[:, 1]] - positions[pairs[:, 0]] + shifts @ cell
        r = np.linalg.norm(edge_vectors, axis=1)
        if r.min(initial=np.inf) < SHORTEST_DISTANCE:
            raise EvaluationError(
                f"`edge_vectors` must be longer than {SHORTEST_DISTANCE} Å: atoms {pairs[r.argmin()].tolist()} lie on one another"
            )
        inside = r < self._cutoffs[atom_types[pairs[:, 0]], atom_types[pairs[:, 1]]]
        centers, neighbors, edge_vectors = pairs[inside, 0], pairs[inside, 1], edge_vectors[inside]
        counts = np.bincount(centers, minlength=n)
        slots = np.arange(len(centers)) - np.repeat(np.cumsum(counts) - counts, counts)
        per_atom_energy, gradients = np.empty(n), np.empty((len(centers), 3))
        self.timings["pack"] += time.perf_counter() - start

        rows = max(SLOTS_PER_BLOCK // max(int(counts.max(initial=0)), 1), 1)
        for first in range(0, n, rows):
            block = slice(*np.searchsorted(centers, (first, first + rows)))
            place = (centers[block] - first, slots[block])
            energy, table = self._evaluate_block(atom_types[first : first + rows], place, atom_types[neighbors[block]], edge_vectors[block])
            per_atom_energy[first : first + rows], gradients[block] = energy, table[place]
        return self._scattered(n, centers, neighbors, edge_vectors, per_atom_energy, gradients, want_per_atom_virial)

    def _evaluate_block(self, center_types, place, neighbor_types, edge_vectors) -> tuple[np.ndarray, np.ndarray]:
        start = time.perf_counter()
        shape = (len(center_types), max(int(place[1].max(initial=0)) + 1, 1))
        types, vectors = np.zeros(shape, dtype=np.int64), np.zeros((*shape, 3))
        vectors[..., 0] = 2.0 * self.record["r_max"]
        types[place], vectors[place] = neighbor_types, edge_vectors
        packed = time.perf_counter()
        try:
            with self._torch.inference_mode(False):
                inputs = (self._torch.from_numpy(a).to(self._device) for a in (center_types.astype(np.int64), types, vectors))
                energy, gradients = (t.detach().cpu().numpy() for t in self._function(*inputs))
        except RuntimeError as error:
            raise EvaluationError(f"the model failed in torch: {str(error).splitlines()[0]}") from error
        self.timings["pack"] += packed - start
        self.timings["engine"] += time.perf_counter() - packed
        self.timings["slots"] += shape[0] * shape[1]
        return energy, gradients

    def _scattered(self, n, centers, neighbors, edge_vectors, per_atom_energy, gradients, want_per_atom_virial) -> dict[str, Any]:
        start = time.perf_counter()
        if not (np.isfinite(per_atom_energy).all() and np.isfinite(gradients).all()):
            broken = np.bincount(centers, weights=gradients.sum(axis=1), minlength=n) + per_atom_energy
            raise EvaluationError(
                f"the energy and forces from the model must be finite, those of atom {int(np.argmin(np.isfinite(broken)))} are not; "
                "the structure is far from what the model was trained on, or the file is broken"
            )
        forces = np.zeros((n, 3))
        np.add.at(forces, centers, gradients)
        np.subtract.at(forces, neighbors, gradients)
        edge_virials = -edge_vectors[:, :, None] * gradients[:, None, :]
        results = {
            "energy": float(per_atom_energy.sum()),
            "per_atom_energy": per_atom_energy,
            "forces": forces,
            "virial": edge_virials.sum(axis=0),
        }
        if want_per_atom_virial:
            results["per_atom_virial"] = np.zeros((n, 3, 3))
            for ends in (centers, neighbors):
                np.add.at(results["per_atom_virial"], ends, 0.5 * edge_virials)
        self.timings["scatter"] += time.perf_counter() - start
        self.timings["evaluations"] += 1
        self.timings["edges"] += len(centers)
        return results


def _device(torch, name: str):
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and index.isdecimal())):
        raise SetupError(f"`device` must be `cpu`, `cuda`, `cuda:N` or `auto`, it is `{name}`")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise SetupError(f"`device` must exist, it is `{name}`, and torch finds {torch.cuda.device_count()} CUDA devices; use `cpu`")
    return torch.device(name)
