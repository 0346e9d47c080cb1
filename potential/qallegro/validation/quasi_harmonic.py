"""Thermal expansion and Gibbs energy in the quasi-harmonic approximation (phonopy.qha)."""

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from phonopy import PhonopyQHA

from qallegro.validation.errors import UnstableError
from qallegro.validation.forces import Advance, KeptForces, silent
from qallegro.validation.phonons import IMAGINARY, compute_phonons
from qallegro.validation.relaxation import Relaxed, relax_atoms

#: K between temperatures, over which phonopy differentiates
STEP = 10.0


class QuasiHarmonic(NamedTuple):
    """Against temperature, at no pressure."""

    temperatures: np.ndarray  #: K
    volume: np.ndarray  #: Å^3 per atom
    expansion: np.ndarray  #: 1/K, of the volume
    gibbs: np.ndarray  #: eV per atom
    bulk_modulus: np.ndarray  #: eV/Å^3, isothermal
    heat_capacity: np.ndarray  #: J/K/mol of atoms, at constant pressure
    volumes: np.ndarray  #: Å^3 per atom, at which phonons were computed
    lowest: np.ndarray  #: THz, lowest frequency at each of them


def compute_quasi_harmonic(
    crystal: Relaxed,
    calculator: Calculator,
    forces: KeptForces,
    repeats: Sequence[int],
    displacement: float = 0.01,
    span: tuple[float, float] = (-0.03, 0.06),
    points: int = 7,
    highest: float = 800.0,
    fmax: float = 1e-3,
    advance: Advance = silent,
) -> QuasiHarmonic:
    """Phonons at several volumes, and free energies between them.

    Args:
        crystal: at rest.
        span: relative changes of volume, the ends of the range.
        points: volumes, five or more.
        highest: K.

    Raises:
        UnstableError: imaginary modes at one of the volumes, or an equilibrium volume outside the range.
    """
    # phonopy's derivatives need temperatures beyond the last.
    temperatures = np.arange(0.0, highest + 2.5 * STEP, STEP)
    volumes, energies, lowest, columns = [], [], [], []
    for number, change in enumerate(np.linspace(*span, points)):
        atoms = crystal.atoms.copy()
        atoms.set_cell(atoms.cell.array * (1.0 + change) ** (1.0 / 3.0), scale_atoms=True)
        atoms = relax_atoms(atoms, calculator, fmax)
        energy = atoms.get_potential_energy()
        atoms.calc = None
        phonons = compute_phonons(atoms, forces, repeats, displacement, temperatures)
        share = len(phonons.phonopy.primitive) / len(atoms)
        volumes.append(atoms.get_volume() * share)
        energies.append(energy * share)
        lowest.append(phonons.lowest[0])
        if phonons.lowest[0] < -IMAGINARY:
            raise UnstableError(
                f"a crystal must have real frequencies at all volumes of the quasi-harmonic approximation, at {change:+.1%} the lowest is "
                f"{phonons.lowest[0]:.3g} THz; look at `qallegro validate phonon`, or take a narrower `--range`"
            )
        columns.append(phonons.thermal)
        advance("volumes", number + 1, points)
    primitive_atoms = len(phonons.phonopy.primitive)
    tables = {name: np.array([column[name] for column in columns]).T for name in ("free_energy", "heat_capacity", "entropy")}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            qha = PhonopyQHA(
                volumes=np.array(volumes),
                electronic_energies=np.array(energies),
                temperatures=temperatures,
                free_energy=tables["free_energy"],
                cv=tables["heat_capacity"],
                entropy=tables["entropy"],
                eos="birch_murnaghan",
                t_max=highest,
            )
    except RuntimeError as error:
        raise UnstableError(f"free energies must have a minimum in volume at all temperatures, phonopy says: {error}") from error
    volume = np.array(qha.volume_temperature)
    count = len(volume)
    if volume.max() > max(volumes) or volume.min() < min(volumes):
        raise UnstableError(
            f"the equilibrium volume must stay in the range of the phonons, {min(volumes) / primitive_atoms:.4g} to "
            f"{max(volumes) / primitive_atoms:.4g} Å^3 per atom, it reaches {volume.max() / primitive_atoms:.4g}; take a wider `--range`, "
            "or a lower temperature"
        )
    return QuasiHarmonic(
        temperatures[:count],
        volume / primitive_atoms,
        np.array(qha.thermal_expansion)[:count],
        np.array(qha.gibbs_temperature)[:count] / primitive_atoms,
        np.array(qha.bulk_modulus_temperature)[:count] * units.GPa,  # phonopy gives GPa
        np.array(qha.heat_capacity_P_numerical)[:count] / primitive_atoms,
        np.array(volumes) / primitive_atoms,
        np.array(lowest),
    )
