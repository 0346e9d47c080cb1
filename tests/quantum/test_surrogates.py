"""The classical forms of a circuit: equal to the training layer and to PennyLane, zero at zero, scriptable, with the circuit's spectrum."""

import numpy as np
import pytest
import torch

from qallegro.errors import ExportError
from qallegro.quantum.circuit import gates
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.pennylane_reference import PennyLaneLayer
from qallegro.quantum.statevector import differences
from qallegro.quantum.surrogates import compile as compiling
from qallegro.quantum.surrogates.coefficients import fourier_coefficients
from qallegro.quantum.surrogates.compile import compile_circuit
from qallegro.quantum.surrogates.costs import FORMS, costs
from qallegro.quantum.surrogates.fourier import FourierForm, make_groups
from qallegro.quantum.surrogates.pruning import prune
from qallegro.quantum.surrogates.request import Request
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import GatesForm, UnitaryForm
from random_circuits import NAMED, random_circuits, random_point
from tolerances import CIRCUIT, CIRCUIT_ROWS, SURROGATE_ROUNDING

CIRCUITS = random_circuits() | {name: CircuitConfig(**keys) for name, keys in NAMED.items()}
#: coefficients of form F that a test makes
FEW = 20000
CASES = [
    (form, name)
    for name, config in CIRCUITS.items()
    for form in FORMS
    if form != "fourier" or sum(c.num_coefficients * len(c.outputs) for c in light_cones(config)) <= FEW
]
SOME = ["paper_y", "reuploaded", "two_qubits_cz", "no_angles", "ranges", "one_qubit"]


def make(form, config, angles, dtype=torch.float64, budget=2.0**-53):
    if form == "unitary":
        return UnitaryForm(config, angles, dtype)
    if form == "gates":
        return GatesForm(config, angles, dtype)
    pruned = [prune(fourier_coefficients(config, angles, cone), budget) for cone in light_cones(config)]
    return FourierForm(make_groups(pruned), config.num_features, config.num_outputs, dtype)


def derivatives(function, features):
    """Values, gradient of a random sum of them, and gradient of a random sum of that."""
    generator = torch.Generator().manual_seed(4)
    x = features.detach().clone().requires_grad_(True)
    y = function(x)
    weights = torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)
    direction = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(y.dtype)
    (first,) = torch.autograd.grad((y * weights).sum(), x, create_graph=True)
    # A circuit whose outputs no feature reaches has no second derivative to speak of.
    contracted = (first * direction).sum()
    second = torch.autograd.grad(contracted, x)[0] if contracted.requires_grad else torch.zeros_like(x)
    return [t.detach().double() for t in (y, first, second)]


def test_most_circuits_have_a_fourier_form_here():
    assert sum(form == "fourier" for form, _ in CASES) >= 36


@pytest.mark.parametrize("form,name", CASES)
def test_equals_the_training_layer(form, name):
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=5, seed=len(name))
    module = make(form, config, angles)
    expected = derivatives(lambda x: differences(config, angles.detach(), x), features)
    for ours, theirs in zip(derivatives(module, features), expected, strict=True):
        scale = max(1.0, float(theirs.abs().max()))
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=CIRCUIT["float64"] * scale)


@pytest.mark.parametrize("form,name", [(form, name) for form, name in CASES if name in SOME])
def test_equals_pennylane(form, name):
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=5, seed=len(name))
    module, reference = make(form, config, angles), PennyLaneLayer(config, angles.detach())
    for ours, theirs in zip(derivatives(module, features), derivatives(reference, features), strict=True):
        scale = max(1.0, float(theirs.abs().max()))
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=CIRCUIT["float64"] * scale)


@pytest.mark.parametrize("form,name", [(form, name) for form, name in CASES if name in SOME])
def test_single_precision(form, name):
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=50, seed=1)
    features = features.detach().float()
    ours = derivatives(make(form, config, angles, torch.float32), features)[:2]
    expected = derivatives(lambda x: differences(config, angles.detach(), x), features.double())[:2]
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=CIRCUIT["float32"] * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form,name", [(form, name) for form, name in CASES if name in [*SOME, "paper_z", "eight_qubits"]])
def test_zero_at_zero_to_the_last_bit(form, name, dtype):
    """Also between other edges: an unused slot of a padded table has features of exactly zero."""
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=37, seed=2)
    features = features.detach().to(dtype)
    features[::3] = 0.0
    outputs = make(form, config, angles, dtype)(features)
    assert torch.count_nonzero(outputs[::3]) == 0
    assert torch.count_nonzero(outputs[1::3]) > 0


