"""Which atoms and pairs belong to the model: NULL, doubled names, hybrid styles, types that change."""

import numpy as np
import pytest

from lammps_models import MODELS
from lammps_runner import Snapshot, observe_lines, run_well, snapshot, system_lines, write_data
from lammps_systems import NAMES, alloy, cluster
from toy_export import toy_reference

TOLERANCE = MODELS["toy"].tolerance.energy
# lj/cut beside the model: three pairs of coefficients, cutoff 3.9 Å
LJ = {"11": "0.011 2.3 3.9", "12": "0.017 2.4 3.9", "22": "0.023 2.6 3.9"}
# Three LAMMPS types for two species: type 3 is Li again where a name is given, else left out.
THREE = [*NAMES, "Li"]


def three_types(atoms) -> list[int]:
    types = [NAMES.index(symbol) + 1 for symbol in atoms.symbols]
    types[1::5] = [3] * len(types[1::5])
    return types


def lj_lines(style: str, pairs: dict[str, str]) -> str:
    return "".join(f"pair_coeff {ij[0]} {ij[1]} {style} {numbers}\n" for ij, numbers in pairs.items())


@pytest.fixture(scope="module", params=[1, 3])
def results(request, toy, tmp_path_factory):
    """label -> snapshot of every combination of styles, on one and on three ranks."""
    folder = tmp_path_factory.mktemp("types")
    atoms = alloy()
    write_data(folder / "two.data", atoms, NAMES)
    write_data(folder / "three.data", atoms, THREE, three_types(atoms))
    write_data(folder / "cluster.data", cluster(), NAMES)
    model = f"pair_coeff * * {toy} Cu Li\n"
    parts = {
        "doubled": ("three", f"pair_style qallegro\npair_coeff * * {toy} Cu Li Li\n"),
        "swapped": ("two", f"pair_style qallegro\npair_coeff * * {toy} Li Cu\n"),
        "null_alone": ("three", f"pair_style qallegro\npair_coeff * * {toy} Cu Li NULL\n"),
        "overlay_zero": ("two", f"pair_style hybrid/overlay qallegro zero 5.0\npair_coeff * * qallegro {toy} Cu Li\npair_coeff * * zero\n"),
        "overlay_lj": (
            "two",
            f"pair_style hybrid/overlay lj/cut 3.9 qallegro threads 1\npair_coeff * * qallegro {toy} Cu Li\n" + lj_lines("lj/cut", LJ),
        ),
        "lj": ("two", "pair_style lj/cut 3.9\n" + lj_lines("", LJ)),
        "hybrid_null": (
            "two",
            f"pair_style hybrid qallegro lj/cut 3.9\npair_coeff * * qallegro {toy} Cu NULL\n"
            + lj_lines("lj/cut", {ij: LJ[ij] for ij in ("12", "22")}),
        ),
        "lj_rest": ("two", "pair_style lj/cut 3.9\n" + lj_lines("", {**LJ, "11": "0.0 2.3 3.9"})),
        "twice": (
            "two",
            "pair_style hybrid/overlay qallegro qallegro\n"
            f"pair_coeff * * qallegro 1 {toy} Cu Li\npair_coeff * * qallegro 2 {toy} Cu NULL\n",
        ),
    }
    script = ""
    for label, (data, style) in parts.items():
        script += system_lines(atoms, f"{data}.data") + style
        script += observe_lines(label, edges=label in ("doubled", "null_alone", "hybrid_null")) + "run 0\n"
    script += system_lines(atoms, "two.data") + "pair_style qallegro\n" + model
    script += "fix move all nve\nvelocity all create 300 4711\n" + observe_lines("changing", edges=False)
    script += 'run 4 every 2 "set atom 2 type 2"\n'
    script += system_lines(cluster(), "cluster.data") + "pair_style qallegro\n" + model
    script += "run 0\nset atom 3 type 1\n" + observe_lines("changed_cluster", edges=False) + "run 0\n"
    run_well(script, folder, ranks=request.param)
    frames = [*parts, "changing", "changed_cluster"]
    return {label: snapshot(folder, "in.log", label) for label in frames}


