"""Phonons by finite displacements (phonopy; Togo and Tanaka, Scr. Mater. 108, 1 (2015)), bands along the path of seekpath."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ase
import numpy as np
from phonopy import Phonopy
from phonopy.file_IO import write_FORCE_SETS
from phonopy.phonon.band_structure import get_band_qpoints_by_seekpath
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.cells import guess_primitive_matrix

from qallegro.validation.errors import StructureError
from qallegro.validation.forces import Advance, KeptForces, silent
from qallegro.validation.structures import conventional, heights, nearest_distance
from qallegro.whole_file import whole_file

#: THz; a mode counts as imaginary below minus this, what rounding makes of an acoustic mode at Gamma is above
IMAGINARY = 0.05
#: share of the distance between nearest neighbors that a displacement may have
LARGEST_DISPLACEMENT = 0.1
#: Å, length of the mesh in reciprocal space, as phonopy counts it: n_i = length |b_i|
MESH_LENGTH = 60.0
#: THz, below which modes have no part in thermal properties: acoustic ones at Gamma
THERMAL_CUTOFF = 1e-3
#: of a segment of the path
POINTS = 51


class Bands(NamedTuple):
    """Frequencies along a path."""

    distances: list[np.ndarray]  #: of each segment, 1/Å
    frequencies: list[np.ndarray]  #: of each segment, (n_points, n_modes) THz
    ticks: list[tuple[float, str]]  #: where on the path, and the name of the point


class Phonons(NamedTuple):
    """Harmonic vibrations of a crystal."""

    phonopy: Phonopy  #: with force constants
    supercell: tuple[int, int, int]  #: cells of the conventional cell
    displacement: float  #: Å
    displaced: int  #: structures whose forces were needed
    bands: Bands
    points: dict[str, np.ndarray]  #: label -> frequencies, THz
    dos: tuple[np.ndarray, np.ndarray]  #: THz; states per THz and primitive cell
    thermal: dict[str, np.ndarray]  #: of a mole of primitive cells: temperatures K, free_energy kJ, entropy and heat_capacity J/K
    lowest: tuple[float, np.ndarray]  #: THz (imaginary below zero), and the reduced wave vector
    acoustic_sum: float  #: eV/Å^2, largest |sum_j Phi_ij| or |sum_i Phi_ij| before they are made to vanish


def supercell_for(atoms: ase.Atoms, length: float) -> tuple[int, int, int]:
    """Repeats of the conventional cell after which opposite faces are at least `length` Å apart."""
    return tuple(int(n) for n in np.ceil(length / heights(conventional(atoms)) - 1e-6))


def check_supercell(atoms: ase.Atoms, repeats: Sequence[int], displacement: float, r_max: float | None) -> list[str]:
    """Refuse supercells and displacements that mean nothing; say what is doubtful.

    Args:
        atoms: the conventional cell.
        r_max: Å, of the potential, if known.

    Returns:
        warnings.

    Raises:
        StructureError: an atom would see the displaced image of itself, or the displacement is no small one.
    """
    limit = LARGEST_DISPLACEMENT * nearest_distance(atoms)
    if not 0.0 < displacement <= limit:
        raise StructureError(
            f"a displacement must be above 0 and at most {limit:.3g} Å, a tenth of the shortest distance here, got {displacement:g} Å; "
            "0.01 to 0.03 Å suit most crystals"
        )
    if min(repeats) < 1:
        raise StructureError(f"a supercell must repeat the conventional cell one time or more along each side, got {tuple(repeats)}")
    shortest = float((np.array(repeats) * heights(atoms)).min())
    if r_max is not None and shortest < r_max:
        wanted = ",".join(str(n) for n in np.ceil(2 * r_max / heights(atoms)).astype(int))
        raise StructureError(
            f"a supercell must be wider than the cutoff of {r_max:g} Å, so that a displaced atom does not see itself, "
            f"{tuple(repeats)} gives {shortest:.3g} Å; use `--supercell {wanted}`"
        )
    if r_max is not None and shortest < 2 * r_max:
        return [
            f"the supercell is {shortest:.3g} Å wide, force constants reach to twice the cutoff, {2 * r_max:g} Å: compare larger ones "
            "with `--converge`"
        ]
    return []


def displaced_cells(atoms: ase.Atoms, repeats: Sequence[int], displacement: float) -> Phonopy:
    """phonopy's description of a crystal with its displacements made; `atoms` is taken as it is, without a search for another cell."""
    cell = PhonopyAtoms(symbols=atoms.get_chemical_symbols(), cell=atoms.cell.array, scaled_positions=atoms.get_scaled_positions())
    phonopy = Phonopy(cell, supercell_matrix=np.diag(repeats), primitive_matrix=guess_primitive_matrix(cell))
    phonopy.generate_displacements(distance=displacement)
    return phonopy


def as_atoms(cell: PhonopyAtoms) -> ase.Atoms:
    """phonopy's structure as one of ASE."""
    return ase.Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)


def compute_phonons(
    atoms: ase.Atoms,
    forces: KeptForces,
    repeats: Sequence[int],
    displacement: float = 0.01,
    temperatures: np.ndarray | None = None,
    advance: Advance = silent,
) -> Phonons:
    """Phonons of a relaxed crystal.

    Args:
        atoms: conventional cell.
        forces: gives the forces of the displaced supercells.
        repeats: of the cell in the supercell.
        displacement: Å.
        temperatures: K, of the thermal properties; 0 to 1000 if not given.

    Raises:
        StructureError: as `check_supercell`.
    """
    check_supercell(atoms, repeats, displacement, None)
    phonopy = displaced_cells(atoms, repeats, displacement)
    cells = [as_atoms(cell) for cell in phonopy.supercells_with_displacements]
    phonopy.forces = forces(cells, advance, f"forces of {len(cells)} supercells of {len(cells[0])} atoms")
    return from_forces(phonopy, repeats, displacement, temperatures)


