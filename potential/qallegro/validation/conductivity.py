"""Lattice thermal conductivity from third-order force constants (phono3py; Togo, Chaput and Tanaka, PRB 91, 094306 (2015))."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

import ase
import numpy as np

from qallegro.validation.errors import MissingPackageError
from qallegro.validation.forces import Advance, KeptForces, silent
from qallegro.validation.phonons import as_atoms


class Conductivity(NamedTuple):
    """In the relaxation-time approximation."""

    temperatures: np.ndarray  #: K
    tensor: np.ndarray  #: (n, 6) W/m/K: xx, yy, zz, yz, xz, xy
    mesh: tuple[int, int, int]
    displaced: int  #: supercells whose forces were needed


def check_phono3py() -> None:
    """Refuse to start without phono3py.

    Raises:
        MissingPackageError: with the remedy.
    """
    if find_spec("phono3py") is None:
        raise MissingPackageError("thermal conductivity needs the package phono3py; `pip install qallegro[phono3py]`")


def compute_conductivity(
    atoms: ase.Atoms,
    forces: KeptForces,
    repeats: Sequence[int],
    mesh: Sequence[int] = (11, 11, 11),
    displacement: float = 0.03,
    temperatures: Sequence[float] = (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0),
    pair_cutoff: float | None = None,
    advance: Advance = silent,
) -> Conductivity:
    """Conductivity of a relaxed crystal.

    Args:
        atoms: conventional cell.
        repeats: of it in the supercell, for both orders.
        mesh: of wave vectors.
        displacement: Å.
        pair_cutoff: Å, pairs of displaced atoms farther apart are left out.

    Raises:
        MissingPackageError: no phono3py.
    """
    check_phono3py()
    from phono3py import Phono3py
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import guess_primitive_matrix

    cell = PhonopyAtoms(symbols=atoms.get_chemical_symbols(), cell=atoms.cell.array, scaled_positions=atoms.get_scaled_positions())
    work = Phono3py(cell, supercell_matrix=np.diag(repeats), primitive_matrix=guess_primitive_matrix(cell))
    work.generate_displacements(distance=displacement, cutoff_pair_distance=pair_cutoff)
    wanted = [cell for cell in work.supercells_with_displacements if cell is not None]  # None lies beyond the cutoff
    found = iter(forces([as_atoms(cell) for cell in wanted], advance, f"forces of {len(wanted)} supercells of {len(work.supercell)} atoms"))
    zero = np.zeros((len(work.supercell), 3))
    work.forces = np.array([zero if cell is None else next(found) for cell in work.supercells_with_displacements])
    advance("force constants", 0, 1)
    work.produce_fc3(symmetrize_fc3r=True)
    work.produce_fc2(symmetrize_fc2=True)
    work.mesh_numbers = list(mesh)
    work.init_phph_interaction()
    advance("conductivity", 0, 1)
    work.run_thermal_conductivity(temperatures=list(temperatures))
    tensor = np.array(work.thermal_conductivity.kappa)[0]
    return Conductivity(np.array(temperatures, float), tensor, tuple(int(n) for n in mesh), len(wanted))
