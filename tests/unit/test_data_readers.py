"""Labels arrive in eV and Å from every format and place that files keep them in."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import bz2
import gzip
import lzma
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms, units

from qallegro.data.config import Keys, Source, Units
from qallegro.data.readers import read_frames
from qallegro.errors import DataError
from reference_frames import emt_frames, write_frames

# Extended XYZ prints positions and forces with 8 decimals.
PRINTED = 1e-8


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return emt_frames(4)


def assert_same(read: list, frames: list[Atoms], digits: float = PRINTED) -> None:
    assert len(read) == len(frames)
    for got, atoms in zip(read, frames, strict=True):
        assert np.array_equal(got.numbers, atoms.numbers)
        assert got.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-7)
        np.testing.assert_allclose(got.positions, atoms.positions, atol=digits)
        np.testing.assert_allclose(got.forces, atoms.get_forces(), atol=digits)
        np.testing.assert_allclose(got.stress, atoms.get_stress(voigt=False), atol=digits)
        np.testing.assert_allclose(got.cell, atoms.cell[:], atol=digits)
        assert got.pbc.all()


@pytest.mark.parametrize("name", ["set.xyz", "set.extxyz", "set.traj", "set.json", "set.db"])
def test_formats_of_ase(name: str, frames: list[Atoms], tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "set.db":
        with ase.db.connect(path) as database:
            for atoms in frames:
                database.write(atoms)
    else:
        ase.io.write(path, frames)
    assert_same(read_frames(path), frames)


@pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
def test_compressed(suffix: str, opener, frames: list[Atoms], tmp_path: Path) -> None:
    plain = write_frames(tmp_path / "set.xyz", frames)
    packed = tmp_path / f"set.xyz{suffix}"
    with opener(packed, "wb") as file:
        file.write(plain.read_bytes())
    assert_same(read_frames(packed), frames)


def renamed(atoms: Atoms, stress: np.ndarray | None = None, virial: np.ndarray | None = None, scale: float = 1.0) -> Atoms:
    """Labels under names of their own, as MACE writes them."""
    result = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    result.info["REF_energy"] = scale * atoms.get_potential_energy()
    result.arrays["REF_forces"] = scale * atoms.get_forces()
    if stress is not None:
        result.info["REF_stress"] = stress
    if virial is not None:
        result.info["REF_virial"] = virial
    return result


@pytest.mark.parametrize("shape", [(6,), (9,), (3, 3)])
def test_configured_keys_and_layouts_of_stress(shape: tuple, frames: list[Atoms], tmp_path: Path) -> None:
    written = [renamed(a, stress=a.get_stress(voigt=shape == (6,)).reshape(shape)) for a in frames]
    path = write_frames(tmp_path / "set.xyz", written)
    keys = Keys(energy="REF_energy", forces="REF_forces", stress="REF_stress")
    assert_same(read_frames(path, keys=keys), frames)


def test_virial_is_minus_stress_times_volume(frames: list[Atoms], tmp_path: Path) -> None:
    written = [renamed(a, virial=-a.get_volume() * a.get_stress(voigt=False)) for a in frames]
    path = write_frames(tmp_path / "set.xyz", written)
    assert_same(read_frames(path, keys=Keys(energy="REF_energy", forces="REF_forces", virial="REF_virial")), frames, 1e-7)


def test_units_of_a_file(frames: list[Atoms], tmp_path: Path) -> None:
    kcal = units.kcal / units.mol
    written = [renamed(a, stress=-a.get_stress(voigt=False) / units.GPa, scale=1.0 / kcal) for a in frames]
    path = write_frames(tmp_path / "set.xyz", written)
    keys = Keys(energy="REF_energy", forces="REF_forces", stress="REF_stress")
    stated = Units(energy="kcal/mol", stress="GPa", stress_positive="compression")
    assert_same(read_frames(path, keys=keys, units=stated), frames, 1e-6)


def test_atomic_units(tmp_path: Path) -> None:
    atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 1.4]])
    atoms.info["energy"], atoms.arrays["forces"] = -1.17, np.array([[0, 0, 0.01], [0, 0, -0.01]])
    path = write_frames(tmp_path / "h2.xyz", [atoms])
    (frame,) = read_frames(path, units=Units(energy="Hartree", length="bohr"))
    assert frame.energy == pytest.approx(-1.17 * units.Hartree)
    assert frame.positions[1, 2] == pytest.approx(1.4 * units.Bohr)
    assert frame.forces[0, 2] == pytest.approx(0.01 * units.Hartree / units.Bohr)


def test_absent_labels_are_nan(frames: list[Atoms], tmp_path: Path) -> None:
    path = write_frames(tmp_path / "set.xyz", emt_frames(1, forces=False, stress=False))
    (frame,) = read_frames(path)
    assert frame.has("energy") and not frame.has("forces") and not frame.has("stress")


@pytest.mark.parametrize(("index", "expected"), [(":2", [0, 1]), ("1:", [1, 2, 3]), ("::2", [0, 2]), ("-1:", [3])])
def test_slices_keep_the_index_in_the_file(index: str, expected: list[int], frames: list[Atoms], tmp_path: Path) -> None:
    path = write_frames(tmp_path / "set.xyz", frames)
    assert [f.index for f in read_frames(Source(path="set.xyz", index=index), root=tmp_path)] == expected
    assert read_frames(path)[expected[0]].where == f"`{path}`, frame {expected[0]}"


def npz_arrays(**changes) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        "nuclear_charges": np.array([8, 1, 1]),
        "coords": rng.normal(size=(5, 3, 3)),
        "energies": rng.normal(size=5),
        "forces": rng.normal(size=(5, 3, 3)),
    }
    return {k: v for k, v in (arrays | changes).items() if v is not None}


def test_rmd17_archive_is_in_kcal_per_mol(tmp_path: Path) -> None:
    arrays = npz_arrays()
    np.savez(tmp_path / "water.npz", **arrays)
    frames = read_frames(tmp_path / "water.npz")
    kcal = 0.0433641039  # eV, as the data set's own paper converts; six digits agree with CODATA 2014
    assert len(frames) == 5 and frames[2].species == {"H", "O"} and not frames[2].pbc.any()
    assert frames[2].energy == pytest.approx(kcal * arrays["energies"][2], rel=1e-6)
    np.testing.assert_allclose(frames[2].forces, kcal * arrays["forces"][2], rtol=1e-6)
    np.testing.assert_array_equal(frames[2].positions, arrays["coords"][2])


def test_archive_with_other_names_units_and_no_forces(tmp_path: Path) -> None:
    arrays = npz_arrays()
    np.savez(tmp_path / "w.npz", z=arrays["nuclear_charges"], R=arrays["coords"], U0=arrays["energies"][:, None])
    frames = read_frames(tmp_path / "w.npz", keys=Keys(energy="U0"), units=Units(energy="eV"))
    assert frames[1].energy == pytest.approx(arrays["energies"][1]) and not frames[1].has("forces")


HEAD = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3'
ATOM = "Cu 0 0 0 0.1 0.2 0.3"

BAD_FILES = {
    "no such file": (None, {}, r"data file must exist, got `.*set\.xyz`"),
    "truncated": (f"2\n{HEAD} energy=1\n{ATOM}\n", {}, "must be one that ASE can read.*frame 0"),
    "not a structure": ("hello\n", {}, "must be one that ASE can read"),
    "empty": ("", {}, "must"),
    "forces of two components": (
        "1\nProperties=species:S:1:pos:R:3:forces:R:2 energy=1\nCu 0 0 0 1 2\n", {}, r"`forces` must have shape \(1, 3\).*got \(1, 2\).*frame 0",
    ),
    "energy of three numbers": (f'1\n{HEAD} energy="1 2 3"\n{ATOM}\n', {}, r"`energy` must be one number, got shape \(3,\).*frame 0"),
    "energy is a word": (f"1\n{HEAD} energy=low\n{ATOM}\n", {}, "`energy` .* must be numbers, got 'low'.*frame 0"),
    "stress of four numbers": (
        f'1\n{HEAD} energy=1 S="1 2 3 4"\n{ATOM}\n', {"keys": Keys(stress="S")}, r"`stress` must hold 6 .*or 9 numbers, got shape \(4,\).*frame 0",
    ),
    "asymmetric stress": (
        f'1\n{HEAD} energy=1 S="1 2 3 4 5 6 7 8 9"\n{ATOM}\n', {"keys": Keys(stress="S")}, "`stress` must be symmetric.*frame 0",
    ),
    "virial without a cell": (
        '1\nProperties=species:S:1:pos:R:3 energy=1 V="1 2 3 4 5 6"\nCu 0 0 0\n', {"keys": Keys(virial="V")}, "`virial` must come with a periodic cell",
    ),
    "key that no frame has": (
        f"1\n{HEAD} REF_energy=1\n{ATOM}\n", {"keys": Keys(energy="DFT_energy")}, "`data.keys.energy` must name a label.*'DFT_energy'.*holds.*REF_energy",
    ),
    "unknown species": (f"1\n{HEAD} energy=1\nQq 0 0 0 0 0 0\n", {}, "frame 0: unknown species 'Qq'"),
    "slice that is none": (f"1\n{HEAD} energy=1\n{ATOM}\n", {"index": "ten"}, "`index` must be a slice.*'ten'"),
    "slice beyond the end": (f"1\n{HEAD} energy=1\n{ATOM}\n", {"index": "5:"}, "must hold frames, got none.*'5:'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(name: str, tmp_path: Path) -> None:
    text, options, message = BAD_FILES[name]
    path = tmp_path / "set.xyz"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_frames(Source(path=str(path), **options))


BAD_ARCHIVES = {
    "no energies": ({"energies": None}, {}, "`energy` must be in the archive.*got only.*coords"),
    "forces of fewer frames": ({"forces": np.zeros((4, 3, 3))}, {}, r"`forces` must have shape \(5, 3, 3\).*got \(4, 3, 3\)"),
    "another molecule": ({"nuclear_charges": np.array([8, 1])}, {}, r"`positions` must have shape \(5, 2, 3\).*got \(5, 3, 3\)"),
    "named key is absent": ({}, {"keys": Keys(forces="F_dft")}, r"`forces` must be in the archive as one of \['F_dft'\]"),
    "pickled objects": ({"energies": np.array([1, "a", None], dtype=object)}, {}, "must be an archive of plain arrays"),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_bad_archive(name: str, tmp_path: Path) -> None:
    changes, options, message = BAD_ARCHIVES[name]
    np.savez(tmp_path / "w.npz", **npz_arrays(**changes))
    with pytest.raises(DataError, match=message):
        read_frames(tmp_path / "w.npz", **options)
