"""The proof: every bound is larger than what is measured, and not much larger where that can be promised."""

import math

import mpmath
import numpy as np
import pytest
import torch

from qallegro.errors import ExportError
from qallegro.quantum.bounds import PREPARATION, dropped_bound, grid_error, interpolation_bound, lebesgue_constant
from qallegro.quantum.circuit import gates, pauli_strings
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.statevector import differences
from qallegro.quantum.surrogates import compile as compiling
from qallegro.quantum.surrogates.coefficients import fourier_coefficients, probabilities
from qallegro.quantum.surrogates.compile import compile_circuit
from qallegro.quantum.surrogates.fourier import FourierForm, make_groups, rounding_bound
from qallegro.quantum.surrogates.measured import deviation, random_features, witness_bound
from qallegro.quantum.surrogates.pruning import prune
from qallegro.quantum.surrogates.request import Request
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import GatesForm, UnitaryForm, gates_bounds, unitary_bounds
from qallegro.quantum.surrogates.steps import Real, blocks
from random_circuits import NAMED, random_circuits, random_point

SMALL = {
    name: config
    for name, config in (random_circuits() | {name: CircuitConfig(**keys) for name, keys in NAMED.items()}).items()
    if 0 < sum(c.num_coefficients * len(c.outputs) for c in light_cones(config) if c.features) < 3000
}
DTYPES = {"float32": torch.float32, "float64": torch.float64}
#: a bound on dropped terms takes each frequency at its largest; random points rarely meet all at once
LOOSE = 12.0


def jacobian(function, features):
    x = features.detach().clone().requires_grad_(True)
    y = function(x)
    rows = [torch.autograd.grad(y[:, o].sum(), x, retain_graph=True)[0] for o in range(y.shape[1])]
    return y.detach().double().numpy(), torch.stack(rows, 1).double().numpy()


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 6])
def test_lebesgue_constant_is_the_largest_sum_of_cardinal_functions(degree):
    n = 2 * degree + 1
    x = np.linspace(0.0, 2.0 * np.pi, 20011)[1:, None] - 2.0 * np.pi * np.arange(n) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        cardinal = np.where(np.abs(np.sin(x / 2)) < 1e-12, 1.0, np.sin(n * x / 2) / (n * np.sin(x / 2)))
    largest = np.abs(cardinal).sum(1).max()
    assert largest <= lebesgue_constant(degree) <= largest * (1 + 1e-5)
    if degree == 1:
        assert lebesgue_constant(1) == pytest.approx(5.0 / 3.0, rel=1e-5)


def test_interpolation_bound_holds_for_random_errors_on_the_grid():
    rng = np.random.default_rng(1)
    degrees, error = (1, 2), 1e-3
    config = CircuitConfig(num_qubits=1, num_features=2)
    value, gradient = interpolation_bound(degrees, error)
    nodes = [2.0 * np.pi * np.arange(2 * r + 1) / (2 * r + 1) for r in degrees]
    x = rng.uniform(-np.pi, np.pi, (4000, config.num_features))

    def cardinals(points, axis):
        n = 2 * degrees[axis] + 1
        t = points[:, None] - nodes[axis]
        k = np.arange(1, degrees[axis] + 1)
        return (1.0 + 2.0 * np.cos(t[..., None] * k).sum(-1)) / n, (-2.0 * np.sin(t[..., None] * k) * k).sum(-1) / n

    seen = np.zeros(3)
    for _ in range(20):
        off = error * rng.choice([-1.0, 1.0], (3, 5))
        (a, da), (b, db) = cardinals(x[:, 0], 0), cardinals(x[:, 1], 1)
        at_zero = off[0, 0]
        found = [np.einsum("pi,ij,pj->p", *terms) for terms in ((a, off, b), (da, off, b), (a, off, db))]
        seen = np.maximum(seen, [np.abs(found[0] - at_zero).max(), np.abs(found[1]).max(), np.abs(found[2]).max()])
    assert np.all(seen <= [value, *gradient]) and np.all(3.0 * seen >= [value, *gradient])


@pytest.mark.parametrize("seed", range(6))
def test_dropped_bound(seed):
    rng = np.random.default_rng(seed)
    degrees = [(1,), (3,), (1, 1), (2, 1), (1, 1, 1), (2, 2)][seed]
    dropped = rng.normal(size=[2 * r + 1 for r in degrees])
    value, gradient = dropped_bound(dropped)
    x = rng.uniform(-np.pi, np.pi, (200000, len(degrees)))
    functions, slopes = [], []
    for column, r in zip(x.T, degrees, strict=True):
        k = np.arange(1, r + 1)
        sin, cos = np.sin(np.outer(column, k) / 2), np.cos(np.outer(column, k) / 2)
        functions.append(np.concatenate([np.ones((len(x), 1)), sin**2, sin * cos], 1))
        slopes.append(np.concatenate([np.zeros((len(x), 1)), k * sin * cos, k / 2 * (cos**2 - sin**2)], 1))

    def largest(factors):
        total = np.broadcast_to(dropped, (len(x), *dropped.shape))
        for factor in factors:
            total = np.einsum("pa...,pa->p...", total, factor)
        return np.abs(total).max()

    assert largest(functions) <= value <= LOOSE * largest(functions)
    for axis in range(len(degrees)):
        found = largest([slopes[a] if a == axis else functions[a] for a in range(len(degrees))])
        assert found <= gradient[axis] <= LOOSE * found


