"""What every model configuration must obey, whatever its hyperparameters."""

import numpy as np
import pytest
import torch

from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model, save_model
from systems import CONFIGS, STRUCTURES, alloy, cluster, make_batch, tiny_cell, tiny_config
from tolerances import FINITE_DIFFERENCE_FORCES, FINITE_DIFFERENCE_STEP, NET_FORCE, PARITY


@pytest.fixture(params=CONFIGS, scope="module")
def potential(request):
    return build_potential(tiny_config(request.param), seed=7)


def energy(potential, atoms):
    return float(potential.predict(make_batch([atoms], potential.config), forces=False).energy[0])


def result(potential, atoms):
    return potential.predict(make_batch([atoms], potential.config))


@pytest.mark.parametrize("name", ["alloy", "cluster", "slab"])
def test_forces_are_the_derivative_of_the_energy(potential, name):
    atoms = STRUCTURES[name]()
    forces = result(potential, atoms).forces
    rng = np.random.default_rng(0)
    direction = rng.normal(size=atoms.positions.shape)
    moved = [atoms.copy(), atoms.copy()]
    for sign, copy in zip((1, -1), moved, strict=True):
        copy.positions += sign * FINITE_DIFFERENCE_STEP * direction
    slope = (energy(potential, moved[0]) - energy(potential, moved[1])) / (2 * FINITE_DIFFERENCE_STEP)
    assert float((forces.numpy() * direction).sum()) == pytest.approx(-slope, abs=FINITE_DIFFERENCE_FORCES * np.abs(direction).sum())


@pytest.mark.parametrize("name", ["alloy", "tiny_cell"])
def test_virial_is_the_derivative_with_respect_to_strain(potential, name):
    atoms = STRUCTURES[name]()
    virial = result(potential, atoms).virial[0]
    for a, b in ((0, 0), (1, 2), (0, 1)):
        strained = []
        for sign in (1, -1):
            deformation = np.eye(3)
            deformation[a, b] += 0.5 * sign * 1e-5
            deformation[b, a] += 0.5 * sign * 1e-5
            copy = atoms.copy()
            copy.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
            strained.append(energy(potential, copy))
        assert float(virial[a, b]) == pytest.approx(-(strained[0] - strained[1]) / 2e-5, abs=1e-5 * len(atoms))
    torch.testing.assert_close(virial, virial.T, rtol=0, atol=1e-10)


def test_energy_does_not_change_under_rotation_reflection_and_shift(potential):
    atoms = alloy()
    rng = np.random.default_rng(11)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # may reflect: the energy is invariant under O(3)
    before = result(potential, atoms)
    for q in (rotation, -rotation):
        turned = atoms.copy()
        turned.set_cell(atoms.cell.array @ q.T)
        turned.positions = atoms.positions @ q.T + rng.normal(size=3)
        after = result(potential, turned)
        np.testing.assert_allclose(after.per_atom_energy, before.per_atom_energy, rtol=0, atol=1e-11)
        np.testing.assert_allclose(after.forces, before.forces.numpy() @ q.T, rtol=0, atol=1e-11)
        np.testing.assert_allclose(after.virial[0], q @ before.virial[0].numpy() @ q.T, rtol=0, atol=1e-10)


def test_order_of_atoms_and_choice_of_image_do_not_matter(potential):
    atoms = alloy()
    before = result(potential, atoms)
    order = np.random.default_rng(2).permutation(len(atoms))
    shuffled = atoms[order]
    shuffled.positions += np.random.default_rng(3).integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    after = result(potential, shuffled)
    np.testing.assert_allclose(after.per_atom_energy, before.per_atom_energy[order], rtol=0, atol=1e-11)
    np.testing.assert_allclose(after.forces, before.forces[order], rtol=0, atol=1e-11)


def test_forces_sum_to_zero(potential):
    for make in (alloy, tiny_cell, cluster):
        assert float(result(potential, make()).forces.sum(0).abs().max()) < NET_FORCE["float64"]


def test_a_batch_gives_what_its_frames_give_one_by_one(potential):
    frames = [make() for make in STRUCTURES.values()]
    batch = make_batch(frames, potential.config, slots=90)
    together = potential.predict(batch)
    start = 0
    for k, atoms in enumerate(frames):
        alone = result(potential, atoms)
        part = slice(start, start + len(atoms))
        np.testing.assert_allclose(together.per_atom_energy[part], alone.per_atom_energy, rtol=0, atol=1e-11)
        np.testing.assert_allclose(together.forces[part], alone.forces, rtol=0, atol=1e-11)
        np.testing.assert_allclose(together.virial[k], alone.virial[0], rtol=0, atol=1e-10)
        start += len(atoms)


