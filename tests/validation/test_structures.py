"""Names, files, symmetry, and what is refused."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.lj import LennardJones

from qallegro.validation.errors import StructureError, UnstableError
from qallegro.validation.relaxation import as_given, check_stress, relax_crystal
from qallegro.validation.structures import (
    check_crystal,
    check_species,
    conventional,
    cubic_lattice,
    heights,
    nearest_distance,
    open_structure,
    rotations,
)


def test_a_name_is_the_crystal_of_the_element():
    assert cubic_lattice(open_structure("Cu")) == "fcc"
    assert cubic_lattice(open_structure("Si")) == "diamond"


def test_another_lattice_keeps_the_volume_per_atom():
    fcc, bcc = open_structure("Cu"), open_structure("Cu:bcc")
    assert cubic_lattice(bcc) == "bcc"
    assert bcc.get_volume() / len(bcc) == pytest.approx(fcc.get_volume() / len(fcc))


def test_a_file_is_read(tmp_path):
    bulk("Cu").write(tmp_path / "cu.cif")
    assert len(conventional(open_structure(str(tmp_path / "cu.cif")))) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Xx", "must be a file, or a name such as `Cu`"),
        ("Cu:hexagon", "must be one of sc, fcc, bcc, diamond"),
        ("S", "give a file instead"),
        ("broken.cif", "file that ASE can read"),
    ],
)
def test_what_is_no_structure_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.cif").write_text("nothing")
    with pytest.raises(StructureError, match=message):
        open_structure(text)


@pytest.mark.parametrize("atoms", [molecule("H2O"), Atoms("Cu", cell=[3, 3, 9], pbc=[True, True, False])], ids=["molecule", "layer"])
def test_what_is_no_crystal_is_refused(atoms):
    with pytest.raises(StructureError, match="periodic in three directions"):
        check_crystal(atoms)


def test_unknown_species_are_named():
    with pytest.raises(StructureError, match="Cu, Li, the structure has Si"):
        check_species(open_structure("Si"), ["Cu", "Li"])


def test_rotations_of_a_cubic_crystal_are_orthogonal():
    turns = rotations(conventional(bulk("Cu")))
    assert len(turns) == 48
    assert np.allclose(np.einsum("nab,ncb->nac", turns, turns), np.eye(3))


def test_distances_of_a_flat_cell():
    atoms = bulk("Cu", "fcc", a=3.6) * (3, 1, 1)
    assert nearest_distance(atoms) == pytest.approx(3.6 / 2**0.5)
    assert np.prod(heights(atoms)) < atoms.get_volume()


def test_relaxation_keeps_the_space_group_and_ends_without_stress(fcc):
    assert fcc.space_group == "Fm-3m"
    check_stress(fcc, 1e-3)


def test_a_strained_crystal_is_refused():
    crystal = as_given(bulk("Cu", "fcc", a=3.4), LennardJones(epsilon=0.4, sigma=2.3, rc=3.2, smooth=False))
    with pytest.raises(StructureError, match="free of stress.*leave out `--no-relax`"):
        check_stress(crystal)


def test_a_crystal_that_comes_apart_is_refused():
    crystal = bulk("Cu", "fcc", a=3.2)
    with pytest.raises(UnstableError, match="keep its volume"):
        relax_crystal(crystal, LennardJones(epsilon=1.0, sigma=4.5, rc=9.0, smooth=False))
