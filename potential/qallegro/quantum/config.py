"""The description of a circuit: plain data from which the training layer, the PennyLane circuit and every surrogate are made."""

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: bytes of a complex number in the precision that blocks are fused in
_COMPLEX128 = 16

Axis = Literal["X", "Y", "Z"]
Entangler = Literal["cnot_ring", "strongly_entangling", "cz_ring", "none"]


class CircuitConfig(BaseModel):
    """Qubits in |0>, then trainable block, encoding, trainable block, ..., encoding, trainable block, then expectation values.

    A trainable block repeats `depth` times: Rot(a, b, c) = RZ(c) RY(b) RZ(a) on each qubit, then the entangler. An encoding rotates
    each qubit by one feature. `num_features` = n m features lie on a lattice of n qubits and m encodings, visited `num_reuploads` times
    over (Sagingalieva et al., Cancers 15, 2705 (2023); Laskaris et al., Comput. Mater. Sci. 270, 114742 (2026)).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_qubits: int = Field(4, description="qubits n, 1 or more")
    num_features: int = Field(4, description="input features, a multiple of `num_qubits`")
    num_reuploads: int = Field(1, description="how often all features are encoded, 1 or more")
    encoding_axis: Axis = Field("Z", description="axis of the rotation that encodes a feature")
    entangler: Entangler = Field("cnot_ring", description="what couples the qubits after each layer of rotations")
    depth: int | list[int] = Field(1, description="layers of a trainable block, or one number for each of the encodings + 1 blocks")
    observables: Literal["X", "Y", "Z", "z_zz"] = Field("Y", description="measured: one Pauli a qubit, or all Z and all ZZ pairs")

    @model_validator(mode="after")
    def _is_a_circuit(self) -> "CircuitConfig":
        if self.num_qubits < 1:
            raise ValueError(f"`num_qubits` must be 1 or more, got {self.num_qubits}")
        if self.num_features < 1 or self.num_features % self.num_qubits:
            below = max(self.num_features // self.num_qubits, 1) * self.num_qubits
            raise ValueError(
                f"`num_features` must be a multiple of `num_qubits` ({self.num_qubits}), got {self.num_features}; "
                f"take {below} or {below + self.num_qubits}, or another number of qubits"
            )
        if self.num_reuploads < 1:
            raise ValueError(f"`num_reuploads` must be 1 or more, got {self.num_reuploads}")
        if isinstance(self.depth, list) and len(self.depth) != self.num_encodings + 1:
            raise ValueError(
                f"`depth` must be one number or one for each of the {self.num_encodings + 1} trainable blocks "
                f"(encodings x re-uploads + 1), got {len(self.depth)}"
            )
        if min(self.depths) < 0:
            raise ValueError(f"`depth` must be 0 or more, got {min(self.depths)}")
        if self.depths[0] == 0 and self.encoding_axis == "Z":
            raise ValueError(
                "an encoding must act on its state, but RZ on |0> is a mere phase; "
                f"give the first trainable block a `depth` of 1 or more (got {self.depth}), or encode with X or Y"
            )
        needed, there = self.fused_bytes, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > there:
            raise ValueError(
                f"fused blocks of `num_qubits` qubits must fit into memory ({there / 2**30:.0f} GiB), got {self.num_qubits} qubits, "
                f"which take {needed / 2**30:.3g} GiB (4^n complex numbers a block); use fewer qubits and more encodings"
            )
        return self

    @property
    def num_encodings(self) -> int:
        """Encodings in the circuit, re-uploads counted."""
        return self.num_features // self.num_qubits * self.num_reuploads

    @property
    def depths(self) -> list[int]:
        """Layers of each trainable block."""
        return list(self.depth) if isinstance(self.depth, list) else [self.depth] * (self.num_encodings + 1)

    @property
    def num_layers(self) -> int:
        """Layers of rotations in all blocks."""
        return sum(self.depths)

    @property
    def num_angles(self) -> int:
        """Angles of all rotations, inert ones counted."""
        return 3 * self.num_qubits * self.num_layers

    @property
    def num_outputs(self) -> int:
        """Expectation values."""
        return self.num_qubits + (self.num_qubits * (self.num_qubits - 1) // 2 if self.observables == "z_zz" else 0)

    @property
    def fused_bytes(self) -> int:
        """Memory of the fused blocks with their intermediate products in training."""
        return 3 * max(self.num_layers, 1) * 4**self.num_qubits * _COMPLEX128
