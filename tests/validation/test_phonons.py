"""Phonons of a crystal whose frequencies are known, files that phonopy opens, work that goes on, and reference frames."""

import numpy as np
import phonopy
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from qallegro.errors import DataError
from qallegro.validation.errors import StructureError
from qallegro.validation.forces import KeptForces, ase_forces
from qallegro.validation.phonon_reference import nearest_to_rest, phonons_of_frames, read_reference
from qallegro.validation.phonons import (
    IMAGINARY,
    as_atoms,
    check_supercell,
    compute_phonons,
    converge,
    displaced_cells,
    supercell_for,
    write_phonopy,
)
from qallegro.validation.relaxation import as_given
from qallegro.validation.sections import convergence_section, phonon_section
from qallegro.validation.structures import conventional, open_structure
from validation_systems import BOND, DISTANCE, bonds

#: THz of an oscillator with one bond's stiffness and the mass of Cu
UNIT = float(np.sqrt(72.0 * BOND / DISTANCE**2 / 63.546) / (2.0 * np.pi) * units.s * 1e-12)


def counted():
    """A source of forces that counts the structures it is asked for."""
    count = []
    source = ase_forces(bonds())

    def forces(structures, done):
        count.extend(structures)
        return source(structures, done)

    return forces, count


@pytest.fixture(scope="module")
def phonons(fcc):
    return compute_phonons(fcc.atoms, KeptForces(None, ase_forces(bonds())), (2, 2, 2), 0.005)


def test_frequencies_of_bonds_between_nearest_neighbors(phonons):
    """m w^2 / k at X: 4, 4, 8; at L: 2, 2, 8 (Born and von Karman's fcc with central forces)."""
    assert phonons.points["X"] == pytest.approx(UNIT * np.sqrt([4.0, 4.0, 8.0]), rel=1e-3)
    assert phonons.points["L"] == pytest.approx(UNIT * np.sqrt([2.0, 2.0, 8.0]), rel=1e-3)


def test_the_crystal_is_stable_and_its_sum_rule_holds(phonons):
    assert phonons.lowest[0] > -IMAGINARY
    assert phonons.acoustic_sum < 1e-6
    assert not phonon_section(phonons, {}).warnings


def test_density_of_states_and_heat_capacity_count_the_modes(phonons):
    frequencies, states = phonons.dos
    assert np.trapezoid(states, frequencies) == pytest.approx(3.0, rel=0.01)
    assert phonons.thermal["heat_capacity"][-1] == pytest.approx(3 * 8.314462, rel=0.02)


