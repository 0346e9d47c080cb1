"""Which gates, angles and features can reach which observable, and why inert angles are inert.

In the Heisenberg picture an observable is carried back through the circuit. Its support grows with every two-qubit gate that
touches it: that is the light cone. Finer: at generic angles a rotation about P turns a Pauli string Q that anticommutes with P into
cos Q + sin (i P Q) and leaves one that commutes as it is, and CNOT and CZ permute strings. So the set of strings that the observable may
have become is known at each gate, and a rotation that commutes with all of them does nothing to it. The same holds forward, for the strings
of the state, which are products of I and Z at the start.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from qallegro.quantum.analysis.states import expectations_of, run_states
from qallegro.quantum.circuit import Gate, gates, pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.inert import find_inert

#: 4^n strings are followed one by one; above, only supports
MAX_FOLLOWED_QUBITS = 8
_POINTS = 4
#: derivatives that are not identically zero are of order 2^-n at random points, rounding is 1e-15
_ZERO = 1e-12

OUTSIDE = "outside the light cone of every observable"
COMMUTES = "commutes with what is measured"
EIGENSTATE = "acts on an eigenstate and changes only a phase"
CONSTANT = "changes only <P>(0), which the layer subtracts"
NUMERICAL = "zero derivative; no reason found in the strings"


class LightCone(NamedTuple):
    """What reaches one observable."""

    pauli: str
    gates: list[int]  #: indices in `gates(config)` whose qubits lie in the cone
    angles: list[int]  #: angles of those gates
    features: list[int]
    acting_angles: list[int]  #: angles with a derivative that is not identically zero
    acting_features: list[int]


def light_cones(config: CircuitConfig) -> list[LightCone]:
    """The cone of every observable."""
    all_gates = gates(config)
    by_angle, by_feature = _acting(config)
    cones = []
    for k, pauli in enumerate(pauli_strings(config)):
        inside = _cone(all_gates, {q for q, letter in enumerate(pauli) if letter != "I"})
        cones.append(
            LightCone(
                pauli,
                inside,
                sorted(all_gates[g].angle for g in inside if all_gates[g].angle is not None),
                sorted({all_gates[g].feature for g in inside if all_gates[g].feature is not None}),
                np.flatnonzero(by_angle[k]).tolist(),
                np.flatnonzero(by_feature[k]).tolist(),
            )
        )
    return cones


def explain_inert(config: CircuitConfig) -> dict[str, Any]:
    """Inert angles of both kinds (`qallegro.quantum.inert`), each with its gate and the reason, where the strings give one."""
    inert = find_inert(config)
    all_gates = gates(config)
    where = {gate.angle: g for g, gate in enumerate(all_gates) if gate.angle is not None}
    reasons = _reasons(config, all_gates)
    angles = []
    for angle in inert.of_differences:
        gate = all_gates[where[angle]]
        reason = reasons[where[angle]]
        if reason is None:
            reason = CONSTANT if angle not in inert.of_outputs else NUMERICAL
        angles.append({"angle": angle, "gate": gate.name, "qubit": gate.qubits[0], "reason": reason})
    return {
        "of_outputs": list(inert.of_outputs),
        "of_differences": list(inert.of_differences),
        "features": list(inert.features),
        "angles": angles,
        "active_angles": config.num_angles - len(inert.of_differences),
    }


def acting_rotations(config: CircuitConfig, pauli: str) -> list[bool]:
    """Of every gate: whether it is a rotation that the strings of `pauli`, carried back, do not all commute with."""
    return _carried(gates(config)[::-1], config.num_qubits, [_string(pauli)])[::-1]


def _cone(all_gates: list[Gate], support: set[int]) -> list[int]:
    inside = []
    for g in range(len(all_gates) - 1, -1, -1):
        if support & set(all_gates[g].qubits):
            inside.append(g)
            support = support | set(all_gates[g].qubits)
    return inside[::-1]


def _acting(config: CircuitConfig) -> tuple[np.ndarray, np.ndarray]:
    """Whether each output has a derivative by each angle and by each feature, from random points."""
    generator = torch.Generator().manual_seed(3)
    angles, features = (
        ((torch.rand(_POINTS, size, generator=generator, dtype=torch.float64) * 2.0 - 1.0) * torch.pi).requires_grad_()
        for size in (config.num_angles, config.num_features)
    )
    outputs = expectations_of(config, run_states(config, angles, features))
    rows = []
    for k in range(config.num_outputs):
        slopes = torch.autograd.grad(outputs[:, k].sum(), [angles, features], retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append([slope.abs().amax(0).numpy() > _ZERO for slope in slopes])
    return np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])


def _reasons(config: CircuitConfig, all_gates: list[Gate]) -> list[str | None]:
    supports = [{q for q, letter in enumerate(pauli) if letter != "I"} for pauli in pauli_strings(config)]
    reached = set().union(*(_cone(all_gates, support) for support in supports))
    n = config.num_qubits
    if n > MAX_FOLLOWED_QUBITS:
        return [None if g in reached else OUTSIDE for g in range(len(all_gates))]
    backward = acting_rotations_of_all(config)
    forward = _carried(all_gates, n, range(2**n))
    reasons: list[str | None] = []
    for g in range(len(all_gates)):
        if g not in reached:
            reasons.append(OUTSIDE)
        elif not backward[g]:
            reasons.append(COMMUTES)
        else:
            reasons.append(None if forward[g] else EIGENSTATE)
    return reasons


def acting_rotations_of_all(config: CircuitConfig) -> list[bool]:
    """As `acting_rotations`, for any of the observables."""
    strings = [_string(pauli) for pauli in pauli_strings(config)]
    return _carried(gates(config)[::-1], config.num_qubits, strings)[::-1]


def _string(pauli: str) -> int:
    """Bits x and z of a Pauli string, as one number: x in the upper n bits, qubit 0 first."""
    x = int("".join("1" if letter in "XY" else "0" for letter in pauli), 2)
    z = int("".join("1" if letter in "ZY" else "0" for letter in pauli), 2)
    return (x << len(pauli)) | z


def _carried(order: list[Gate], n: int, start: Iterable[int]) -> list[bool]:
    """Carry a set of strings through gates; of each, whether it is a rotation that some string anticommutes with."""
    present = np.zeros(4**n, dtype=bool)
    present[list(start)] = True
    acts = []
    for gate in order:
        strings = np.flatnonzero(present)
        if len(gate.qubits) == 1:
            letter = gate.name[1]
            x_bit, z_bit = 2 * n - 1 - gate.qubits[0], n - 1 - gate.qubits[0]
            has_x, has_z = (strings >> x_bit) & 1, (strings >> z_bit) & 1
            anticommute = ((has_x & (letter in "ZY")) ^ (has_z & (letter in "XY"))).astype(bool)
            present[strings[anticommute] ^ ((int(letter in "XY") << x_bit) | (int(letter in "ZY") << z_bit))] = True
            acts.append(bool(anticommute.any()))
        else:
            x, z = ([(strings >> (offset - q)) & 1 for q in gate.qubits] for offset in (2 * n - 1, n - 1))
            control, target = gate.qubits
            if gate.name == "CNOT":
                strings = strings ^ (x[0] << (2 * n - 1 - target)) ^ (z[1] << (n - 1 - control))
            else:
                strings = strings ^ (x[1] << (n - 1 - control)) ^ (x[0] << (n - 1 - target))
            present[:] = False
            present[strings] = True
            acts.append(False)
    return acts
