"""A circuit as a ZX diagram, reduced by PyZX, with every remaining phase as a function of the circuit's angles and features.

Angles and features are generic: each gets a random phase with a very large denominator, so that PyZX finds no Clifford phase by chance.
Which of them a reduced phase consists of is found by differentiating: parameter k is moved by 10^k units of that denominator, all at
once, and the reduction is done again. Rewriting does not look at generic phases, so the diagram must come out the same but for phases,
and each phase is a linear function of the parameters with coefficients 0, 1/2, 1, ..., which the decimals of its step spell out.
Reduction: Kissinger and van de Wetering, Phys. Rev. A 102, 022406 (2020).
"""

import random
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from qallegro.quantum.circuit import gates
from qallegro.quantum.config import CircuitConfig

_ROTATIONS = {"RX": "XPhase", "RY": "YPhase", "RZ": "ZPhase"}
#: gates whose product is the Pauli matrix, the first applied first; Y = i X Z
_FLIPS = {"X": ("NOT",), "Y": ("Z", "NOT"), "Z": ("Z",)}
#: decimals beyond the largest step, which keep phases random
_GUARD = 12

#: what is reduced: the unitary, the unitary on |0>, or <0| U^dagger P U |0>
UNITARY, STATE = "unitary", "state"


class Reduction(NamedTuple):
    """A diagram before and after `full_reduce`. Parameters are the angles, then the features."""

    before: Any  #: PyZX graph
    after: Any  #: PyZX graph
    coefficients: np.ndarray | None  #: (phases, parameters): d phase / d parameter; None: could not be traced
    constants: np.ndarray  #: (phases,) in units of pi; multiples of 1/2 for spiders
    places: list[Any]  #: of each phase: a vertex of `after`, "scalar" (the global phase), or ("scalar", k) (a factor 1 + exp(i phase))
    generic_phases: tuple[int, int]  #: non-Clifford phases of spiders before and after


def random_parameters(config: CircuitConfig, seed: int) -> list[Fraction]:
    """Generic phases of all angles and features, in units of pi."""
    source = random.Random(seed)
    return [source.randrange(_unit(config).denominator) * _unit(config) for _ in range(config.num_angles + config.num_features)]


def zx_circuit(config: CircuitConfig, parameters: list[Fraction]) -> Any:
    """The PyZX circuit; `parameters` in units of pi."""
    import pyzx

    circuit = pyzx.Circuit(config.num_qubits)
    for gate in gates(config):
        if gate.name in _ROTATIONS:
            index = gate.angle if gate.angle is not None else config.num_angles + gate.feature
            circuit.add_gate(_ROTATIONS[gate.name], gate.qubits[0], parameters[index])
        else:
            circuit.add_gate(gate.name, *gate.qubits)
    return circuit


def zx_graph(config: CircuitConfig, parameters: list[Fraction], what: str) -> Any:
    """The diagram of `what`: UNITARY, STATE, or a Pauli string, whose expectation value the closed diagram is."""
    import pyzx

    circuit = zx_circuit(config, parameters)
    if what not in (UNITARY, STATE):
        doubled = pyzx.Circuit(config.num_qubits)
        doubled.add_circuit(circuit)
        for qubit, letter in enumerate(what):
            for name in _FLIPS.get(letter, ()):
                doubled.add_gate(name, qubit)
        doubled.add_circuit(circuit.adjoint())
        circuit = doubled
    graph = circuit.to_graph()
    if what != UNITARY:
        graph.apply_state("0" * config.num_qubits)
    if what not in (UNITARY, STATE):
        graph.apply_effect("0" * config.num_qubits)
        graph.scalar.add_phase(Fraction(what.count("Y"), 2))
    return graph


def reduce_diagram(config: CircuitConfig, what: str, *, seed: int = 1) -> Reduction:
    """Reduce the diagram of `what` (UNITARY, STATE or a Pauli string) and trace its phases.

    Args:
        config: the circuit.
        what: UNITARY, STATE or a Pauli string.
        seed: of the generic phases.
    """
    import pyzx

    parameters = random_parameters(config, seed)
    moved = [parameter + 10**k * _unit(config) for k, parameter in enumerate(parameters)]
    before = zx_graph(config, parameters, what)
    after, other = before.copy(), zx_graph(config, moved, what)
    pyzx.full_reduce(after)
    pyzx.full_reduce(other)
    places, start = _phases(after)
    generic = (_generic_phases(before), _generic_phases(after))
    coefficients = None
    if _same_skeleton(after, other):
        # A phase is known up to 2 (units of pi); all steps together are far smaller.
        steps = [(b - a + 1) % 2 - 1 for a, b in zip(start, _phases(other)[1], strict=True)]
        coefficients = np.array([_decimals(2 * step / _unit(config), len(parameters)) for step in steps]) / 2.0
    constants = np.zeros(len(places))
    if coefficients is not None:
        for k, phase in enumerate(start):
            sums = sum((Fraction(c) * p for c, p in zip(coefficients[k].tolist(), parameters, strict=True)), Fraction(0))
            constants[k] = float((phase - sums) % 2)
    return Reduction(before, after, coefficients, constants, places, generic)


def phases_at(reduction: Reduction, parameters: np.ndarray) -> dict[Any, float]:
    """Phases of the reduced diagram, in units of pi, at other parameters (in units of pi)."""
    values = reduction.constants + reduction.coefficients @ parameters
    return dict(zip(reduction.places, values.tolist(), strict=True))


def _unit(config: CircuitConfig) -> Fraction:
    # 3 divides no power of ten, so that neither unit nor sums of units are fractions of small denominator.
    return Fraction(1, 3 * 10 ** (config.num_angles + config.num_features + _GUARD) + 1)


def _decimals(number: Fraction, count: int) -> list[int]:
    """Decimals of a number from the lowest, each between -4 and 5; what is no sum of such steps gives wrong ones, and the check fails."""
    rest, digits = round(number), []
    for _ in range(count):
        digit = (rest + 4) % 10 - 4
        digits.append(digit)
        rest = (rest - digit) // 10
    return digits


def _phases(graph: Any) -> tuple[list[Any], list[Fraction]]:
    from pyzx.utils import VertexType

    places: list[Any] = [v for v in sorted(graph.vertices()) if graph.type(v) != VertexType.BOUNDARY]
    phases = [graph.phase(v) for v in places]
    scalar = graph.scalar
    places += ["scalar", *(("scalar", k) for k in range(len(scalar.phasenodes)))]
    return places, [*phases, scalar.phase, *scalar.phasenodes]


def _same_skeleton(a: Any, b: Any) -> bool:
    """Whether two diagrams differ in phases only."""

    def skeleton(graph: Any) -> tuple[Any, ...]:
        edges = sorted((*sorted(graph.edge_st(e)), int(graph.edge_type(e))) for e in graph.edges())
        vertices = sorted((v, int(graph.type(v))) for v in graph.vertices())
        scalar = graph.scalar
        rest = (scalar.power2, len(scalar.phasenodes), scalar.is_zero, tuple(sorted(scalar.sum_of_phases.items())))
        return edges, vertices, graph.inputs(), graph.outputs(), rest

    return skeleton(a) == skeleton(b) and abs(a.scalar.floatfactor - b.scalar.floatfactor) < 1e-12


def _generic_phases(graph: Any) -> int:
    return sum((graph.phase(v) * 2) % 1 != 0 for v in graph.vertices())
