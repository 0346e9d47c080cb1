"""The gates of a circuit, in order, from its description."""

from collections.abc import Iterator
from typing import NamedTuple

from qallegro.quantum.config import CircuitConfig


class Gate(NamedTuple):
    """One gate. Rotations have either the index of an angle or that of a feature."""

    name: str  #: RX, RY, RZ, CNOT or CZ
    qubits: tuple[int, ...]  #: control first
    angle: int | None = None
    feature: int | None = None
    encoding: int | None = None  #: which encoding of the circuit a feature's rotation belongs to


def gates(config: CircuitConfig) -> list[Gate]:
    """All gates. Angle a of qubit q in layer t (counted over all blocks) has index 3 (t n + q) + a."""
    return list(_gates(config))


def entangling_pairs(config: CircuitConfig, layer: int) -> list[tuple[int, int]]:
    """(control, target) of the two-qubit gates that close `layer` of a trainable block, in order."""
    n = config.num_qubits
    if n == 1 or config.entangler == "none":
        return []
    reach = layer % (n - 1) + 1 if config.entangler == "strongly_entangling" else 1
    pairs = [(q, (q + reach) % n) for q in range(n)]
    # A ring of two has one bond: the second CZ would undo the first.
    return pairs[:1] if config.entangler == "cz_ring" and n == 2 else pairs


def encoded_features(config: CircuitConfig, encoding: int) -> range:
    """Features of one encoding, in the order of qubits."""
    n = config.num_qubits
    first = encoding * n % config.num_features
    return range(first, first + n)


def pauli_strings(config: CircuitConfig) -> list[str]:
    """Measured observables, one letter a qubit: "IYII"."""
    n = config.num_qubits
    letter = "Z" if config.observables == "z_zz" else config.observables
    sites = [(q,) for q in range(n)]
    if config.observables == "z_zz":
        sites += [(a, b) for a in range(n) for b in range(a + 1, n)]
    return ["".join(letter if q in site else "I" for q in range(n)) for site in sites]


def _gates(config: CircuitConfig) -> Iterator[Gate]:
    n, layer = config.num_qubits, 0
    entangling = "CZ" if config.entangler == "cz_ring" else "CNOT"
    for block, depth in enumerate(config.depths):
        for within in range(depth):
            for q in range(n):
                first = 3 * (layer * n + q)
                yield from (Gate(name, (q,), angle=first + a) for a, name in enumerate(("RZ", "RY", "RZ")))
            yield from (Gate(entangling, pair) for pair in entangling_pairs(config, within))
            layer += 1
        if block < config.num_encodings:
            for q, feature in enumerate(encoded_features(config, block)):
                yield Gate(f"R{config.encoding_axis}", (q,), feature=feature, encoding=block)