def test_one_frequency_is_bounded_by_the_root_of_the_squares():
    """a (cos 2x - 1) + b sin 2x: amplitude sqrt(a^2 + b^2) about -a."""
    a, b = 0.3, -0.4
    dropped = np.array([0.0, 0.0, -2.0 * a, 0.0, 2.0 * b])
    value, gradient = dropped_bound(dropped)
    assert value == pytest.approx(0.5 + 0.3, rel=1e-5) and gradient[0] == pytest.approx(2.0 * 0.5, rel=1e-5)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-3, 3e-2, 0.3])
@pytest.mark.parametrize("name", list(SMALL)[::3] + ["paper_y", "reuploaded"])
def test_pruned_forms_stay_within_their_bound_and_within_the_tolerance(name, tolerance):
    config = SMALL[name] if name in SMALL else CircuitConfig(**NAMED[name])
    angles, features = random_point(config, edges=2000, seed=3)
    expected = jacobian(lambda x: differences(config, angles.detach(), x), features)
    pruned = [prune(fourier_coefficients(config, angles, cone), tolerance) for cone in light_cones(config)]
    module = FourierForm(make_groups(pruned), config.num_features, config.num_outputs, torch.float64)
    value, gradient = (np.abs(a - b).max(0) for a, b in zip(jacobian(module, features), expected, strict=True))
    assert np.count_nonzero(jacobian(module, torch.zeros(1, config.num_features, dtype=torch.float64))[0]) == 0
    for entry in pruned:
        outputs, cone = list(entry.coefficients.cone.outputs), entry.coefficients.cone
        assert np.all(entry.value <= tolerance)
        assert np.all(value[outputs] <= entry.value + 1e-11)
        assert np.all(gradient[np.ix_(outputs, list(cone.features))] <= entry.gradient + 1e-11)
        # Not absurdly larger than what 2000 random points find.
        assert np.all(entry.value <= LOOSE * value[outputs] + 1e-11)


def test_a_larger_tolerance_drops_more():
    config = CircuitConfig(**NAMED["reuploaded"])
    angles, _ = random_point(config, seed=3)
    found = [fourier_coefficients(config, angles, cone) for cone in light_cones(config)]
    dropped = [sum(prune(entry, t).dropped for entry in found) for t in (0.0, 1e-6, 1e-4, 1e-2, 0.1, 1.0)]
    assert dropped[0] == 0 and dropped == sorted(dropped) and dropped[-1] > 1000


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(SMALL)[1::2])
def test_rounding_stays_within_its_bound(name, dtype):
    config, kind = SMALL[name], DTYPES[dtype]
    angles, _ = random_point(config, seed=4)
    features = random_features(config, 400, kind)
    expected = jacobian(lambda x: differences(config, angles.detach(), x), features.double())
    witness = witness_bound(config, angles)
    groups = make_groups([prune(fourier_coefficients(config, angles, cone), 0.0) for cone in light_cones(config)])
    zero = np.zeros(config.num_outputs), np.zeros((config.num_outputs, config.num_features))
    forms = {
        "fourier": (
            FourierForm(groups, config.num_features, config.num_outputs, kind),
            (type(witness)(*zero), rounding_bound(groups, config.num_features, config.num_outputs, kind)),
        ),
        "unitary": (UnitaryForm(config, angles, kind), unitary_bounds(config, angles, kind)),
        "gates": (GatesForm(config, angles, kind), gates_bounds(config, angles, kind)),
    }
    for form, (module, (approximation, rounding)) in forms.items():
        allowed = approximation + rounding + witness
        for seen, exact, bound in zip(jacobian(module, features), expected, allowed, strict=True):
            assert np.all(np.abs(seen - exact).max(0) <= bound), form
        # A bound that says nothing would pass as well.
        assert rounding.largest[0] < {"float32": 0.05, "float64": 1e-10}[dtype], form


