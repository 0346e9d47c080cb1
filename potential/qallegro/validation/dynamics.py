"""Molecular dynamics: conservation of energy against the time step, stability under thermostat and barostat, and what the motion tells."""

from collections.abc import Sequence
from typing import NamedTuple

import ase
import numpy as np
from ase import units
from ase.calculators.calculator import CalculationFailed, Calculator
from ase.md.langevin import Langevin
from ase.md.nptberendsen import NPTBerendsen
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from qallegro.validation.errors import StructureError
from qallegro.validation.forces import Advance, silent
from qallegro.validation.observables import mean_square_displacement, radial_distribution, velocity_autocorrelation
from qallegro.validation.structures import heights

#: K above the target, in multiples of it, at which a run has exploded
EXPLOSION = 5.0
#: fs between samples of the trajectory
SAMPLE = 4.0


class Drift(NamedTuple):
    """One run at constant energy."""

    timestep: float  #: fs
    times: np.ndarray  #: fs
    energies: np.ndarray  #: eV per atom, total, from the first
    drift: float  #: eV per atom and ns, slope of a straight line
    fluctuation: float  #: eV per atom, RMS around that line
    stable: bool


class Bath(NamedTuple):
    """One run at a temperature, and perhaps a pressure."""

    ensemble: str  #: nvt or npt
    times: np.ndarray  #: fs
    temperatures: np.ndarray  #: K
    volumes: np.ndarray  #: Å^3 per atom
    mean_temperature: float  #: K, of the second half
    stable: bool


class Motion(NamedTuple):
    """What a trajectory at constant energy tells."""

    radial: tuple[np.ndarray, np.ndarray]  #: Å; g(r)
    displacement: tuple[np.ndarray, np.ndarray]  #: fs; Å^2
    diffusion: float  #: Å^2/fs, slope of the second half over 6
    correlation: tuple[np.ndarray, np.ndarray]  #: fs; normalized
    temperature: float  #: K, mean
    trajectory: list[ase.Atoms]


def warm_crystal(atoms: ase.Atoms, length: float, temperature: float, seed: int) -> ase.Atoms:
    """A supercell of at least `length` Å with velocities of twice the temperature: half of that energy goes into the springs.

    Args:
        atoms: conventional cell, at rest.
        temperature: K.
    """
    if not temperature > 0:
        raise StructureError(f"a temperature must be above 0 K, got {temperature:g}")
    cell = atoms * tuple(int(n) for n in np.ceil(length / heights(atoms) - 1e-6))
    thermalize_momenta(cell, temperature_K=2.0 * temperature, rng=np.random.default_rng(seed))
    Stationary(cell)
    return cell


