"""The circuits of the tables: one family along each axis."""

from typing import NamedTuple

from qallegro.quantum.config import CircuitConfig


class Family(NamedTuple):
    """Circuits along one axis."""

    title: str
    axis: str  #: what the number counts
    circuits: dict[int, CircuitConfig]


def families(qubits: int, encodings: int) -> dict[str, Family]:
    """Args: largest number of qubits and of encodings."""
    return {
        "qubits": Family(
            "one encoding, n features", "qubits n", {n: CircuitConfig(num_qubits=n, num_features=n) for n in range(1, qubits + 1)}
        ),
        "encodings": Family(
            "4 qubits, m encodings, 4 m features",
            "encodings m",
            {m: CircuitConfig(num_qubits=4, num_features=4 * m) for m in range(1, encodings + 1)},
        ),
        "reuploads": Family(
            "4 qubits, 4 features encoded L times",
            "re-uploads L",
            {count: CircuitConfig(num_qubits=4, num_features=4, num_reuploads=count) for count in range(1, encodings + 1)},
        ),
    }
