"""Drawings of a circuit by PennyLane, with the names of angles and features."""

from typing import Any

from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig


def draw_text(config: CircuitConfig, width: int) -> str:
    """Text drawing, folded at `width` characters."""
    import pennylane as qml

    return qml.draw(_named(config), decimals=0, max_length=width)()


def draw_figure(config: CircuitConfig) -> Any:
    """Matplotlib figure."""
    import pennylane as qml

    figure, _ = qml.draw_mpl(_named(config), decimals=0, style="black_white")()
    return figure


def _named(config: CircuitConfig) -> Any:
    """A quantum function whose parameters are names: PennyLane prints what it is given."""
    import pennylane as qml

    def circuit() -> list[Any]:
        for gate in gates(config):
            operation = getattr(qml, gate.name)
            if gate.angle is not None:
                operation(f"θ{gate.angle}", wires=gate.qubits)
            elif gate.feature is not None:
                operation(f"x{gate.feature}", wires=gate.qubits)
            else:
                operation(wires=gate.qubits)
        return [qml.expval(qml.pauli.string_to_pauli_word(pauli)) for pauli in pauli_strings(config)]

    return circuit