def compute_drift(
    atoms: ase.Atoms,
    calculator: Calculator,
    timesteps: Sequence[float] = (1.0, 2.0, 4.0),
    duration: float = 2000.0,
    advance: Advance = silent,
) -> list[Drift]:
    """Runs at constant energy from one start, all of the same physical time.

    Args:
        atoms: with velocities.
        timesteps: fs.
        duration: fs.
    """
    found = []
    for timestep in timesteps:
        run = atoms.copy()
        run.calc = calculator
        dynamics = VelocityVerlet(run, timestep * units.fs)
        steps = max(int(round(duration / timestep)), 10)
        every = max(steps // 200, 1)
        times, energies = [0.0], [run.get_total_energy() / len(run)]
        limit = EXPLOSION * max(run.get_temperature(), 1.0)
        stable = True
        for start in range(0, steps, every):
            try:
                dynamics.run(min(every, steps - start))
                energy, hot = run.get_total_energy() / len(run), run.get_temperature()
            except CalculationFailed:
                energy, hot = np.nan, np.inf
            advance(f"constant energy, {timestep:g} fs", start + every, steps)
            if not np.isfinite(energy) or hot > limit:
                stable = False
                break
            times.append(dynamics.nsteps * timestep)
            energies.append(energy)
        times, energies = np.array(times), np.array(energies) - energies[0]
        slope, offset = np.polyfit(times, energies, 1) if len(times) > 2 else (np.nan, np.nan)
        rms = float(np.sqrt(np.mean((energies - slope * times - offset) ** 2)))
        found.append(Drift(timestep, times, energies, float(slope * 1e6), rms, stable))
    return found


def run_bath(
    atoms: ase.Atoms,
    calculator: Calculator,
    temperature: float,
    ensemble: str = "nvt",
    timestep: float = 2.0,
    duration: float = 2000.0,
    bulk_modulus: float = 0.5,
    seed: int = 1,
    advance: Advance = silent,
) -> tuple[Bath, ase.Atoms]:
    """Langevin dynamics (`nvt`), or weak coupling to heat and to no pressure (`npt`; Berendsen et al., J. Chem. Phys. 81, 3684 (1984)).

    Args:
        atoms: with velocities.
        temperature: K.
        timestep, duration: fs.
        bulk_modulus: eV/Å^3, how stiff the crystal is, for the pace of `npt`.

    Returns:
        the record, and the last state.
    """
    run = atoms.copy()
    run.calc = calculator
    if ensemble == "nvt":
        rng = np.random.default_rng(seed)
        dynamics = Langevin(run, timestep * units.fs, temperature_K=temperature, friction=0.01 / units.fs, fixcm=False, rng=rng)
    else:
        dynamics = NPTBerendsen(
            run,
            timestep * units.fs,
            temperature_K=temperature,
            taut=100 * units.fs,
            pressure_au=0.0,
            taup=500 * units.fs,
            compressibility_au=1.0 / bulk_modulus,
        )
    steps = max(int(round(duration / timestep)), 10)
    every = max(int(round(SAMPLE / timestep)), 1)
    rows, stable = [], True
    for start in range(0, steps, every):
        try:
            dynamics.run(min(every, steps - start))
            row = (dynamics.nsteps * timestep, run.get_temperature(), run.get_volume() / len(run))
        except CalculationFailed:
            row = (np.nan, np.inf, np.nan)
        advance(f"{ensemble} at {temperature:g} K", start + every, steps)
        if not row[1] < EXPLOSION * temperature + 100.0:
            stable = False
            break
        rows.append(row)
    table = np.array(rows).reshape(-1, 3)
    mean = float(table[len(table) // 2 :, 1].mean()) if len(table) else float("nan")
    run.calc = None
    return Bath(ensemble, table[:, 0], table[:, 1], table[:, 2], mean, stable), run


def compute_motion(
    atoms: ase.Atoms, calculator: Calculator, timestep: float = 2.0, duration: float = 4000.0, advance: Advance = silent
) -> Motion:
    """A run at constant energy from an equilibrated state, for RDF, MSD, diffusion and VACF.

    Args:
        atoms: with velocities.
    """
    run = atoms.copy()
    run.calc = calculator
    dynamics = VelocityVerlet(run, timestep * units.fs)
    steps = max(int(round(duration / timestep)), 10)
    every = max(int(round(SAMPLE / timestep)), 1)
    frames, temperatures = [run.copy()], [run.get_temperature()]
    for start in range(0, steps, every):
        dynamics.run(every)
        frames.append(run.copy())
        temperatures.append(run.get_temperature())
        advance("sampling", start + every, steps)
    interval = every * timestep
    displacement = mean_square_displacement(frames, interval)
    half = len(displacement[0]) // 2
    slope = np.polyfit(displacement[0][half:], displacement[1][half:], 1)[0]
    return Motion(
        radial_distribution(frames),
        displacement,
        float(slope) / 6.0,
        velocity_autocorrelation(frames, interval),
        float(np.mean(temperatures)),
        frames,
    )


def run_all(
    atoms: ase.Atoms,
    calculator: Calculator,
    temperature: float = 300.0,
    timesteps: Sequence[float] = (1.0, 2.0, 4.0),
    duration: float = 2000.0,
    timestep: float = 2.0,
    ensembles: Sequence[str] = ("nvt", "npt"),
    width: float = 10.0,
    seed: int = 1,
    advance: Advance = silent,
) -> tuple[list[Drift], list[Bath], Motion | None]:
    """Drift, baths, and a run at constant energy from the end of the first bath.

    Args:
        atoms: conventional cell, at rest.
        temperature: K.
        timesteps: fs, of the drift.
        duration: fs, of each run.
        timestep: fs, of the baths and the last run.
        width: Å, least width of the supercell.

    Returns:
        the motion is None if the first bath was not stable.
    """
    cell = warm_crystal(atoms, width, temperature, seed)
    drifts = compute_drift(cell, calculator, timesteps, duration, advance)
    baths, last = [], None
    for ensemble in ensembles:
        bath, end = run_bath(cell, calculator, temperature, ensemble, timestep, duration, seed=seed, advance=advance)
        baths.append(bath)
        last = end if last is None else last
    motion = compute_motion(last, calculator, timestep, duration, advance) if baths and baths[0].stable else None
    return drifts, baths, motion
