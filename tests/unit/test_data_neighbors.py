"""Neighbor tables against ASE's neighbor list, where periodic images, missing directions and lonely atoms make it hard."""

import ase.geometry
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import primitive_neighbor_list

from qallegro.data.frame import Frame
from qallegro.data.neighbors import fingerprint, neighbor_table
from qallegro.data.sample import collate, make_sample
from qallegro.data.table_cache import neighbor_tables
from systems import STRUCTURES, make_batch, tiny_config

R_MAX = 4.0


def wire() -> Atoms:
    """Periodic in one direction, shorter than the cutoff; the other cell vectors are zero, as ASE allows."""
    return Atoms("CuLi", positions=[[0, 0, 0], [0.5, 1.2, 1.4]], cell=[[0, 0, 0], [0, 0, 0], [0, 0, 2.9]], pbc=[False, False, True])


def slanted_slab() -> Atoms:
    """Periodic in two directions of a triclinic cell, one atom far outside of it."""
    atoms = Atoms("CuLiCu", cell=[[3.1, 0.2, 0.1], [0.9, 3.3, 0.4], [0.0, 0.0, 0.0]], pbc=[True, True, False])
    atoms.positions = [[0.1, 0.2, 0.3], [1.5, 1.2, 1.9], [-7.0, 11.3, 4.1]]
    return atoms


def one_in_a_small_cell() -> Atoms:
    """An atom whose only neighbors are its own images."""
    return bulk("Cu", a=3.6)


def outside() -> Atoms:
    """Atoms many cells away from the origin."""
    atoms = bulk("Cu", cubic=True, a=3.7)
    atoms.positions += [50.3, -71.2, 13.9]
    atoms.positions[1] += 3 * atoms.cell[0] - 5 * atoms.cell[2]
    return atoms


CASES = STRUCTURES | {f.__name__: f for f in (wire, slanted_slab, one_in_a_small_cell, outside)}


def frame_of(atoms: Atoms) -> Frame:
    n = len(atoms)
    return Frame(atoms.numbers.copy(), atoms.positions, atoms.cell[:], atoms.pbc, -1.0, np.zeros((n, 3)), np.zeros((3, 3)), "memory", 0)


def table_of(atoms: Atoms, **options):
    return neighbor_table(atoms.positions, atoms.cell[:], atoms.pbc, R_MAX, **options)


