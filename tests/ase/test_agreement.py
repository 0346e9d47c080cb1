"""The calculator gives the numbers of the model code, from neighbor lists of ASE's own, on every kind of cell."""

import numpy as np
import pytest
import torch
from ase.stress import full_3x3_to_voigt_6_stress

from ase_systems import ASE_STRUCTURES
from qallegro.model.checkpoint import load_model
from qallegro.model.potential import EdgeGradients
from qallegro_ase import QAllegroCalculator
from systems import alloy, make_batch
from tolerances import CALCULATOR
from toy_export import toy_reference

CONFIGURATIONS = ["default", "default-float32", "typed_cutoffs", "typed_scales", "zbl", "spline", "no_parity", "mlp"]
CONFIGURATIONS += ["qdi", "qdi-float32", "qdi_reuploading"]


def reference(checkpoint, atoms):
    """Energy, energies, forces, virial and per-atom virial of the model code."""
    potential = load_model(checkpoint)[0]
    batch = make_batch([atoms], potential.config)
    prediction = potential.predict(batch)
    gradients = EdgeGradients(potential.network)(batch.types, batch.types[batch.neighbors], batch.edge_vectors)[1].detach()
    halves = -0.5 * torch.einsum("nka,nkb->nkab", batch.edge_vectors, gradients)
    per_atom = halves.sum(1).index_add(0, batch.neighbors.flatten(), halves.flatten(0, 1))
    return [array.numpy() for array in (*prediction[:3], prediction.virial[0], per_atom)]


@pytest.mark.parametrize("structure", ASE_STRUCTURES)
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_exported_file_agrees_with_the_model_code(configuration, structure, exported, checkpoints):
    agree(exported(configuration), checkpoints(configuration), configuration, structure)


@pytest.mark.parametrize("structure", ASE_STRUCTURES)
@pytest.mark.parametrize("configuration", ["default", "typed_cutoffs"])
def test_checkpoint_agrees_with_the_model_code(configuration, structure, checkpoints):
    agree(checkpoints(configuration), checkpoints(configuration), configuration, structure)


def agree(model, checkpoint, configuration, structure):
    tolerance = CALCULATOR["float32" if configuration.endswith("float32") else "float64"]
    atoms = ASE_STRUCTURES[structure]()
    energy, energies, forces, virial, per_atom_virial = reference(checkpoint, atoms)
    atoms.calc = QAllegroCalculator(model)
    np.testing.assert_allclose(atoms.get_potential_energies(), energies, rtol=0, atol=tolerance.energy)
    np.testing.assert_allclose(atoms.get_potential_energy(), energy[0], rtol=0, atol=tolerance.energy * len(atoms))
    assert atoms.calc.results["free_energy"] == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=tolerance.forces)
    if atoms.cell.rank < 3:
        assert "stress" not in atoms.calc.results
        return
    volume = atoms.get_volume()
    np.testing.assert_allclose(atoms.get_stress(), full_3x3_to_voigt_6_stress(-virial / volume), rtol=0, atol=tolerance.stress)
    expected = full_3x3_to_voigt_6_stress(-per_atom_virial / volume)
    np.testing.assert_allclose(atoms.get_stresses(), expected, rtol=0, atol=tolerance.stress)


def test_big_system_is_cut_into_blocks(checkpoints, exported):
    atoms = alloy() * (5, 5, 5)  # 2000 atoms: several blocks of either engine
    results = []
    for model in (checkpoints(), exported()):
        calc = QAllegroCalculator(model)
        results.append([calc.get_property(name, atoms) for name in ("energies", "forces", "stress", "stresses")])
        assert calc.timings["slots"] > 32768
    for eager, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=0, atol=CALCULATOR["float64"].forces)


def test_toy_potential_agrees_with_numpy(toy):
    atoms = alloy()
    atoms.calc = QAllegroCalculator(toy)
    expected = toy_reference(atoms)
    np.testing.assert_allclose(atoms.get_potential_energies(), expected.per_atom_energy, rtol=0, atol=CALCULATOR["float64"].energy)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=CALCULATOR["float64"].forces)
    stresses = full_3x3_to_voigt_6_stress(-expected.per_atom_virial / atoms.get_volume())
    np.testing.assert_allclose(atoms.get_stresses(), stresses, rtol=0, atol=CALCULATOR["float64"].stress)


def test_no_atoms(model):
    from ase import Atoms

    atoms = Atoms(calculator=QAllegroCalculator(model))
    assert atoms.get_potential_energy() == 0.0
    assert atoms.get_forces().shape == (0, 3)


@pytest.mark.slow
def test_aoti_package_agrees_with_the_model_code(checkpoints):
    from qallegro.export.exporter import export_model

    path = export_model(checkpoints(), format="aoti").path
    for structure in ASE_STRUCTURES:
        agree(path, checkpoints(), "default", structure)


def test_record_says_what_the_model_is(model):
    calc = QAllegroCalculator(model)
    assert calc.record["atom_types"] == ["Cu", "Li"]
    assert calc.r_max == calc.record["r_max"] == 4.0
    assert calc.record["provenance"] == {"made_by": "tests"}
    assert "float64" in calc.description
    calc.record["atom_types"].append("H")
    assert calc.record["atom_types"] == ["Cu", "Li"]
