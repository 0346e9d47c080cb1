"""Fisher information, Fourier series and gradient variances against closed forms and PennyLane."""

import math

import numpy as np
import pytest
import torch

from qallegro.quantum.analysis.fisher import effective_dimension, fisher_roots, fisher_section, rank, rank_by_depth
from qallegro.quantum.analysis.fourier import coefficients, fourier_section, frequencies, independent_frequencies, largest_frequencies
from qallegro.quantum.analysis.paper import is_paper_circuit, threshold_of_paper_count
from qallegro.quantum.analysis.plateaus import gradient_variance, plateau_section, with_qubits
from qallegro.quantum.analysis.sampling import seeded, uniform
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import apply_gates, circuit_qnode, encoding_angles
from tolerances import CIRCUIT_ANALYSIS, PENNYLANE_FISHER

ONE_QUBIT = CircuitConfig(num_qubits=1, num_features=1, depth=[1, 0], observables="X")


def information(roots: torch.Tensor) -> torch.Tensor:
    return (roots.transpose(1, 2) @ roots)[0]


def points(config: CircuitConfig, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = seeded(seed)
    return uniform(generator, 1, config.num_angles), uniform(generator, 1, config.num_features)


def test_information_of_one_qubit_by_hand():
    """RZ(a) RY(b) RZ(c) RZ(x) on |0>: <X> = sin b cos(c + x), metric diag(0, 1, sin^2 b)."""
    angles, features = points(ONE_QUBIT)
    b, phase = float(angles[0, 1]), float(angles[0, 2] + features[0, 0])
    roots = fisher_roots(ONE_QUBIT, angles, features)
    np.testing.assert_allclose(information(roots.quantum), np.diag([0.0, 1.0, math.sin(b) ** 2]), atol=CIRCUIT_ANALYSIS)
    slope = np.array([0.0, math.cos(b) * math.cos(phase), -math.sin(b) * math.sin(phase)])
    np.testing.assert_allclose(information(roots.outputs), np.outer(slope, slope), atol=CIRCUIT_ANALYSIS)
    # p = (1 +- <X>) / 2: sum (dp)^2 / p = slope^2 / (1 - <X>^2)
    variance = 1.0 - (math.sin(b) * math.cos(phase)) ** 2
    np.testing.assert_allclose(information(roots.classical), np.outer(slope, slope) / variance, atol=CIRCUIT_ANALYSIS)


def test_rotations_about_z_alone_carry_no_information():
    """RZ on |0> is a phase: nothing measured in Z, and no distance between states."""
    config = CircuitConfig(num_qubits=2, num_features=2, entangler="none", depth=1, observables="Z", encoding_axis="X")
    angles, features = points(config)
    # Without RY and without inputs only rotations about Z are left.
    angles[:, 1::3] = 0.0
    roots = fisher_roots(config, angles, torch.zeros_like(features))
    about_z = [k for k in range(config.num_angles) if k % 3 != 1]
    assert information(roots.classical)[about_z][:, about_z].abs().max() < CIRCUIT_ANALYSIS
    assert information(roots.quantum)[about_z][:, about_z].abs().max() < CIRCUIT_ANALYSIS


@pytest.mark.parametrize("letter", ["X", "Y", "Z"])
def test_information_agrees_with_pennylane(letter):
    qml = pytest.importorskip("pennylane")
    config = CircuitConfig(num_qubits=2, num_features=2, observables=letter)
    angles, features = points(config)
    encoded = encoding_angles(config, features)[0].numpy()
    device = qml.device("default.qubit", wires=2)

    @qml.qnode(device)
    def probabilities(theta):
        apply_gates(config, theta, encoded)
        for wire in range(2):
            if letter == "Y":
                qml.adjoint(qml.S)(wires=wire)
            if letter in "XY":
                qml.Hadamard(wires=wire)
        return qml.probs(wires=range(2))

    theta = qml.numpy.array(angles[0].numpy(), requires_grad=True)
    roots = fisher_roots(config, angles, features)
    classical = qml.gradients.classical_fisher(probabilities)(theta)
    quantum = qml.gradients.quantum_fisher(probabilities)(theta)
    np.testing.assert_allclose(information(roots.classical), classical, atol=PENNYLANE_FISHER)
    np.testing.assert_allclose(information(roots.quantum), quantum, atol=PENNYLANE_FISHER)


def test_information_of_outputs_is_that_of_autograd():
    config = CircuitConfig()
    angles, features = points(config)
    from qallegro.quantum.statevector import expectations

    jacobian = torch.autograd.functional.jacobian(lambda a: expectations(config, a, features)[0], angles[0])
    assert (fisher_roots(config, angles, features).outputs[0] - jacobian).abs().max() < CIRCUIT_ANALYSIS


def test_quantum_information_bounds_the_classical():
    config = CircuitConfig(num_qubits=3, num_features=3)
    for seed in range(5):
        roots = fisher_roots(config, *points(config, seed))
        smallest = torch.linalg.eigvalsh(information(roots.quantum) - information(roots.classical))[0]
        assert smallest > -CIRCUIT_ANALYSIS


@pytest.mark.parametrize(("letter", "active"), [("Y", 20), ("Z", 16)])
def test_ranks_of_the_paper_circuit(letter, active):
    config = CircuitConfig(observables=letter)
    section, _ = fisher_section(config, None, 1)
    # 2^4 - 1 is a ceiling at one input; inputs together tell every active angle.
    assert section["classical"]["rank_at_one_input"] == {"mean": 15.0, "std": 0.0, "largest": 15}
    assert section["classical"]["ceiling_at_one_input"] == 15
    assert section["outputs"]["rank_at_one_input"]["largest"] == 4
    assert section["outputs"]["rank_over_inputs"]["mean"] == section["classical"]["rank_over_inputs"]["mean"] == active


def test_ranks_stop_at_the_ceilings_with_more_layers():
    rows = rank_by_depth(CircuitConfig(num_qubits=2, num_features=2), [1, 4], 1)
    assert rows[1]["angles"] == 4 * rows[0]["angles"]
    assert rows[1]["classical"]["at_one_input"]["mean"] == 3
    assert rows[1]["quantum"]["at_one_input"]["mean"] == 6
    assert rows[1]["quantum"]["over_inputs"]["mean"] > 6


def test_rank_counts_directions():
    roots = torch.tensor([[[1.0, 0.0, 1.0], [2.0, 0.0, 2.0], [0.0, 1e-6, 0.0]]], dtype=torch.float64)
    assert rank(roots).tolist() == [2]


def test_effective_dimension_of_constant_information():
    """F = 1 for all angles: F^ = 1, d = A log(1 + kappa) / log kappa."""
    count, num_angles = 10_000, 5
    kappa = count / (2.0 * math.pi * math.log(count))
    fisher = 0.3 * torch.eye(num_angles, dtype=torch.float64).expand(7, -1, -1)
    assert math.isclose(effective_dimension(fisher, count), num_angles * math.log(1.0 + kappa) / math.log(kappa), rel_tol=1e-12)


def test_series_of_one_qubit_by_hand():
    """<X> = sin b cos(c + x): c_1 = sin b exp(i c) / 2, c_0 = 0."""
    angles, _ = points(ONE_QUBIT)
    found = coefficients(ONE_QUBIT, angles[0], [1])[0]
    expected = 0.5 * math.sin(float(angles[0, 1])) * np.exp(1j * float(angles[0, 2]))
    np.testing.assert_allclose(found, [0.0, expected, np.conj(expected)], atol=CIRCUIT_ANALYSIS)


def test_series_sums_to_the_circuit():
    config = CircuitConfig(num_qubits=2, num_features=2, num_reuploads=2, encoding_axis="Y")
    angles, features = points(config)
    reach = largest_frequencies(config).max(0).tolist()
    vectors = frequencies(reach)
    series = coefficients(config, angles[0], reach).reshape(config.num_outputs, -1) @ np.exp(1j * vectors @ features[0].numpy())
    values = torch.stack(circuit_qnode(config)(angles[0], features)).flatten().numpy()
    np.testing.assert_allclose(series, values, atol=CIRCUIT_ANALYSIS)


def test_series_agrees_with_pennylane():
    qml = pytest.importorskip("pennylane")
    config = CircuitConfig(num_qubits=2, num_features=2)
    angles, _ = points(config)
    qnode = circuit_qnode(config)

    def output(x):
        return float(qnode(angles[0], torch.as_tensor(np.array(x))[None])[1])

    theirs = qml.fourier.coefficients(output, 2, 1)
    np.testing.assert_allclose(coefficients(config, angles[0], [1, 1])[1], theirs, atol=CIRCUIT_ANALYSIS)


def test_reuploading_adds_frequencies():
    config = CircuitConfig(num_qubits=1, num_features=1, num_reuploads=3)
    assert largest_frequencies(config).tolist() == [[3]]
    # A grid with room for more finds nothing beyond the frequencies that the gates allow.
    found = np.abs(coefficients(config, points(config)[0][0], [5])[0])
    assert found[4:8].max() < CIRCUIT_ANALYSIS < found[3]


@pytest.mark.parametrize(
    ("letter", "parts", "independent"), [("Y", [161, 53, 161, 161], [81, 27, 81, 81]), ("Z", [53, 17, 53, 161], [27, 9, 27, 81])]
)
def test_counts_of_the_paper_circuit(letter, parts, independent):
    section, _ = fourier_section(CircuitConfig(observables=letter), None, 2)
    assert [row["parts"] for row in section["by_output"]] == parts
    assert [row["independent"] for row in section["by_output"]] == independent == section["accessible_by_output"]
    assert section["parts_not_zero_by_symmetry"] == 161
    assert section["union_over_outputs"]["parts"] == 161
    low, high = threshold_of_paper_count(section)[3]
    assert 1e-6 < low < high < 1e-3


def test_independent_frequencies_are_half():
    vectors = frequencies([1, 2])
    half = vectors[independent_frequencies(vectors)]
    assert len(half) == (15 + 1) // 2
    assert {tuple(k) for k in vectors.tolist()} == {tuple(k) for k in half.tolist()} | {tuple(-k) for k in half}


def test_many_features_are_looked_at_one_by_one():
    config = CircuitConfig(num_qubits=2, num_features=16)
    section, arrays = fourier_section(config, None, 1)
    assert section["accessible"] == 3**16
    assert "one feature at a time" in section["note"]
    assert len(arrays["one_feature"]) == 16


def test_gradient_variance_of_a_product_circuit():
    """<Y> of a qubit alone does not know how many others there are."""
    config = CircuitConfig(num_qubits=2, num_features=2, entangler="none")
    section = plateau_section(config, [2, 3, 4, 5], [1], 2)
    rates = section["rates_per_qubit"]
    assert abs(rates["own"]["rate"]) < 0.15
    # One observable on all of them is a product of as many factors.
    assert rates["global"]["rate"] > 0.5


def test_gradient_variance_by_hand():
    """<X> = sin b cos(c + x): d/dc has mean square <sin^2 b> <sin^2> = 1/4, d/db <cos^2 b> <cos^2> = 1/4."""
    row = gradient_variance(ONE_QUBIT, 4)["own"]
    assert abs(row["variance"] - 0.25) < 5.0 * row["bootstrap_error"]
    assert row["bootstrap_error"] < 0.02


def test_other_qubits_keep_the_encodings():
    changed = with_qubits(CircuitConfig(num_features=8, num_reuploads=2, depth=[1, 2, 1, 2, 1]), 3)
    assert (changed.num_qubits, changed.num_features, changed.depths) == (3, 6, [1, 2, 1, 2, 1])


def test_the_paper_circuit_is_known():
    assert is_paper_circuit(CircuitConfig(observables="Z"))
    assert is_paper_circuit(CircuitConfig(depth=[1, 1]))
    assert not is_paper_circuit(CircuitConfig(depth=2))
    assert not is_paper_circuit(CircuitConfig(observables="z_zz"))