def test_phonopy_opens_what_was_written(phonons, tmp_path):
    yaml, sets = write_phonopy(phonons, tmp_path)
    opened = phonopy.load(str(yaml), force_sets_filename=str(sets))
    opened.run_qpoints([[0.5, 0.5, 0.0]])
    assert opened.get_qpoints_dict()["frequencies"][0] == pytest.approx(phonons.points["X"], abs=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FORCE_SETS", "phonopy.yaml"]


def test_an_unstable_crystal_is_told():
    """bcc: the second neighbors lie where their bonds have a negative stiffness, the first ones leave a shear without any."""
    crystal = as_given(bulk("Cu", "bcc", a=1.98 * DISTANCE / 3**0.5), bonds())
    found = compute_phonons(crystal.atoms, KeptForces(None, ase_forces(bonds())), (3, 3, 3), 0.005)
    assert found.lowest[0] < -IMAGINARY
    assert any("imaginary modes" in text for text in phonon_section(found, {}).warnings)


def test_forces_are_kept(fcc, tmp_path):
    cells = [as_atoms(cell) for cell in displaced_cells(fcc.atoms, (2, 2, 2), 0.01).supercells_with_displacements]
    cells.append(cells[0] * (1, 1, 2))
    source, count = counted()
    kept = KeptForces(tmp_path / "forces", source, "one potential")
    first = kept(cells)
    assert len(count) == len(cells)
    again = kept(cells)
    assert len(count) == len(cells)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    next((tmp_path / "forces").iterdir()).write_bytes(b"cut off")
    kept(cells)
    assert len(count) == len(cells) + 1
    KeptForces(tmp_path / "forces", source, "another potential")(cells)
    assert len(count) == 2 * len(cells) + 1


def test_work_that_was_cut_off_goes_on(fcc, tmp_path):
    cells = [fcc.atoms.copy() for _ in range(4)]
    for number, atoms in enumerate(cells):
        atoms.positions[0, 0] += 0.01 * number
    source, count = counted()

    def breaks(structures, done):
        if len(count) == 2:
            raise KeyboardInterrupt
        return source(structures, done)

    with pytest.raises(KeyboardInterrupt):
        KeptForces(tmp_path, breaks)(cells)
    KeptForces(tmp_path, source)(cells)
    assert len(count) == 4


def test_convergence_compares_with_the_row_before(fcc):
    rows = converge(fcc.atoms, KeptForces(None, ase_forces(bonds())), [(2, 2, 2)], (0.004, 0.008))
    assert [row["change"] is None for row in rows] == [True, True, False]
    assert rows[2]["change"] < 0.02
    assert "0.008 Å" in convergence_section(rows).rows[2].quantity


@pytest.mark.parametrize(
    ("repeats", "displacement", "message"),
    [
        ((2, 2, 2), 0.0, "above 0 and at most 0.26 Å"),
        ((2, 2, 2), 0.3, "above 0 and at most 0.26 Å"),
        ((0, 2, 2), 0.01, "one time or more"),
        ((1, 1, 1), 0.01, "wider than the cutoff of 5 Å.*--supercell 3,3,3"),
    ],
)
def test_what_means_nothing_is_refused(fcc, repeats, displacement, message):
    with pytest.raises(StructureError, match=message):
        check_supercell(fcc.atoms, repeats, displacement, 5.0)


def test_a_narrow_supercell_is_doubtful(fcc):
    assert "twice the cutoff" in check_supercell(fcc.atoms, (2, 2, 2), 0.01, 5.0)[0]
    assert check_supercell(fcc.atoms, supercell_for(fcc.atoms, 10.0), 0.01, 5.0) == []


def frames_of(fcc, shuffled: bool):
    """What a DFT code might give: the displaced supercell with forces, moved and in another order."""
    phonopy_cells = displaced_cells(fcc.atoms, (2, 2, 2), 0.005)
    frames = []
    for cell in phonopy_cells.supercells_with_displacements:
        atoms = as_atoms(cell)
        if shuffled:
            atoms = atoms[np.random.default_rng(5).permutation(len(atoms))]
            atoms.positions += [0.7, -1.1, 0.3]
            atoms.wrap()
        forces = ase_forces(bonds())([atoms], lambda: None)[0]
        atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=forces)
        frames.append(atoms)
    return frames


def test_reference_frames_give_the_same_phonons(fcc, phonons):
    found = phonons_of_frames(frames_of(fcc, shuffled=True), conventional(fcc.atoms)).phonons
    for label, frequencies in phonons.points.items():
        assert found.points[label] == pytest.approx(frequencies, abs=0.01)


def test_frames_that_are_no_displaced_crystal_are_refused(fcc):
    frame = frames_of(fcc, shuffled=False)[0]
    rattled = frame.copy()
    rattled.rattle(0.05, seed=1)
    rattled.calc = SinglePointCalculator(rattled, energy=0.0, forces=np.zeros((len(rattled), 3)))
    with pytest.raises(DataError, match="one atom displaced"):
        phonons_of_frames([rattled], fcc.atoms)
    with pytest.raises(DataError, match="supercell of the conventional cell"):
        phonons_of_frames([frame[:-1]], fcc.atoms)


def test_frames_without_forces_are_refused(tmp_path):
    bulk("Cu").write(tmp_path / "bare.xyz")
    with pytest.raises(DataError, match="frame 0 .* has none"):
        read_reference(str(tmp_path / "bare.xyz"))


def test_dft_forces_of_silicon_give_its_frequencies(shared):
    """THz at a = 5.466 Å, as phonopy gives them for these forces."""
    frames = nearest_to_rest(read_reference(str(shared / "data" / "si_phonon_displaced_pbe.xyz.gz")))
    found = phonons_of_frames(frames, conventional(open_structure("Si")))
    assert 2 * found.cell.cell.lengths() == pytest.approx(frames[0].cell.lengths())
    points = found.phonons.points
    assert points["Γ"][3:] == pytest.approx(15.10, abs=0.006)
    assert points["X"][::2] == pytest.approx([4.40, 12.05, 13.43], abs=0.006)
    assert points["L"][[0, 2, 3, 4]] == pytest.approx([3.34, 11.13, 12.03, 14.33], abs=0.006)
