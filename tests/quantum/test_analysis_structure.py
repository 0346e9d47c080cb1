"""Gates, light cones, inert angles and ZX reductions of circuits whose answers are known."""

import math

import numpy as np
import pytest
import torch

from qallegro.quantum.analysis import zx_report
from qallegro.quantum.analysis.light_cones import COMMUTES, CONSTANT, EIGENSTATE, OUTSIDE, acting_rotations, explain_inert, light_cones
from qallegro.quantum.analysis.states import expectations_of, run_states, run_tangents
from qallegro.quantum.analysis.structure import count_gates
from qallegro.quantum.analysis.zx_contract import contract
from qallegro.quantum.analysis.zx_diagram import STATE, UNITARY, random_parameters, reduce_diagram, zx_circuit
from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.inert import find_inert
from qallegro.quantum.statevector import expectations
from tolerances import CIRCUIT_ANALYSIS

CIRCUITS = {
    "paper_y": {},
    "paper_z": {"observables": "Z"},
    "one_qubit": {"num_qubits": 1, "num_features": 1},
    "product": {"num_qubits": 3, "num_features": 3, "entangler": "none", "observables": "X"},
    "cz_x": {"entangler": "cz_ring", "encoding_axis": "X", "num_features": 8, "observables": "z_zz"},
    "ranges": {"num_qubits": 3, "num_features": 3, "entangler": "strongly_entangling", "depth": [2, 1]},
    "reuploading": {"num_qubits": 2, "num_features": 4, "num_reuploads": 2, "depth": [1, 0, 1, 1, 2], "encoding_axis": "Y"},
}


@pytest.fixture(params=CIRCUITS)
def config(request: pytest.FixtureRequest) -> CircuitConfig:
    return CircuitConfig(**CIRCUITS[request.param])