def sorted_edges(centers: np.ndarray, neighbors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    rows = np.column_stack([centers, neighbors, np.round(vectors, 9) + 0.0])
    return rows[np.lexsort(rows.T[::-1])]


@pytest.mark.parametrize("name", CASES)
def test_same_edges_as_ase(name: str) -> None:
    atoms = CASES[name]()
    i, j, vectors = primitive_neighbor_list("ijD", atoms.pbc, ase.geometry.complete_cell(atoms.cell[:]), atoms.positions, R_MAX)
    table = table_of(atoms)
    used = np.arange(table.neighbors.shape[1]) < table.counts[:, None]
    assert np.array_equal(table.counts, np.bincount(i, minlength=len(atoms)))
    ours = sorted_edges(np.nonzero(used)[0], table.neighbors[used], table.edge_vectors[used])
    np.testing.assert_allclose(ours, sorted_edges(i, j, vectors), atol=2e-9)
    assert np.array_equal(table.neighbors[~used], np.broadcast_to(np.arange(len(atoms))[:, None], used.shape)[~used])
    assert (table.edge_vectors[~used] == [2 * R_MAX, 0, 0]).all()


def test_atom_without_neighbors() -> None:
    table = table_of(CASES["single"]())
    assert table.neighbors.shape == (1, 0) and table.edge_vectors.shape == (1, 0, 3)
    assert CASES["lonely"]().positions.shape == (3, 3) and table_of(CASES["lonely"]()).counts.tolist() == [1, 1, 0]


def test_cutoffs_by_pair_of_types() -> None:
    atoms = CASES["alloy"]()
    types = np.where(atoms.numbers == 29, 0, 1)
    cutoffs = np.array([[4.0, 2.7], [3.5, 3.0]])
    table = table_of(atoms, types=types, cutoffs=cutoffs)
    i, j, r = primitive_neighbor_list("ijd", atoms.pbc, atoms.cell[:], atoms.positions, R_MAX)
    expected = np.bincount(i[r < cutoffs[types[i], types[j]]], minlength=len(atoms))
    assert np.array_equal(table.counts, expected) and table.counts.sum() < len(i)


def test_collated_batch_equals_one_built_with_ase() -> None:
    config = tiny_config(r_max=R_MAX)
    frames = [make() for make in CASES.values()]
    type_of = np.full(119, -1)
    type_of[[29, 3]] = 0, 1
    samples = [make_sample(frame_of(a), type_of, table_of(a), R_MAX) for a in frames]
    ours, expected = collate(samples), make_batch(frames, config)
    assert ours.edge_vectors.shape == expected.edge_vectors.shape
    for name in ("types", "frame", "n_atoms"):
        assert torch.equal(getattr(ours, name), getattr(expected, name)), name
    np.testing.assert_allclose(ours.volume, expected.volume, rtol=1e-12)
    for row in range(len(ours.types)):
        a = sorted_edges(np.full(ours.neighbors.shape[1], row), ours.neighbors[row].numpy(), ours.edge_vectors[row].numpy())
        b = sorted_edges(np.full(ours.neighbors.shape[1], row), expected.neighbors[row].numpy(), expected.edge_vectors[row].numpy())
        np.testing.assert_allclose(a, b, atol=2e-9)


def test_batch_of_one_lonely_atom_has_one_empty_slot() -> None:
    atoms = CASES["single"]()
    batch = collate([make_sample(frame_of(atoms), np.zeros(119, dtype=np.int64), table_of(atoms), R_MAX)])
    assert batch.neighbors.tolist() == [[0]] and batch.edge_vectors.tolist() == [[[2 * R_MAX, 0.0, 0.0]]]
    assert batch.volume.isnan().all()


def test_lattice_shift_keeps_vectors() -> None:
    atoms = CASES["alloy"]()
    moved = atoms.copy()
    moved.positions[4] += 2 * atoms.cell[1] - atoms.cell[0]
    a, b = table_of(atoms), table_of(moved)
    for row in range(len(atoms)):
        pair = (np.round(np.sort(np.linalg.norm(t.edge_vectors[row], axis=1)), 9) for t in (a, b))
        np.testing.assert_allclose(*pair, atol=1e-9)


def turned(atoms: Atoms) -> Atoms:
    result = atoms.copy()
    result.rotate(37.0, (0.2, -1.0, 0.6), rotate_cell=True)
    result.positions += [0.7, -3.1, 2.2]
    return result[np.random.default_rng(1).permutation(len(atoms))]


@pytest.mark.parametrize("name", ["alloy", "slab", "cluster"])
def test_fingerprint_sees_through_rotation_and_order_but_not_displacement(name: str) -> None:
    atoms = CASES[name]()
    other = atoms.copy()
    other.positions[0, 0] += 0.01
    swapped = atoms.copy()
    swapped.symbols[[0, 1]] = swapped.symbols[[1, 0]] if swapped.symbols[0] != swapped.symbols[1] else ["Li", "Cu"]
    prints = [fingerprint(frame_of(a), table_of(a)) for a in (atoms, turned(atoms), other, swapped)]
    assert prints[0] == prints[1] and len(set(prints)) == 3


def test_tables_on_disk_are_those_computed(tmp_path) -> None:
    frames = [frame_of(make()) for make in CASES.values()]
    type_of = np.zeros(119, dtype=np.int64)
    cutoffs = np.array([[R_MAX]])
    fresh = neighbor_tables(frames, type_of, R_MAX, cutoffs, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    stamp = file.stat().st_mtime_ns
    again = neighbor_tables(frames, type_of, R_MAX, cutoffs, tmp_path / "cache")
    assert file.stat().st_mtime_ns == stamp
    for a, b in zip(fresh, again, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    neighbor_tables(frames, type_of, 3.0, np.array([[3.0]]), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    file.write_bytes(file.read_bytes()[:200])
    for a, b in zip(fresh, neighbor_tables(frames, type_of, R_MAX, cutoffs, tmp_path / "cache"), strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
