"""LAMMPS against the reference on every layout of ranks, in the order of the flow: the first failing stage names the fault."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from lammps_models import FLOAT64, MODELS, references, systems
from lammps_runner import LAYOUTS, pressure_tensor, snapshot
from lammps_systems import SYSTEMS
from qallegro_ase import QAllegroCalculator

EV_PER_A3_IN_BAR = 1.6021765e6  # LAMMPS's own constant for units metal
DUMP_DIGITS = 1e-14  # relative; what %.16g keeps


@pytest.fixture(params=list(LAYOUTS))
def layout(request):
    return request.param


@pytest.fixture(params=list(SYSTEMS))
def system(request):
    return request.param


@pytest.fixture(params=list(MODELS))
def case(request, layout, system, static_folder):
    """model, atoms, what LAMMPS says, what the reference says."""
    snap = snapshot(static_folder(layout), "in.log", f"{request.param}-{system}")
    return MODELS[request.param], systems()[system], snap, references()[request.param, system]


def test_number_of_edges(layout, system, static_folder):
    """The toy with one cutoff sees exactly the directed pairs that ASE's list has."""
    snap = snapshot(static_folder(layout), "in.log", f"toy-{system}")
    assert snap.thermo["c_edges[1]"] == len(neighbor_list("i", systems()[system], MODELS["toy"].r_max))


def test_per_atom_energies(case):
    model, _, snap, reference = case
    np.testing.assert_allclose(snap.per_atom_energy, reference.per_atom_energy, rtol=DUMP_DIGITS, atol=model.tolerance.energy)


def test_energy(case):
    model, atoms, snap, reference = case
    assert snap.thermo["PotEng"] == pytest.approx(reference.energy, rel=DUMP_DIGITS, abs=model.tolerance.energy * len(atoms))


def test_forces(case):
    model, _, snap, reference = case
    np.testing.assert_allclose(snap.forces, reference.forces, rtol=DUMP_DIGITS, atol=model.tolerance.force)


def test_pressure(case):
    """The global virial; at zero temperature the pressure has no other part."""
    model, atoms, snap, reference = case
    virial = pressure_tensor(snap.thermo) * snap.thermo["Volume"] / EV_PER_A3_IN_BAR
    np.testing.assert_allclose(virial, reference.virial, rtol=DUMP_DIGITS, atol=model.tolerance.virial * len(atoms))


def test_per_atom_virial(case):
    """Half of each edge to each end; LAMMPS keeps the upper triangle."""
    model, _, snap, reference = case
    upper = np.triu_indices(3)
    ours = snap.per_atom_virial[:, *upper] / EV_PER_A3_IN_BAR
    np.testing.assert_allclose(ours, reference.per_atom_virial[:, *upper], rtol=DUMP_DIGITS, atol=model.tolerance.virial)


def test_centroid_virial(case):
    """All of each edge to its neighbor, nine components."""
    model, _, snap, reference = case
    ours = snap.per_atom_virial_centroid / EV_PER_A3_IN_BAR
    np.testing.assert_allclose(ours, reference.per_atom_virial_centroid, rtol=DUMP_DIGITS, atol=model.tolerance.virial)


def test_per_atom_sums_equal_the_totals(case):
    model, atoms, snap, reference = case
    # The same numbers in another order: double precision whatever the network's.
    tolerance = MODELS["toy"].tolerance.virial * len(atoms)
    assert snap.per_atom_energy.sum() == pytest.approx(snap.thermo["PotEng"], rel=DUMP_DIGITS, abs=tolerance)
    total = pressure_tensor(snap.thermo) * snap.thermo["Volume"]
    for per_atom in (snap.per_atom_virial, snap.per_atom_virial_centroid):
        # The upper triangle, which is what LAMMPS's global virial holds: a float32 network is only nearly symmetric.
        difference = np.triu(per_atom.sum(0) - total) / EV_PER_A3_IN_BAR
        np.testing.assert_allclose(difference, 0.0, atol=tolerance)


def test_virial_is_forces_dot_positions(layout, static_folder):
    """Without periodic images the virial over edges must equal sum_i r_i F_i, which knows nothing of edges."""
    for name, model in MODELS.items():
        if model.tolerance is not FLOAT64:
            continue  # not exactly invariant under rotations, on which the equality rests
        snap = snapshot(static_folder(layout), "in.log", f"{name}-cluster")
        virial = pressure_tensor(snap.thermo) * snap.thermo["Volume"] / EV_PER_A3_IN_BAR
        expected = np.einsum("na,nb->ab", snap.positions, snap.forces)
        np.testing.assert_allclose(virial, expected, atol=model.tolerance.virial * 10)


@pytest.mark.parametrize("name", MODELS)
def test_ase_gives_the_same(name, model_files, static_folder):
    """The same file through both faces of the runtime: only rounding may differ."""
    model = MODELS[name]
    calculator = QAllegroCalculator(model_files[name])
    for system, atoms in systems().items():
        atoms = atoms.copy()
        atoms.calc = calculator
        snap = snapshot(static_folder("2"), "in.log", f"{name}-{system}")
        np.testing.assert_allclose(atoms.get_potential_energies(), snap.per_atom_energy, rtol=0, atol=model.tolerance.energy)
        np.testing.assert_allclose(atoms.get_forces(), snap.forces, rtol=0, atol=model.tolerance.force)
        if atoms.cell.rank == 3:
            ours = -pressure_tensor(snap.thermo) / EV_PER_A3_IN_BAR * atoms.get_volume()
            theirs = atoms.get_stress(voigt=False) * atoms.get_volume()
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=model.tolerance.virial * len(atoms))


def test_some_rank_was_empty(static_folder):
    """The layout 4x1x1 of the cluster must really have ranks without atoms, or the tests above prove less than they say."""
    log = (static_folder("4x1x1") / "in.log").read_text()
    section = log.split("\nsnapshot toy-cluster\n", 1)[1].split("\nsnapshot ", 1)[0]
    owned = next(line for line in section.splitlines() if line.startswith("Nlocal:"))
    assert " 0 min" in owned, owned
