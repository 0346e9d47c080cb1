"""Structures of the Cu-Li set: the same at every call, each group in one split, atoms at sane distances."""

import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

sys.path.insert(0, str(Path(__file__).parents[2] / "datasets" / "cu_li"))

import build  # noqa: E402
import cells  # noqa: E402
import dft  # noqa: E402
from families import FAMILIES, MIN_DISTANCES, vacancy_family  # noqa: E402


@pytest.fixture(scope="module")
def frames():
    return build.build([])


def test_the_same_structures_are_built_again_and_survive_their_file(frames, tmp_path):
    build.write(frames, tmp_path / "a.xyz")
    build.write(build.build([]), tmp_path / "b.xyz")
    assert (tmp_path / "a.xyz").read_bytes() == (tmp_path / "b.xyz").read_bytes()
    read = ase.io.read(tmp_path / "a.xyz", ":")
    assert [build.structure_id(atoms) for atoms in read] == [atoms.info["id"] for atoms in frames]


def test_every_group_is_in_one_split_and_every_family_in_all(frames):
    splits = {}
    for atoms in frames:
        splits.setdefault(atoms.info["group"], set()).add(atoms.info["split"])
    assert all(len(found) == 1 for found in splits.values())
    for family in {atoms.info["family"] for atoms in frames} - set(build.ALWAYS_TRAINING):
        assert {atoms.info["split"] for atoms in frames if atoms.info["family"] == family} == {"train", "validation", "test"}


def test_there_are_enough_structures_and_they_are_small(frames):
    assert len(frames) >= 450
    assert len(frames) == len({atoms.info["id"] for atoms in frames})
    assert max(map(len, frames)) <= 16
    assert len({atoms.info["family"] for atoms in frames}) == len(FAMILIES)


def test_no_atoms_are_too_close(frames):
    from ase.neighborlist import neighbor_list

    for atoms in frames:
        first, second, lengths = neighbor_list("ijd", atoms, 2.5)
        for i, j, length in zip(first, second, lengths, strict=True):
            assert length > MIN_DISTANCES[tuple(sorted((atoms.symbols[i], atoms.symbols[j])))] - 1e-5, atoms.info


@pytest.mark.parametrize(("name", "neighbors"), [("B2", 8), ("B1", 6), ("B3", 4), ("L1_2", 12)])
def test_ordered_cells_have_the_neighbors_of_their_prototype(name, neighbors):
    from ase.neighborlist import neighbor_list

    atoms = cells.ordered(name, "Cu", "Li")
    lengths = np.sort(neighbor_list("d", atoms, 6.0))
    first = neighbor_list("i", atoms, lengths[0] + 1e-4)
    assert (np.bincount(first) == neighbors).all()


def test_laves_phase_has_twelve_copper_neighbors_of_lithium():
    from ase.neighborlist import neighbor_list

    atoms = cells.ordered("C15", "Li", "Cu")
    shortest = neighbor_list("d", atoms, 6.0).min()
    first, second = neighbor_list("ij", atoms, shortest * 1.18)  # Cu-Cu at 0.354 a, Li-Cu at 0.415 a, Li-Li at 0.433 a
    lithium = atoms.symbols[first] == "Li"
    assert (np.bincount(first[lithium & (atoms.symbols[second] == "Cu")])[:2] == 12).all()


def test_extra_structures_are_added_and_leave_the_others_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FAMILIES", (vacancy_family,))
    frames = build.build([])
    extra = bulk("Cu", "fcc", a=3.7) * 2
    extra.rattle(0.1, seed=3)
    ase.io.write(tmp_path / "md.xyz", [extra, bulk("Li", "bcc", a=3.5)])
    more = build.build([tmp_path / "md.xyz"])
    assert [atoms.info for atoms in more[: len(frames)]] == [atoms.info for atoms in frames]
    assert [atoms.info["group"] for atoms in more[len(frames) :]] == ["extra: md", "extra: md"]


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (bulk("Al"), "elements must be Cu and Li"),
        (Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 2.2)]), "cell must be periodic"),
        (Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 1.0)], cell=[8, 8, 8], pbc=True), "atoms must be farther apart"),
    ],
)
def test_bad_extra_structures_are_refused(atoms, message, tmp_path):
    ase.io.write(tmp_path / "bad.xyz", atoms)
    with pytest.raises(ValueError, match=message):
        build.extra_members(tmp_path / "bad.xyz")


def test_k_points_are_as_dense_as_asked_and_one_across_vacuum():
    slab = cells.stack("CCC", 2.57, True, gap=10.0)
    assert dft.k_grid(slab, 3.5) == (9, 9, 1)  # 2 pi * 3.5 / 2.57 Å = 8.6
    assert dft.k_grid(bulk("Cu", cubic=True, a=3.6), 3.5) == (7, 7, 7)
