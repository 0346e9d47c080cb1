"""Gate counts and depth."""

from collections import Counter
from typing import Any

from qallegro.quantum.circuit import gates
from qallegro.quantum.config import CircuitConfig


def count_gates(config: CircuitConfig) -> dict[str, Any]:
    """Gates by kind, angles, features, and the depth: longest chain of gates that share qubits, over all and over two-qubit gates."""
    all_gates = gates(config)
    return {
        "gates": len(all_gates),
        "by_kind": dict(sorted(Counter(gate.name for gate in all_gates).items())),
        "two_qubit_gates": sum(len(gate.qubits) == 2 for gate in all_gates),
        "angles": config.num_angles,
        "feature_rotations": sum(gate.feature is not None for gate in all_gates),
        "depth": _depth(config, 1),
        "two_qubit_depth": _depth(config, 2),
    }


def _depth(config: CircuitConfig, least_qubits: int) -> int:
    """Longest chain; only gates on at least so many qubits add to its length."""
    ends = [0] * config.num_qubits
    for gate in gates(config):
        if len(gate.qubits) >= least_qubits:
            end = max(ends[q] for q in gate.qubits) + 1
            for q in gate.qubits:
                ends[q] = end
    return max(ends)