def assert_same(snap: Snapshot, atoms, reference, rows=slice(None)) -> None:
    """Energy, per-atom energies and forces of the atoms `rows` are those of `reference`, all others are zero."""
    np.testing.assert_allclose(snap.per_atom_energy[rows], reference.per_atom_energy, atol=TOLERANCE)
    np.testing.assert_allclose(snap.forces[rows], reference.forces, atol=TOLERANCE)
    others = np.ones(len(atoms), dtype=bool)
    others[rows] = False
    assert not snap.per_atom_energy[others].any() and not snap.forces[others].any()
    assert snap.thermo["PotEng"] == pytest.approx(reference.energy, abs=TOLERANCE * len(atoms))


def test_two_lammps_types_may_be_one_species(results):
    atoms = alloy()
    atoms.symbols[np.array(three_types(atoms)) == 3] = "Li"
    assert_same(results["doubled"], atoms, toy_reference(atoms))


def test_names_follow_the_order_of_lammps_types(results):
    atoms = alloy()
    swapped = atoms.copy()
    swapped.symbols = ["Li" if symbol == "Cu" else "Cu" for symbol in atoms.symbols]
    assert_same(results["swapped"], atoms, toy_reference(swapped))


def test_null_leaves_atoms_out_as_centers_and_as_neighbors(results):
    atoms = alloy()
    kept = np.array(three_types(atoms)) != 3
    assert 0 < kept.sum() < len(atoms)
    assert_same(results["null_alone"], atoms, toy_reference(atoms[kept]), kept)


def test_overlay_with_zero_changes_nothing(results):
    atoms = alloy()
    assert_same(results["overlay_zero"], atoms, toy_reference(atoms))


def test_overlay_adds_lennard_jones(results):
    assert_sum(results["overlay_lj"], results["lj"], toy_reference(alloy()))


def test_hybrid_with_null_shares_the_pairs_out(results):
    """Cu-Cu by the model, all pairs with Li by lj/cut."""
    atoms = alloy()
    kept = np.array(atoms.symbols == "Cu")
    assert_sum(results["hybrid_null"], results["lj_rest"], toy_reference(atoms[kept]), kept)


def test_two_models_in_one_overlay(results):
    atoms = alloy()
    kept = np.array(atoms.symbols == "Cu")
    whole, part = toy_reference(atoms), toy_reference(atoms[kept])
    forces = whole.forces.copy()
    forces[kept] += part.forces
    np.testing.assert_allclose(results["twice"].forces, forces, atol=TOLERANCE)
    assert results["twice"].thermo["PotEng"] == pytest.approx(whole.energy + part.energy, abs=TOLERANCE * len(atoms))


def assert_sum(both: Snapshot, other: Snapshot, reference, rows=slice(None)) -> None:
    """`both` is `other` plus the reference: energies, forces, and both kinds of per-atom virial."""
    bar = 1.6021765e6  # eV/Å^3 in units metal
    for name, ours in (
        ("forces", reference.forces),
        ("per_atom_energy", reference.per_atom_energy),
        ("per_atom_virial_centroid", bar * reference.per_atom_virial_centroid),
    ):
        expected = getattr(other, name).copy()
        expected[rows] += ours
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(getattr(both, name), expected, atol=TOLERANCE * scale, err_msg=name)
    expected = other.thermo["PotEng"] + reference.energy
    assert both.thermo["PotEng"] == pytest.approx(expected, abs=TOLERANCE * len(both.forces))


def test_type_changed_during_a_run(results):
    snap = results["changing"]
    atoms = alloy()
    assert atoms.symbols[1] == "Cu" and snap.types[1] == 2
    atoms.symbols[1] = "Li"
    atoms.positions = snap.positions
    assert_same(snap, atoms, toy_reference(atoms))


def test_type_changed_between_runs_of_a_cluster(results):
    atoms = cluster()
    assert atoms.symbols[2] == "Li"
    atoms.symbols[2] = "Cu"
    assert_same(results["changed_cluster"], atoms, toy_reference(atoms))