def random_points(config: CircuitConfig, count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return tuple(
        torch.rand(count, size, generator=generator, dtype=torch.float64) * 6.0 for size in (config.num_angles, config.num_features)
    )


def test_states_agree_with_the_training_layer(config):
    angles, features = random_points(config)
    fused = torch.stack([expectations(config, a, x[None])[0] for a, x in zip(angles, features, strict=True)])
    assert (expectations_of(config, run_states(config, angles, features)) - fused).abs().max() < CIRCUIT_ANALYSIS


def test_tangents_are_derivatives(config):
    angles, features = random_points(config, 1)
    states, tangents = run_tangents(config, angles, features)
    jacobian = torch.func.jacfwd(lambda a: torch.view_as_real(run_states(config, a[None], features)[0]))(angles[0])
    expected = torch.view_as_complex(jacobian.permute(2, 0, 1).contiguous())
    assert (tangents[0] - expected).abs().max() < CIRCUIT_ANALYSIS
    assert (states[0].abs().square().sum() - 1.0).abs() < CIRCUIT_ANALYSIS


def test_gates_of_the_paper_circuit():
    counts = count_gates(CircuitConfig())
    assert counts["by_kind"] == {"CNOT": 8, "RY": 8, "RZ": 20}
    assert (counts["gates"], counts["angles"], counts["two_qubit_depth"]) == (36, 24, 8)
    # Per qubit three rotations, then a ring that passes on from qubit to qubit, then four rotations, then the next ring.
    assert counts["depth"] == 3 + 4 + 4 + 4


def test_a_product_circuit_has_cones_of_one_qubit():
    config = CircuitConfig(num_qubits=3, num_features=3, entangler="none")
    for qubit, cone in enumerate(light_cones(config)):
        assert {q for g in cone.gates for q in gates(config)[g].qubits} == {qubit}
        assert cone.features == cone.acting_features == [qubit]


def test_a_ring_does_not_reach_back_to_its_last_feature():
    cone = light_cones(CircuitConfig())[1]
    # Qubit 1 is the target of qubit 0, whose last gate as a target comes after it.
    assert cone.features == [0, 1, 2]
    assert [g for g, gate in enumerate(gates(CircuitConfig())) if 3 in gate.qubits and g > 20 and g in cone.gates] == []


def test_nothing_outside_a_cone_acts(config):
    for cone in light_cones(config):
        assert set(cone.acting_angles) <= set(cone.angles)
        assert set(cone.acting_features) <= set(cone.features)


def test_rotations_that_act_anticommute_with_a_string(config):
    """What the strings call ineffective has no derivative; the converse needs the state too."""
    for cone, pauli in zip(light_cones(config), pauli_strings(config), strict=True):
        feels = acting_rotations(config, pauli)
        moved = {gate.angle for gate, felt in zip(gates(config), feels, strict=True) if felt and gate.angle is not None}
        assert set(cone.acting_angles) <= moved


@pytest.mark.parametrize(("letter", "count"), [("Y", 4), ("Z", 8)])
def test_inert_angles_of_the_paper_circuit(letter, count):
    found = explain_inert(CircuitConfig(observables=letter))
    assert len(found["angles"]) == count
    reasons = {item["angle"]: item["reason"] for item in found["angles"]}
    assert [angle for angle, reason in reasons.items() if reason == EIGENSTATE] == [0, 3, 6, 9]
    assert [angle for angle, reason in reasons.items() if reason == COMMUTES] == ([14, 17, 20, 23] if letter == "Z" else [])


def test_every_inert_angle_has_a_reason(config):
    found = explain_inert(config)
    assert [item["angle"] for item in found["angles"]] == list(find_inert(config).of_differences)
    assert {item["reason"] for item in found["angles"]} <= {EIGENSTATE, COMMUTES, CONSTANT, OUTSIDE}


def test_zx_of_the_paper_circuit():
    section, _ = zx_report.zx_section(CircuitConfig())
    cases = section["cases"]
    assert all(case["check"]["equal"] for case in cases.values())
    assert (cases[UNITARY]["num_angles_kept"], cases[UNITARY]["independent_angles"]) == (24, 24)
    assert (cases[UNITARY]["generic_phases_before"], cases[UNITARY]["generic_phases_after"]) == (28, 24)
    assert cases[STATE]["num_angles_kept"] == 20
    assert section["all_expectation_values"]["num_angles_kept"] == 20
    assert section["extraction"]["largest_deviation"] < zx_report.TOLERANCE


def test_zx_keeps_every_angle_with_a_gradient(config):
    section, _ = zx_report.zx_section(config)
    assert all(case["check"]["equal"] for case in section["cases"].values())
    active = set(range(config.num_angles)) - set(find_inert(config).of_outputs)
    assert set(section["all_expectation_values"]["angles_kept"]) >= active


def test_zx_finds_the_same_angles_measuring_z():
    section, _ = zx_report.zx_section(CircuitConfig(observables="Z"))
    assert section["all_expectation_values"] == {
        "angles_kept": [k for k in range(24) if k not in (0, 3, 6, 9, 14, 17, 20, 23)],
        "num_angles_kept": 16,
        "agrees_with_zero_gradients": True,
    }


@pytest.mark.parametrize("name", [UNITARY, STATE, "IIYI"])
def test_a_corrupted_reduction_is_found(name):
    config = CircuitConfig()
    reduction = reduce_diagram(config, name)
    assert zx_report.check_reduction(config, name, reduction)["equal"]
    # One vertex loses its phase: an angle would seem to vanish.
    vertex = int(np.flatnonzero(np.abs(reduction.coefficients).sum(1))[2])
    coefficients = reduction.coefficients.copy()
    coefficients[vertex] = 0.0
    case = zx_report.describe(config, name, reduction._replace(coefficients=coefficients))
    assert not case["check"]["equal"]
    assert "num_angles_kept" not in case


def test_a_diagram_with_a_lost_edge_is_found():
    config = CircuitConfig()
    reduction = reduce_diagram(config, UNITARY)
    reduction.after.remove_edge(next(iter(reduction.after.edges())))
    assert not zx_report.check_reduction(config, UNITARY, reduction)["equal"]


def test_a_wrong_sign_of_an_expectation_value_is_found():
    """The scalar counts: a diagram without open ends is nothing but a number."""
    config = CircuitConfig(num_qubits=2, num_features=2)
    reduction = reduce_diagram(config, "YI")
    assert zx_report.check_reduction(config, "YI", reduction)["equal"]
    constants = reduction.constants + np.array([1.0 if place == "scalar" else 0.0 for place in reduction.places])
    assert not zx_report.check_reduction(config, "YI", reduction._replace(constants=constants))["equal"]


def test_sums_over_spiders_agree_with_pyzx():
    config = CircuitConfig(num_qubits=3, num_features=3, entangler="cz_ring", encoding_axis="X")
    graph = zx_circuit(config, random_parameters(config, 2)).to_graph()
    # PyZX's matrix has rows for outputs, our tensor has inputs first.
    ours, theirs = contract(graph).reshape(8, 8).T.ravel(), graph.to_matrix().ravel()
    factor = np.vdot(theirs, ours) / np.vdot(theirs, theirs)
    assert np.abs(ours - factor * theirs).max() < CIRCUIT_ANALYSIS * np.abs(ours).max()


def test_no_claim_where_the_sum_is_too_wide(monkeypatch):
    monkeypatch.setattr("qallegro.quantum.analysis.zx_contract.MAX_OPEN_BITS", 6)
    section, _ = zx_report.zx_section(CircuitConfig())
    assert "num_angles_kept" not in section["cases"][UNITARY]
    assert "not checked" in section["cases"][UNITARY]["check"]["reason"]
    assert "after" not in section["extraction"]


def test_an_offset_of_a_feature_is_seen():
    """RZ(x) then RZ(a) are one phase."""
    section, _ = zx_report.zx_section(CircuitConfig(num_qubits=1, num_features=1))
    assert section["cases"][UNITARY]["features_fused_with_angles"] == [0]
    # The last RZ of the first block joins them: two of six angles are one.
    assert section["cases"][UNITARY]["independent_angles"] == 5
    assert math.isclose(section["cases"][UNITARY]["check"]["largest_deviation"], 0.0, abs_tol=zx_report.TOLERANCE)