def test_an_atom_without_neighbors_has_its_reference_energy_and_no_force(potential):
    shift = potential.config.per_type("per_type_energy_shifts", 0.0)
    single = result(potential, STRUCTURES["single"]())
    assert float(single.energy[0]) == shift[1]
    assert float(single.forces.abs().max()) == 0.0
    lonely = result(potential, STRUCTURES["lonely"]())
    assert float(lonely.per_atom_energy[2]) == shift[0]
    assert float(lonely.forces[2].abs().max()) == 0.0


def test_exactly_zero_beyond_the_cutoff_and_smooth_at_it(potential):
    """Energy, first and second derivative of a dimer go to zero at the cutoff; a third atom makes the tensor track take part."""
    config = potential.config
    cutoff = config.cutoffs()[0][1]
    base = cluster()[:3]
    base.symbols[:] = "Cu"

    def at(distance):
        atoms = base + base[:1]
        atoms.symbols[3] = "Li"
        atoms.positions[3] = base.positions[0] - np.array([distance, 0.0, 0.0])
        return energy(potential, atoms)

    beyond = at(cutoff + 1e-9)
    assert at(cutoff + 0.7) == pytest.approx(beyond, abs=1e-13)  # nothing but rounding of sums changes
    h = 1e-3
    close = [at(cutoff - k * h) - beyond for k in range(4)]
    # Zero with a third power or higher: value below h^3, slope below h^2, curvature below h, times an amplitude well below 1 eV/Å^3.
    assert abs(close[1]) < h**3
    assert abs(close[1] - close[0]) / h < h**2
    assert abs(close[2] - 2 * close[1] + close[0]) / h**2 < h
    assert abs(at(cutoff - 0.5) - beyond) > 1e-7  # the pair does interact inside


def test_curvature_is_continuous_along_a_path_through_the_cutoff(potential):
    """With step h, the second derivative changes by O(h) from point to point where it is continuous, by O(1) where it jumps."""
    base = cluster()[:3]
    start, length = 1.6, potential.config.r_max - 1.3

    def largest_change(points):
        frames = []
        for s in np.linspace(0.0, length, points):
            atoms = base.copy()
            atoms.extend(base[:1])
            atoms.positions[3] = base.positions[0] - np.array([start + s, 0.2 * s, 0.1])
            frames.append(atoms)
        forces = potential.predict(make_batch(frames, potential.config)).forces.view(points, 4, 3)
        curvature = torch.diff(forces, dim=0) * (points - 1) / length
        return float(torch.diff(curvature, dim=0).abs().max())

    coarse, fine = largest_change(161), largest_change(321)
    assert fine < 0.65 * coarse


def test_training_gradients_are_the_derivative_of_the_loss(potential):
    """Double backward against central differences along a random direction of all weights."""
    batch = make_batch([alloy(), cluster()], potential.config)
    weights = [p for p in potential.parameters() if p.requires_grad]

    def loss(training):
        p = potential.predict(batch, training=training)
        return p.energy.square().sum() * 0.01 + p.forces.square().sum() + 0.1 * p.virial.square().sum()

    gradients = torch.autograd.grad(loss(True), weights, allow_unused=True)
    generator = torch.Generator().manual_seed(4)
    directions = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in weights]
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True) if g is not None)
    step, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            for w, d in zip(weights, directions, strict=True):
                w.add_(d, alpha=sign * step)
        values.append(float(loss(False)))
        with torch.no_grad():
            for w, d in zip(weights, directions, strict=True):
                w.add_(d, alpha=-sign * step)
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


def test_inputs_are_left_alone(potential):
    batch = make_batch([alloy()], potential.config)
    copies = [t.clone() for t in batch]
    potential.predict(batch)
    for before, after in zip(copies, batch, strict=True):
        assert torch.equal(before, after) and not after.requires_grad


def test_single_precision_is_close(potential):
    from qallegro.export.exporter import with_dtype

    single = with_dtype(potential, "float32")
    for make in (alloy, cluster):
        expected, got = result(potential, make()), result(single, make())
        scale = max(1.0, float(expected.forces.abs().max()))
        assert float((expected.per_atom_energy - got.per_atom_energy).abs().max()) < PARITY["float32"].energy * scale
        assert float((expected.forces - got.forces).abs().max()) < PARITY["float32"].forces * scale


def test_a_saved_model_comes_back_the_same(potential, tmp_path):
    save_model(tmp_path / "model.pth", potential, {"note": "test"})
    back, provenance = load_model(tmp_path / "model.pth")
    assert provenance == {"note": "test"} and back.config == potential.config
    assert torch.equal(result(back, alloy()).forces, result(potential, alloy()).forces)
    assert list(tmp_path.iterdir()) == [tmp_path / "model.pth"]
