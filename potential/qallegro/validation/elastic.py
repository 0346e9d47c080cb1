"""Elastic constants from finite strains (stress against strain), and what follows from them."""

from typing import NamedTuple

import ase
import numpy as np
from ase.calculators.calculator import Calculator

from qallegro.validation.forces import Advance, silent
from qallegro.validation.relaxation import Relaxed, check_stress, relax_atoms
from qallegro.validation.structures import rotations

#: Voigt order of ASE
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class Moduli(NamedTuple):
    """Of a polycrystal, after Hill (Proc. Phys. Soc. A 65, 349 (1952)); eV/Å^3, or pure numbers."""

    bulk_voigt: float
    bulk_reuss: float
    bulk: float  #: Hill's mean, K
    shear_voigt: float
    shear_reuss: float
    shear: float  #: Hill's mean, G
    young: float  #: E = 9 K G / (3 K + G)
    poisson: float  #: nu = (3 K - 2 G) / (2 (3 K + G))
    anisotropy: float  #: universal, 5 G_V / G_R + K_V / K_R - 6 (Ranganathan and Ostoja-Starzewski, PRL 101, 055504 (2008))


class Elastic(NamedTuple):
    """Elastic constants of a crystal along the axes of its standard conventional cell."""

    constants: np.ndarray  #: (6, 6) eV/Å^3, Voigt, with the symmetry of the crystal
    raw: np.ndarray  #: (6, 6) eV/Å^3, as found
    asymmetry: float  #: eV/Å^3, largest change that the symmetry made: an estimate of the numerical error
    smallest_eigenvalue: float  #: eV/Å^3; above zero the crystal is stable (Born)
    moduli: Moduli | None  #: None for an unstable crystal
    strain: float
    stable: bool
    cubic: bool


def compute_elastic(
    crystal: Relaxed, calculator: Calculator, strain: float = 0.005, fmax: float = 1e-3, advance: Advance = silent
) -> Elastic:
    """C_ij = d sigma_i / d epsilon_j by central differences, atoms relaxed in each strained cell.

    Args:
        crystal: at rest.
        strain: of each of the six deformations, both signs; a shear strain is twice the tensor's component.
        fmax: eV/Å, of the atoms in a strained cell.

    Raises:
        StructureError: the crystal is under stress.
        UnstableError: the atoms find no rest in a strained cell.
    """
    check_stress(crystal)
    raw = np.zeros((6, 6))
    for number, (a, b) in enumerate(VOIGT):
        for sign in (1.0, -1.0):
            deformation = np.eye(3)
            deformation[a, b] += 0.5 * sign * strain
            deformation[b, a] += 0.5 * sign * strain
            atoms = crystal.atoms.copy()
            atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
            raw[:, number] += sign * relax_atoms(atoms, calculator, fmax).get_stress() / (2.0 * strain)
            advance("strained cells", 2 * number + (1 if sign > 0 else 2), 12)
    constants = symmetrized(raw, rotations(crystal.atoms))
    return summarize(constants, raw, strain, crystal.space_group_number >= 195)


def summarize(constants: np.ndarray, raw: np.ndarray, strain: float, cubic: bool) -> Elastic:
    """Stability and moduli of elastic constants."""
    # Stable if the energy rises under every strain: in Mandel's notation, where strains have their natural norm.
    scale = np.sqrt([1, 1, 1, 2, 2, 2])
    smallest = float(np.linalg.eigvalsh(constants * scale[:, None] * scale).min())
    stable = smallest > 0.0
    moduli = polycrystal(constants) if stable else None
    return Elastic(constants, raw, float(np.abs(constants - raw).max()), smallest, moduli, strain, stable, cubic)


def symmetrized(constants: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The mean of C over transposition and the rotations (n, 3, 3) of the crystal.

    Args:
        constants: (6, 6) Voigt.
    """
    full = _full(0.5 * (constants + constants.T))
    mean = np.einsum("nai,nbj,nck,ndl,ijkl->abcd", turns, turns, turns, turns, full, optimize=True) / len(turns)
    voigt = np.array([[mean[a, b, c, d] for c, d in VOIGT] for a, b in VOIGT])
    return 0.5 * (voigt + voigt.T)


def polycrystal(constants: np.ndarray) -> Moduli:
    """Voigt's and Reuss's bounds and Hill's means.

    Args:
        constants: (6, 6) Voigt, positive definite.
    """
    c, s = constants, np.linalg.inv(constants)
    bulk_voigt = c[:3, :3].sum() / 9.0
    bulk_reuss = 1.0 / s[:3, :3].sum()
    shear_voigt = (np.trace(c[:3, :3]) - (c[0, 1] + c[1, 2] + c[0, 2]) + 3.0 * np.trace(c[3:, 3:])) / 15.0
    shear_reuss = 15.0 / (4.0 * np.trace(s[:3, :3]) - 4.0 * (s[0, 1] + s[1, 2] + s[0, 2]) + 3.0 * np.trace(s[3:, 3:]))
    bulk, shear = 0.5 * (bulk_voigt + bulk_reuss), 0.5 * (shear_voigt + shear_reuss)
    young = 9.0 * bulk * shear / (3.0 * bulk + shear)
    poisson = (3.0 * bulk - 2.0 * shear) / (2.0 * (3.0 * bulk + shear))
    anisotropy = 5.0 * shear_voigt / shear_reuss + bulk_voigt / bulk_reuss - 6.0
    numbers = (bulk_voigt, bulk_reuss, bulk, shear_voigt, shear_reuss, shear, young, poisson, anisotropy)
    return Moduli(*(float(value) for value in numbers))


def young_moduli(constants: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Young's modulus under a pull along each direction, 1/E(n) = s_ijkl n_i n_j n_k n_l (Nye, Physical Properties of Crystals (1957)).

    Args:
        constants: (6, 6) Voigt, positive definite.
        directions: (n, 3) unit vectors.

    Returns:
        (n,) in the unit of the constants.
    """
    # A pull of 1 along n is the stress n n; its strain, contracted with n n, is 1/E.
    stresses = np.array([directions[:, a] * directions[:, b] for a, b in VOIGT])
    strains = np.linalg.solve(constants, stresses)
    return 1.0 / np.einsum("kn,kn->n", stresses, strains)


def in_gpa(value: float | np.ndarray) -> float | np.ndarray:
    """From eV/Å^3 to GPa."""
    return value / ase.units.GPa


def _full(constants: np.ndarray) -> np.ndarray:
    index = np.empty((3, 3), int)
    for number, (a, b) in enumerate(VOIGT):
        index[a, b] = index[b, a] = number
    return constants[index[:, :, None, None], index[None, None, :, :]]
