"""Reference data for the demo: a molecule sampled by molecular dynamics on its GFN2-xTB surface (Bannwarth, Ehlert and Grimme, 2019)."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from rich.progress import Progress

from qallegro.errors import ConfigError
from qallegro.whole_file import whole_file

#: fs; a quarter of the shortest O-H period is about 2.2 fs
TIMESTEP = 0.5
#: steps between kept frames: 10 fs apart, neighboring frames differ by about 0.1 Å
STRIDE = 20
#: steps before the first kept frame
EQUILIBRATION = 400
#: K; hotter than the runs to come, so that these stay inside what was seen
TEMPERATURES = (300.0, 600.0)


def sample_molecule(name: str, frames: int, seed: int, progress: Progress) -> list[Atoms]:
    """Frames with GFN2-xTB energies (eV) and forces (eV/Å) from Langevin dynamics at two temperatures, one run each.

    Args:
        name: molecule known to `ase.build.molecule`, for example "CH3CH2OH".
        frames: number of frames in all.
        seed: of velocities and thermostat.
        progress: bar to move.

    Raises:
        ConfigError: the package `tblite` is not installed.
    """
    try:
        from tblite.ase import TBLite
    except ImportError as error:
        raise ConfigError("package `tblite` must be installed to make reference data; run `pip install qallegro[demo]`") from error
    per_run = -(-frames // len(TEMPERATURES))
    task = progress.add_task("GFN2-xTB dynamics", total=len(TEMPERATURES) * (EQUILIBRATION + per_run * STRIDE))
    kept: list[Atoms] = []
    for k, temperature in enumerate(TEMPERATURES):
        rng = np.random.default_rng([seed, k])
        atoms = molecule(name)
        atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
        thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
        dynamics = Langevin(atoms, TIMESTEP * units.fs, temperature_K=temperature, friction=0.01 / units.fs, fixcm=False, rng=rng)
        for _ in dynamics.irun(EQUILIBRATION):
            progress.advance(task)
        run = []
        for step, _ in enumerate(dynamics.irun(per_run * STRIDE)):
            progress.advance(task)
            if step % STRIDE == 0 and len(run) < per_run:
                frame = Atoms(atoms.numbers, positions=atoms.positions.copy())
                frame.calc = SinglePointCalculator(frame, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
                run.append(frame)
        kept += run
    return kept[:frames]


def write_frames(path: Path, frames: list[Atoms]) -> None:
    """Extended XYZ, written whole or not at all."""
    with whole_file(path) as temporary:
        ase.io.write(temporary, frames, format="extxyz")
