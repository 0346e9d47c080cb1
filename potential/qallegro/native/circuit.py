"""The coefficients of a circuit as a differentiable function of its angles, for kernels that see a circuit as trigonometric polynomials.

Every output is sum c[a_1, .., a_d] f_{a_1}(x_1) .. f_{a_d}(x_d) with the functions of `qallegro.quantum.surrogates.coefficients`. The
circuit's values on a grid determine c by one small matrix for each feature, so that gradients of c reach the angles through the circuit's
values at a few points, once a step, and not through one circuit an edge.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qallegro.quantum.circuit import pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.statevector import QuantumLayer, differences
from qallegro.quantum.surrogates.coefficients import to_coefficients
from qallegro.quantum.surrogates.fourier import multiplied_features
from qallegro.quantum.surrogates.spectrum import Cone, light_cones

#: coefficients of one output beyond which a circuit's own layer is the cheaper way
MOST_COEFFICIENTS = 2048


def num_coefficients(config: CircuitConfig) -> int:
    """Coefficients of one output of the largest light cone."""
    return max(cone.num_coefficients for cone in light_cones(config))


class CircuitCoefficients:
    """Coefficients of all outputs of a circuit.

    Args:
        config: the circuit.
    """

    def __init__(self, config: CircuitConfig) -> None:
        self.config = config
        self.cones = [cone for cone in light_cones(config) if cone.features]
        self._grid = torch.cat([_grid(config, cone) for cone in self.cones])
        self._transforms = {r: torch.from_numpy(to_coefficients(r).astype(np.float64)) for cone in self.cones for r in cone.degrees}
        self._frozen: tuple[Tensor, list[Tensor]] | None = None

    def matrices(self, layer: QuantumLayer) -> list[Tensor]:
        """For each light cone (products of the first features, sums), as form fourier has them."""
        if self._frozen is not None and torch.equal(self._frozen[0], layer.angles):
            return self._frozen[1]
        values = differences(self.config, layer.all_angles().to(torch.float64), self._grid)
        parts = values.split([cone.num_coefficients for cone in self.cones])
        made = [self._matrix(cone, part).to(layer.angles.dtype) for cone, part in zip(self.cones, parts, strict=True)]
        if not layer.angles.requires_grad:
            self._frozen = (layer.angles.clone(), made)
        return made

    def _matrix(self, cone: Cone, values: Tensor) -> Tensor:
        sizes = _sizes(cone)
        tensor = values[:, list(cone.outputs)].reshape(*sizes, -1)
        for axis, degree in enumerate(cone.degrees):
            tensor = torch.tensordot(self._transforms[degree], tensor, dims=([1], [axis])).movedim(0, axis)
        # The coefficient of 1 1 .. 1 is the value at zero, which is zero but for rounding.
        keep = torch.ones(tensor.shape[:-1], dtype=tensor.dtype)
        keep[(0,) * len(sizes)] = 0.0
        split = multiplied_features(sizes, len(cone.outputs))
        tensor = (tensor * keep.unsqueeze(-1)).permute(*reversed(range(split)), *range(split, tensor.dim()))
        return tensor.reshape(math.prod(sizes[:split]), -1)

    def record(self, module: str) -> dict[str, Any]:
        """What a reader of form fourier wants to know (docs/file-format.md)."""
        degrees = [0] * self.config.num_features
        groups = []
        for cone in self.cones:
            for feature, degree in zip(cone.features, cone.degrees, strict=True):
                degrees[feature] = max(degrees[feature], degree)
            groups.append(
                {
                    "features": list(cone.features),
                    "functions": [[0, *range(1, 2 * r, 2), *range(2, 2 * r + 1, 2)] for r in cone.degrees],
                    "outputs": list(cone.outputs),
                    "multiplied_features": multiplied_features(_sizes(cone), len(cone.outputs)),
                }
            )
        return {
            "form": "fourier",
            "module": module,
            "circuit": self.config.model_dump(mode="json"),
            "observables": pauli_strings(self.config),
            "degrees": degrees,
            "groups": groups,
        }

    def tensors(self, module: str) -> dict[str, Tensor]:
        """Tensors of the shapes that `record` goes with."""
        found = {}
        for number, cone in enumerate(self.cones):
            sizes = _sizes(cone)
            products = math.prod(sizes[: multiplied_features(sizes, len(cone.outputs))])
            sums = math.prod(sizes) // products * len(cone.outputs)
            found[f"{module}.groups.{number}.products"] = torch.arange(products)
            found[f"{module}.groups.{number}.coefficients"] = torch.zeros(sums, products)
        return found


def _sizes(cone: Cone) -> list[int]:
    return [2 * degree + 1 for degree in cone.degrees]


def _grid(config: CircuitConfig, cone: Cone) -> Tensor:
    """Features (P, num_features) float64 at 2 pi j / n, j = -r .. r; the others at zero, where they do not matter."""
    axes = [2.0 * torch.pi * torch.arange(-r, r + 1, dtype=torch.float64) / (2 * r + 1) for r in cone.degrees]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    features = torch.zeros(points.shape[0], config.num_features, dtype=torch.float64)
    features[:, list(cone.features)] = points
    return features