@pytest.mark.parametrize("keys", [{"num_qubits": 2, "num_features": 4, "encoding_axis": "X", "depth": 2}, NAMED["paper_z"]])
def test_error_of_values_on_the_grid_against_fifty_digits(keys):
    """The a-priori bound of the state vector that coefficients are made of, with mpmath as witness."""
    config = CircuitConfig(**keys)
    angles, _ = random_point(config, seed=9)
    made = blocks(config, angles)
    j = np.random.default_rng(0).integers(-1, 2, (config.num_features, 6))
    features = 2 * (4 * np.arctan(Real(1)) * (j.astype(Real) / 3))
    found = probabilities(config, made, features)
    signs = [[(-1) ** sum((b >> (config.num_qubits - 1 - q)) & 1 for q, s in enumerate(p) if s != "I") for b in range(2**config.num_qubits)]
             for p in pauli_strings(config)]  # fmt: skip
    worst = 0.0
    with mpmath.workdps(50):
        for column in range(j.shape[1]):
            exact = precise_expectations(config, angles.tolist(), [2 * mpmath.pi * int(k) / 3 for k in j[:, column]])
            for row, value in zip(signs, exact, strict=True):
                ours = mpmath.fsum(sign * to_mp(p) for sign, p in zip(row, found[:, column], strict=True))
                worst = max(worst, float(abs(ours - value)))
    bound = grid_error(made, config.num_qubits)
    assert worst <= bound <= 1000.0 * max(worst, PREPARATION)


def to_mp(value):
    high = float(value)
    return mpmath.mpf(high) + mpmath.mpf(float(value - Real(high)))


def precise_expectations(config, angles, features):
    """Gate by gate in mpmath, from the list of gates alone."""
    n = config.num_qubits
    state = [mpmath.mpc(0)] * 2**n
    state[0] = mpmath.mpc(1)

    def single(state, q, m):
        bit, result = 1 << (n - 1 - q), list(state)
        for b in range(2**n):
            if not b & bit:
                result[b] = m[0][0] * state[b] + m[0][1] * state[b | bit]
                result[b | bit] = m[1][0] * state[b] + m[1][1] * state[b | bit]
        return result

    for gate in gates(config):
        if len(gate.qubits) == 2:
            control, target = (1 << (n - 1 - q) for q in gate.qubits)
            if gate.name == "CZ":
                state = [-a if b & control and b & target else a for b, a in enumerate(state)]
            else:
                state = [state[b ^ target] if b & control else a for b, a in enumerate(state)]
            continue
        half = mpmath.mpf(angles[gate.angle]) / 2 if gate.angle is not None else features[gate.feature] / 2
        c, s, i = mpmath.cos(half), mpmath.sin(half), mpmath.mpc(0, 1)
        matrices = {"RX": [[c, -i * s], [-i * s, c]], "RY": [[c, -s], [s, c]], "RZ": [[c - i * s, 0], [0, c + i * s]]}
        state = single(state, gate.qubits[0], matrices[gate.name])
    paulis = {"X": [[0, 1], [1, 0]], "Y": [[0, mpmath.mpc(0, -1)], [mpmath.mpc(0, 1), 0]], "Z": [[1, 0], [0, -1]]}
    values = []
    for string in pauli_strings(config):
        acted = state
        for q, letter in enumerate(string):
            if letter != "I":
                acted = single(acted, q, paulis[letter])
        values.append(mpmath.fsum((mpmath.conj(a) * b).real for a, b in zip(state, acted, strict=True)))
    return values


def test_approximation_bound_of_exact_forms_is_rounding():
    config = CircuitConfig(**NAMED["paper_y"])
    angles, _ = random_point(config)
    for form, limit in (("fourier", 1e-13), ("unitary", 1e-13), ("gates", 1e-13)):
        bounds = compile_circuit(config, angles, Request(torch.float64, form=form, edges=10)).record["bounds"]
        assert 0.0 < bounds["value"]["approximation"] < limit
        assert 0.0 < bounds["gradient"]["approximation"] < limit
        assert bounds["value"]["rounding"] < 1e-11 and math.isfinite(bounds["gradient"]["rounding"])


@pytest.mark.parametrize("form", ["fourier", "unitary", "gates"])
def test_a_form_that_is_off_by_more_than_its_bound_is_refused(form, monkeypatch):
    """The check against PennyLane is a real one: a wrong constant in the eighth digit is caught."""
    config = CircuitConfig(**NAMED["paper_y"])
    angles, _ = random_point(config)
    maker = compiling._MAKERS[form]

    def off(*arguments):
        made = maker(*arguments)
        buffers = {name: b for name, b in made.module.named_buffers() if name.endswith(("coefficients", "first_squares", "matrix"))}
        next(iter(buffers.values())).mul_(1.0 + 1e-8)
        return made

    monkeypatch.setitem(compiling._MAKERS, form, off)
    with pytest.raises(ExportError, match="must be at most its bound"):
        compile_circuit(config, angles, Request(torch.float64, form=form, edges=10))


def test_deviation_of_the_training_layer_itself_is_rounding():
    config = CircuitConfig(**NAMED["paper_y"])
    angles, _ = random_point(config)
    layer = UnitaryForm(config, angles, torch.float64)
    found = deviation(layer, config, angles, random_features(config, 30, torch.float64))
    assert found.points == found.gradient_points == 30
    assert np.all(found.value <= witness_bound(config, angles).value + 1e-14)
    assert float(found.value.max()) > 0.0
