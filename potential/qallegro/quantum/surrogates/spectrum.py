"""Which frequencies an output can have, read from the gates of the circuit: never guessed, never fitted."""

from typing import NamedTuple

from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig


class Cone(NamedTuple):
    """Outputs that depend on the same features."""

    features: tuple[int, ...]
    outputs: tuple[int, ...]
    degrees: tuple[int, ...]  #: largest frequency of each of `features`

    @property
    def num_coefficients(self) -> int:
        """Coefficients of one output: product of 2 r + 1."""
        count = 1
        for degree in self.degrees:
            count *= 2 * degree + 1
        return count


def light_cones(config: CircuitConfig) -> list[Cone]:
    """The features that reach each observable, and how often each is encoded inside its light cone.

    The generator of a rotation has eigenvalues -1/2 and 1/2, so each encoding of a feature adds one to its largest frequency
    (Schuld, Sweke and Meyer, 2021). Gates outside the backward light cone of an observable cancel.
    """
    found: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for output, pauli in enumerate(pauli_strings(config)):
        reached = {q for q, letter in enumerate(pauli) if letter != "I"}
        degrees: dict[int, int] = {}
        for gate in reversed(gates(config)):
            if not reached.intersection(gate.qubits):
                continue
            reached.update(gate.qubits)
            if gate.feature is not None:
                degrees[gate.feature] = degrees.get(gate.feature, 0) + 1
        found.setdefault(tuple(sorted(degrees.items())), []).append(output)
    return [Cone(tuple(f for f, _ in key), tuple(outputs), tuple(r for _, r in key)) for key, outputs in found.items()]
