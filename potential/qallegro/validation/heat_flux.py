"""What Green and Kubo's formula needs of a many-body potential, checked in LAMMPS.

The heat flux is the time derivative of sum_i r_i e_i, e_i the energy of atom i. For a potential whose atoms depend on several neighbors,
the virial of atom i in J = sum_i (e_i v_i + W_i v_i) must be that of the edges that end at i, W_i = sum_j r_ij (dE_j / dr_ij) (Fan et al.,
Phys. Rev. B 92, 094301 (2015)): `compute centroid/stress/atom`. The one that shares each edge's virial among both ends, `compute
stress/atom`, sums to the same total but gives another flux.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np

from qallegro.validation.lammps_forces import run_lammps, write_data

#: ps; central differences are wrong by its square, 4e-4 here, and rounding of float32 energies gives as much
TIMESTEP = 1e-4
#: relative; of the flux
TOLERANCE = 5e-3


class HeatFlux(NamedTuple):
    """Fluxes of one state of an isolated cluster, eV Å/ps."""

    derivative: np.ndarray  #: (3,) of sum_i r_i e_i, by central differences
    centroid: np.ndarray  #: (3,) by `centroid/stress/atom`
    shared: np.ndarray  #: (3,) by `stress/atom`
    centroid_error: float  #: largest deviation, relative to the derivative
    shared_error: float
    virial_error: float  #: largest deviation of the sum of per-atom virials from the total, relative
    atoms: int

    @property
    def right(self) -> bool:
        """Whether the centroid form is the derivative, and virials sum up."""
        return self.centroid_error < TOLERANCE and self.virial_error < TOLERANCE


def compute_heat_flux(
    crystal: ase.Atoms, model: Path, species: Sequence[str], atoms: int = 30, temperature: float = 900.0, seed: int = 1
) -> HeatFlux:
    """A hot cluster cut out of a crystal, in vacuum: there the sum of r_i e_i is well defined.

    Args:
        crystal: conventional cell.
        atoms: of the cluster.
        temperature: K.

    Raises:
        LammpsError: LAMMPS is missing or stops.
    """
    cluster = _cluster(crystal, atoms, seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder / "cluster.data", cluster, species)
        script = "units metal\natom_modify map yes\nboundary f f f\nread_data cluster.data\n"
        script += f"pair_style qallegro\npair_coeff * * {model.resolve()} {' '.join(species)}\n"
        script += f"velocity all create {temperature:g} {seed + 4711} mom no\nfix move all nve\ntimestep {TIMESTEP}\n"
        script += "compute ke all ke/atom\ncompute pe all pe/atom\n"
        script += "compute centroid all centroid/stress/atom NULL virial\ncompute shared all stress/atom NULL virial\n"
        script += "compute jc all heat/flux ke pe centroid\ncompute js all heat/flux ke pe shared\n"
        script += "compute sum all reduce sum c_centroid[1] c_centroid[2] c_centroid[3]\ncompute pressure all pressure NULL virial\n"
        script += "dump out all custom 1 cluster.dump id x y z c_ke c_pe\ndump_modify out sort id format float %.17g\n"
        numbers = [f"c_{name}[{k}]" for name in ("jc", "js", "sum") for k in (1, 2, 3)] + [f"c_pressure[{k}]*vol" for k in (1, 2, 3)]
        shown = " ".join(f"$({number}:%.17g)" for number in numbers)
        script += "thermo 1\nthermo_style custom step c_jc[1] c_js[1] c_sum[1] c_pressure[1]\n"
        script += f'fix out all print 1 "{shown}" file numbers.txt title ""\n'
        script += "run 2\n"
        run_lammps(script, folder)
        table = np.loadtxt(folder / "numbers.txt", ndmin=2)
        frames = _frames(folder / "cluster.dump", len(cluster))
    moments = [(frame[:, 1:4] * frame[:, 4:6].sum(1)[:, None]).sum(0) for frame in (frames[0], frames[2])]
    derivative = (moments[1] - moments[0]) / (2.0 * TIMESTEP)
    middle = table[1]
    size = float(np.abs(derivative).max())
    centroid, shared = middle[:3], middle[3:6]
    virials, totals = -middle[6:9], middle[9:12]
    return HeatFlux(
        derivative,
        centroid,
        shared,
        float(np.abs(centroid - derivative).max() / size),
        float(np.abs(shared - derivative).max() / size),
        float(np.abs(virials - totals).max() / np.abs(totals).max()),
        len(cluster),
    )


def _cluster(crystal: ase.Atoms, atoms: int, seed: int) -> ase.Atoms:
    """The atoms nearest to a point off all sites, moved at random, in a box with vacuum around."""
    block = crystal * tuple(int(n) for n in np.ceil(14.0 / crystal.cell.lengths()))
    centre = block.positions.mean(0) + 0.31
    nearest = np.argsort(np.linalg.norm(block.positions - centre, axis=1))[:atoms]
    cluster = ase.Atoms(block.numbers[nearest], block.positions[nearest])
    cluster.positions += np.random.default_rng(seed).normal(0.0, 0.05, (len(cluster), 3))
    cluster.center(vacuum=15.0)
    return cluster


def _frames(path: Path, atoms: int) -> list[np.ndarray]:
    lines = path.read_text().splitlines()
    size = atoms + 9
    return [np.loadtxt(lines[k + 9 : k + size]) for k in range(0, len(lines), size)]
