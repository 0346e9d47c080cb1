"""Circuits for tests: the paper's, and seeded random ones that cover every choice of a description."""

from itertools import product

import numpy as np
import torch

from qallegro.quantum.config import CircuitConfig

AXES = ("X", "Y", "Z")
ENTANGLERS = ("cnot_ring", "strongly_entangling", "cz_ring", "none")
OBSERVABLES = ("X", "Y", "Z", "z_zz")

#: n = 4, one encoding by RZ, depth 1, 24 angles (Laskaris et al., Comput. Mater. Sci. 270, 114742 (2026))
PAPER = {"num_qubits": 4, "num_features": 4, "encoding_axis": "Z", "entangler": "cnot_ring", "depth": 1}

NAMED = {
    "paper_y": PAPER | {"observables": "Y"},
    "paper_z": PAPER | {"observables": "Z"},
    "paper_depth_3": PAPER | {"depth": 3},
    "lattice_of_12": PAPER | {"num_features": 12},
    "reuploaded": PAPER | {"num_reuploads": 3},
    "one_qubit": {"num_qubits": 1, "num_features": 3, "depth": 1},
    "two_qubits_cz": {"num_qubits": 2, "num_features": 2, "entangler": "cz_ring", "depth": 2, "observables": "z_zz"},
    "no_angles": {"num_qubits": 3, "num_features": 3, "encoding_axis": "X", "depth": 0},
    "ranges": {"num_qubits": 5, "num_features": 5, "entangler": "strongly_entangling", "depth": [5, 3], "observables": "X"},
    "eight_qubits": {"num_qubits": 8, "num_features": 8, "depth": 1, "observables": "z_zz"},
}


def random_circuits() -> dict[str, CircuitConfig]:
    """48 circuits: every axis with every entangler and all observables, on 1 to 8 qubits, with blocks of unequal depth."""
    result = {}
    for k, (axis, entangler, observables) in enumerate(product(AXES, ENTANGLERS, OBSERVABLES)):
        rng = np.random.default_rng(k)
        n = 1 + (k + k // 8) % 8
        columns = int(rng.integers(1, 4 if n < 6 else 2))
        reuploads = int(rng.integers(1, 3 if n < 7 else 2))
        depths = [int(d) for d in rng.integers(0, 4 if n < 6 else 2, columns * reuploads + 1)]
        if axis == "Z":
            depths[0] = max(depths[0], 1)
        config = CircuitConfig(
            num_qubits=n,
            num_features=n * columns,
            num_reuploads=reuploads,
            encoding_axis=axis,
            entangler=entangler,
            depth=depths if k % 3 else max(1, depths[0]),
            observables=observables,
        )
        result[f"{k}-{n}q-{columns}x{reuploads}-{axis}-{entangler}-{observables}"] = config
    return result


def random_point(config: CircuitConfig, edges: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Angles (num_angles,) and features (edges, num_features), uniform in (-pi, pi), float64, both with a gradient."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return ((2.0 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1.0) * torch.pi).requires_grad_()

    return uniform(config.num_angles), uniform(edges, config.num_features)
