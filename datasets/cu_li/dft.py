"""One DFT calculation with GPAW: PBE, plane waves, Fermi smearing. Needs ASE and GPAW, nothing else."""

import json
import os
import platform
import time
from math import ceil, pi
from pathlib import Path
from typing import Any, NamedTuple

from ase import Atoms

#: Å, a gap between layers of atoms from which on nothing crosses it
VACUUM = 6.0
#: scaled coordinates; structures are written with six decimals
SYMMETRY_TOLERANCE = 1e-5


class Settings(NamedTuple):
    """What decides the numbers. Across a vacuum there is one k-point.

    A grid half a step off Gamma needs fewer points than one with Gamma in it, but breaks the symmetry of some crystals and gives
    them small forces. So cells without symmetry have the former, those with symmetry the latter, which has to be denser.
    """

    cutoff: float = 450.0  #: eV, plane waves
    k_density: float = 3.0  #: Å, points per reciprocal length: the spacing is 1 / k_density in 1/Å (2 pi included); half a step off Gamma
    k_density_symmetric: float = 4.0  #: Å, the same for cells with symmetry; Gamma is one of the points
    smearing: float = 0.2  #: eV, Fermi-Dirac
    xc: str = "PBE"
    energy_convergence: float = 1e-5  #: eV per valence electron
    density_convergence: float = 1e-5  #: electrons per valence electron


def k_grid(atoms: Atoms, density: float) -> tuple[int, int, int]:
    """Points in each direction, at least `density` of them per reciprocal length (2 pi included); one across a vacuum."""
    grid = []
    for reciprocal, fractions in zip(atoms.cell.reciprocal(), atoms.get_scaled_positions().T, strict=True):
        height = 1 / float((reciprocal**2).sum() ** 0.5)
        places = sorted(fractions)
        gap = height * max(b - a for a, b in zip(places, [*places[1:], places[0] + 1.0], strict=True))
        grid.append(1 if gap > VACUUM else max(1, ceil(2 * pi / height * density - 1e-6)))
    return tuple(grid)


def is_symmetric(atoms: Atoms) -> bool:
    """Whether an operation other than the identity and inversion maps the crystal on itself (GPAW's own search)."""
    from ase.units import Bohr
    from gpaw.symmetry import Symmetry

    symmetry = Symmetry(atoms.numbers, atoms.cell.array / Bohr, atoms.pbc, tolerance=SYMMETRY_TOLERANCE)
    symmetry.analyze(atoms.get_scaled_positions())
    return len(symmetry.op_scc) > 2


def k_points(atoms: Atoms, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """The points (scaled, shape (n, 3)), and what is told of them: the grid, and whether it is half a step off Gamma."""
    import numpy
    from ase.dft.kpoints import monkhorst_pack

    shifted = not is_symmetric(atoms)
    grid = numpy.array(k_grid(atoms, settings.k_density if shifted else settings.k_density_symmetric))
    # Monkhorst and Pack's grids of an even number lie half a step off already, those of an odd one hold Gamma.
    off = (grid > 1) & ((grid % 2 == 0) != shifted)
    return monkhorst_pack(grid) + off * 0.5 / grid, {"k_grid": grid.tolist(), "k_shifted": shifted}


def calculate(atoms: Atoms, settings: Settings, log: Path) -> dict[str, Any]:
    """Free energy (eV), its derivatives (forces in eV/Å, stress in eV/Å³, tension positive, Voigt order) and how they came about.

    The energy is the one that forces and stress are derivatives of, entropy of the smearing included; `energy_zero_smearing` is its
    extrapolation to no smearing. Cells are periodic in three directions.

    Raises:
        Exception: whatever GPAW raises; `gpaw.KohnShamConvergenceError` if the density does not converge.
    """
    import ase
    import gpaw
    import numpy

    started, processor = time.time(), time.process_time()
    points, told = k_points(atoms, settings)
    atoms = atoms.copy()
    atoms.calc = gpaw.GPAW(
        # The estimate of dE/d(cutoff) turns the stress into the derivative of the energy at constant cutoff.
        # Real wave functions are used at Gamma alone, where GPAW has had a bug in plane-wave mode; complex ones are not affected.
        mode=gpaw.PW(settings.cutoff, dedecut="estimate", force_complex_dtype=True),
        xc=settings.xc,
        kpts=points,
        symmetry={"tolerance": SYMMETRY_TOLERANCE},
        occupations=gpaw.FermiDirac(settings.smearing),
        convergence={"energy": settings.energy_convergence, "density": settings.density_convergence},
        # Bolder than GPAW's default (0.05, 5, 50), which takes twice the steps here; without the damping of long waves slabs fail.
        mixer=gpaw.Mixer(0.15, 5, 50.0),
        eigensolver=gpaw.Davidson(1),  # a fifth faster than the default's two rounds, although it takes more steps
        maxiter=150,
        txt=str(log),
    )
    result = told | {
        "energy": atoms.get_potential_energy(force_consistent=True),
        "energy_zero_smearing": atoms.get_potential_energy(),
        "forces": atoms.get_forces().tolist(),
        "stress": atoms.get_stress().tolist(),
        "k_points": len(atoms.calc.get_ibz_k_points()),
        "iterations": atoms.calc.get_number_of_iterations(),
        "setups": {setup.symbol: setup.fingerprint for setup in atoms.calc.setups},
    }
    return result | {
        "settings": settings._asdict(),
        "versions": {"gpaw": gpaw.__version__, "ase": ase.__version__, "numpy": numpy.__version__, "python": platform.python_version()},
        "seconds": time.time() - started,
        "processor_seconds": time.process_time() - processor,
    }


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