def from_forces(phonopy: Phonopy, repeats: Sequence[int], displacement: float, temperatures: np.ndarray | None = None) -> Phonons:
    """Everything that follows from displacements and forces."""
    phonopy.produce_force_constants(calculate_full_force_constants=True, show_drift=False)
    # Over neighbors the sum vanishes if forces add up to nothing, over displaced atoms if moving all of them costs nothing.
    acoustic_sum = max(float(np.abs(phonopy.force_constants.sum(axis=axis)).max()) for axis in (0, 1))
    phonopy.symmetrize_force_constants()
    bands, points = _bands(phonopy)
    phonopy.run_mesh(MESH_LENGTH)
    mesh = phonopy.mesh
    lowest = float(mesh.frequencies.min())
    where = mesh.qpoints[int(mesh.frequencies.min(axis=1).argmin())]
    on_path = min(float(part.min()) for part in bands.frequencies)
    if on_path < lowest:
        lowest, where = on_path, _wave_vector(phonopy, on_path)
    phonopy.run_total_dos()
    dos = phonopy.total_dos
    temperatures = np.arange(0.0, 1001.0, 10.0) if temperatures is None else temperatures
    phonopy.run_thermal_properties(temperatures=temperatures, cutoff_frequency=THERMAL_CUTOFF)
    return Phonons(
        phonopy,
        tuple(int(n) for n in repeats),
        float(displacement),
        len(phonopy.displacements),
        bands,
        points,
        (np.array(dos.frequency_points), np.array(dos.dos)),
        {name: np.array(values) for name, values in phonopy.get_thermal_properties_dict().items()},
        (lowest, np.array(where)),
        acoustic_sum,
    )


def _bands(phonopy: Phonopy) -> tuple[Bands, dict[str, np.ndarray]]:
    paths, labels, connections = get_band_qpoints_by_seekpath(phonopy.primitive, POINTS)
    phonopy.run_band_structure(paths, path_connections=connections, labels=labels)
    found = phonopy.band_structure
    ticks: list[tuple[float, str]] = []
    points: dict[str, np.ndarray] = {}
    rest = [_plain(label) for label in labels]
    for number, (distances, frequencies) in enumerate(zip(found.distances, found.frequencies, strict=True)):
        first = rest.pop(0)
        last = rest[0]
        if not connections[number]:
            rest.pop(0)
        if ticks and abs(ticks[-1][0] - distances[0]) < 1e-9 and ticks[-1][1] != first:
            ticks[-1] = (ticks[-1][0], f"{ticks[-1][1]}|{first}")
        elif not ticks:
            ticks.append((float(distances[0]), first))
        ticks.append((float(distances[-1]), last))
        points.setdefault(first, np.array(frequencies[0]))
        points.setdefault(last, np.array(frequencies[-1]))
    return Bands([np.array(d) for d in found.distances], [np.array(f) for f in found.frequencies], ticks), points


def _wave_vector(phonopy: Phonopy, frequency: float) -> np.ndarray:
    found = phonopy.band_structure
    for qpoints, frequencies in zip(found.qpoints, found.frequencies, strict=True):
        if frequencies.min() <= frequency:
            return np.array(qpoints[int(frequencies.min(axis=1).argmin())])
    raise AssertionError("the lowest frequency lies on the path")


def _plain(label: str) -> str:
    """phonopy writes labels for LaTeX."""
    plain = label.replace("$", "").replace("\\mathrm{", "").replace("}", "").replace("\\Gamma", "Γ").replace("GAMMA", "Γ")
    return plain.replace("\\mathsf{", "").strip()


def converge(
    atoms: ase.Atoms,
    forces: KeptForces,
    supercells: Sequence[Sequence[int]],
    displacements: Sequence[float],
    advance: Advance = silent,
) -> list[dict[str, Any]]:
    """Frequencies against supercell (at the first displacement) and displacement (in the last supercell).

    Returns:
        rows `supercell`, `displacement`, `points` (label -> THz), `change`: largest change of a frequency at a labelled point from
        the row before of the same series, THz.
    """
    series = [[(tuple(s), displacements[0]) for s in supercells], [(tuple(supercells[-1]), d) for d in displacements]]
    rows: list[dict[str, Any]] = []
    for part in series:
        before = None
        for repeats, displacement in part:
            points = compute_phonons(atoms, forces, repeats, displacement, np.array([300.0]), advance).points
            change = None if before is None else max(float(np.abs(points[k] - before[k]).max()) for k in points)
            rows.append({"supercell": list(repeats), "displacement": displacement, "points": points, "change": change})
            before = points
    return rows


def write_phonopy(phonons: Phonons, folder: Path) -> list[Path]:
    """Write `phonopy.yaml` and FORCE_SETS, which phonopy opens.

    Raises:
        OSError: as the writing raises it.
    """
    yaml, sets = folder / "phonopy.yaml", folder / "FORCE_SETS"
    with whole_file(yaml) as temporary:
        phonons.phonopy.save(str(temporary), settings={"force_sets": True, "displacements": True})
    with whole_file(sets) as temporary:
        write_FORCE_SETS(phonons.phonopy.dataset, filename=str(temporary))
    return [yaml, sets]
