"""The energy to take one atom out of a crystal."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase.calculators.calculator import Calculator

from qallegro.validation.errors import StructureError
from qallegro.validation.forces import Advance, silent
from qallegro.validation.phonons import supercell_for
from qallegro.validation.relaxation import Relaxed, relax_atoms

#: Å, widths of supercells, for the convergence
WIDTHS = (7.0, 10.0, 13.0)


class Vacancy(NamedTuple):
    """One supercell with an atom missing, in the cell of the perfect crystal."""

    supercell: tuple[int, int, int]
    sites: int
    energy: float  #: eV, relaxed
    unrelaxed: float  #: eV
    largest_shift: float  #: Å that an atom moved


def compute_vacancies(
    crystal: Relaxed,
    calculator: Calculator,
    supercells: Sequence[Sequence[int]] | None = None,
    fmax: float = 1e-2,
    advance: Advance = silent,
) -> list[Vacancy]:
    """E_f = E(N - 1) - (N - 1) / N E(N), for growing supercells.

    Args:
        crystal: of one element, at rest.
        supercells: of the conventional cell; if not given, three that grow to 13 Å.

    Raises:
        StructureError: several elements: what an atom costs elsewhere would have to be known.
        UnstableError: the atoms find no rest.
    """
    if len(set(crystal.atoms.numbers)) > 1:
        raise StructureError(
            f"a vacancy's energy is defined here for crystals of one element, {crystal.atoms.get_chemical_formula()} has several: "
            "it depends on chemical potentials"
        )
    if supercells is None:
        supercells = list(dict.fromkeys(supercell_for(crystal.atoms, width) for width in WIDTHS))
    per_atom = crystal.energy / len(crystal.atoms)
    found = []
    for number, repeats in enumerate(supercells):
        atoms = crystal.atoms * tuple(repeats)
        sites = len(atoms)
        del atoms[0]
        atoms.calc = calculator
        unrelaxed = float(atoms.get_potential_energy() - per_atom * (sites - 1))
        relaxed = relax_atoms(atoms, calculator, fmax)
        energy = float(relaxed.get_potential_energy() - per_atom * (sites - 1))
        shift = float(np.linalg.norm(relaxed.positions - atoms.positions, axis=1).max())
        found.append(Vacancy(tuple(int(n) for n in repeats), sites, energy, unrelaxed, shift))
        advance("vacancies", number + 1, len(supercells))
    return found