@pytest.mark.parametrize("form,name", [(form, name) for form, name in CASES if name in SOME])
def test_scripted_equals_eager_on_any_number_of_edges(form, name):
    config = CIRCUITS[name]
    angles, features = random_point(config, edges=33, seed=3)
    module = make(form, config, angles)
    scripted = torch.jit.script(module)
    for count in (33, 2, 1):
        for ours, theirs in zip(derivatives(scripted, features[:count]), derivatives(module, features[:count]), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0.0, atol=CIRCUIT_ROWS * max(1.0, float(theirs.abs().max())))
    for function in (module, scripted):
        empty = features[:0].detach().requires_grad_(True)
        outputs = function(empty)
        assert outputs.shape == (0, config.num_outputs)
        assert torch.autograd.grad(outputs.sum(), empty)[0].shape == empty.shape


@pytest.mark.parametrize("name", SOME)
def test_holds_no_complex_numbers_and_no_parameters(name):
    config = CIRCUITS[name]
    angles, _ = random_point(config)
    for form in FORMS:
        module = make(form, config, angles)
        assert not list(module.parameters())
        state = module.state_dict()
        assert set(state) == {key for key, _ in module.named_buffers()}
        assert not any(tensor.is_complex() for tensor in state.values())


def test_a_form_with_one_frequency_less_fails():
    """The spectrum comes from the circuit; a wrong one is off by order one, not by rounding."""
    config = CIRCUITS["reuploaded"]
    angles, features = random_point(config, edges=50, seed=5)
    expected = differences(config, angles.detach(), features.detach())
    (cone,) = [c for c in light_cones(config) if 0 in c.outputs]
    for degrees, smallest, largest in ((cone.degrees, 0.0, 1e-12), ((cone.degrees[0] - 1, *cone.degrees[1:]), 0.01, 10.0)):
        made = fourier_coefficients(config, angles, cone._replace(degrees=degrees))
        module = FourierForm(make_groups([prune(made, 0.0)]), config.num_features, config.num_outputs, torch.float64)
        outputs = list(cone.outputs)
        off = float((module(features.detach())[:, outputs] - expected[:, outputs]).abs().max())
        assert smallest <= off <= largest


def test_degrees_count_the_encodings_in_the_light_cone():
    config = CircuitConfig(num_qubits=2, num_features=4, num_reuploads=3, encoding_axis="X")
    (cone,) = light_cones(config)
    assert cone.features == (0, 1, 2, 3) and cone.outputs == (0, 1)
    assert cone.degrees == (3, 3, 3, 3)
    assert sum(gate.feature == 0 for gate in gates(config)) == 3


def test_without_an_entangler_each_output_sees_its_own_qubit():
    """9 qubits: together 3^9 coefficients an output, separately 3."""
    config = CircuitConfig(num_qubits=9, num_features=9, entangler="none", observables="X")
    assert [(c.features, c.outputs, c.degrees) for c in light_cones(config)] == [((q,), (q,), (1,)) for q in range(9)]
    angles, features = random_point(config, edges=4, seed=6)
    made = compile_circuit(config, angles, Request(torch.float64, form="fourier", edges=10))
    assert made.record["coefficients"]["spectrum"] == 18
    assert made.record["coefficients"]["stored"] < 9 * 27
    torch.testing.assert_close(made.module(features), differences(config, angles, features), rtol=0.0, atol=CIRCUIT["float64"])


def test_outputs_without_any_feature_are_zero():
    """A CZ ring before the measurement of Z: the encoding about Z reaches no output but through later rotations."""
    config = CircuitConfig(num_qubits=3, num_features=3, depth=[1, 1], entangler="none", observables="Z")
    angles, features = random_point(config, edges=4)
    cones = light_cones(config)
    pruned = [prune(fourier_coefficients(config, angles, cone), 2.0**-53) for cone in cones[:2]]
    outputs = FourierForm(make_groups(pruned), 3, 3, torch.float64)(features)
    expected = differences(config, angles, features)
    assert torch.count_nonzero(outputs[:, 2]) == 0
    torch.testing.assert_close(outputs[:, :2], expected[:, :2], rtol=0.0, atol=CIRCUIT["float64"])


