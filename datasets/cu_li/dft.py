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


class Settings(NamedTuple):
    """What decides the numbers. The k-point grid is centred on Gamma; across a vacuum there is one point."""

    cutoff: float = 500.0  #: eV, plane waves
    k_density: float = 4.0  #: Å, points per reciprocal length: the spacing is 1 / k_density in 1/Å (2 pi included)
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
    grid = k_grid(atoms, settings.k_density)
    atoms = atoms.copy()
    atoms.calc = gpaw.GPAW(
        # The estimate of dE/d(cutoff) turns the stress into the derivative of the energy at constant cutoff.
        # Real wave functions are used at Gamma alone, where GPAW has had a bug in plane-wave mode; complex ones are not affected.
        mode=gpaw.PW(settings.cutoff, dedecut="estimate", force_complex_dtype=True),
        xc=settings.xc,
        kpts={"size": grid, "gamma": True},
        occupations=gpaw.FermiDirac(settings.smearing),
        convergence={"energy": settings.energy_convergence, "density": settings.density_convergence},
        maxiter=150,
        txt=str(log),
    )
    result = {
        "energy": atoms.get_potential_energy(force_consistent=True),
        "energy_zero_smearing": atoms.get_potential_energy(),
        "forces": atoms.get_forces().tolist(),
        "stress": atoms.get_stress().tolist(),
        "k_grid": list(grid),
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