def test_pruning_by_light_cones_saves_rows():
    """Coefficients that are zero by structure are dropped at no cost, beyond what sets of qubits can tell."""
    config = CIRCUITS["paper_y"]
    angles, _ = random_point(config, seed=8)
    found = [fourier_coefficients(config, angles, cone) for cone in light_cones(config)]
    count = sum(entry.tensor.size - entry.tensor.shape[-1] for entry in found)
    noise = [entry._replace(tensor=entry.tensor + 1e-19 * (entry.tensor == 0.0)) for entry in found]
    kept = sum(np.count_nonzero(prune(entry, 2.0**-53).coefficients.tensor) for entry in noise)
    assert kept <= sum(np.count_nonzero(np.abs(entry.tensor) > 1e-18) for entry in found) <= count


@pytest.mark.parametrize("name", ["paper_y", "two_qubits_cz"])
def test_auto_takes_the_fastest(name, monkeypatch):
    config = CIRCUITS[name]
    angles, _ = random_point(config)
    for fastest in FORMS:
        monkeypatch.setattr(compiling, "time_forms", lambda forms, *_, best=fastest: {form: 1.0 + (form != best) for form in forms})
        record = compile_circuit(config, angles, Request(torch.float64, edges=10)).record
        assert record["form"] == fastest
        assert set(record["timing"]["milliseconds"]) == set(FORMS)


def test_record_describes_the_form():
    config = CIRCUITS["reuploaded"]
    angles, _ = random_point(config)
    for form in FORMS:
        made = compile_circuit(config, angles, Request(torch.float32, form=form, edges=50, inputs=torch.zeros(7, 4)))
        record = made.record
        assert record["form"] == form and CircuitConfig.model_validate(record["circuit"]) == config
        assert record["angles"] == angles.tolist() and record["degrees"] == [3, 3, 3, 3]
        members = {key: list(buffer.shape) for key, buffer in made.module.named_buffers()}
        assert {key: member["shape"] for key, member in record["members"].items()} == members
        assert all(member["layout"] for member in record["members"].values())
        assert list(record["timing"]["milliseconds"]) == [form]
        assert record["measured"]["random"]["points"] == record["measured"]["random"]["gradient_points"] >= 2000
        assert record["measured"]["training"]["points"] == 7 and record["measured"]["training"]["value"] == 0.0
        assert record["measured"]["random"]["value"] <= SURROGATE_ROUNDING["float32"]
        assert made.exact


def test_hopeless_forms_are_left_out_with_the_reason():
    config = CircuitConfig(num_qubits=2, num_features=10)
    angles, _ = random_point(config)
    record = compile_circuit(config, angles, Request(torch.float64, edges=10)).record
    estimates = costs(config, torch.float64, 10)
    assert estimates["fourier"].flops > 50 * min(cost.flops for cost in estimates.values())
    assert "times the least" in record["timing"]["left_out"]["fourier"]
    assert set(record["timing"]["milliseconds"]) == {"unitary", "gates"}


def test_form_larger_than_memory(monkeypatch):
    config = CircuitConfig(num_qubits=4, num_features=20)
    angles, _ = random_point(config)
    with pytest.raises(ExportError, match=r"must fit into memory .* got the fourier form of .* GiB .* take `--surrogate unitary`"):
        compile_circuit(config, angles, Request(torch.float64, form="fourier"))
    monkeypatch.setattr(compiling, "available_bytes", lambda device: 2**10)
    with pytest.raises(ExportError, match="use fewer qubits or encodings"):
        compile_circuit(config, angles, Request(torch.float64))
    monkeypatch.setattr(compiling, "available_bytes", lambda device: 2**26)
    record = compile_circuit(config, angles, Request(torch.float64, edges=10)).record
    assert "GiB" in record["timing"]["left_out"]["fourier"]


@pytest.mark.parametrize(
    "options,message",
    [
        ({"form": "best"}, "`surrogate` must be one of auto, fourier, unitary, gates, got 'best'"),
        ({"tolerance": 0.0}, "`surrogate_tolerance` must be above 0"),
        ({"tolerance": 2.5}, "below 2"),
        ({"tolerance": float("nan")}, "got nan"),
        ({"form": "fourier", "tolerance": 1e-30}, "must be at most 1.0e-30"),
    ],
)
def test_bad_options(options, message):
    config = CIRCUITS["paper_y"]
    angles, _ = random_point(config)
    with pytest.raises(ExportError, match=message):
        compile_circuit(config, angles, Request(torch.float64, edges=10, **options))
