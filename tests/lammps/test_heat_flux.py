"""The heat flux of a many-body potential against its definition, d/dt sum_i r_i e_i of an isolated cluster."""

import numpy as np
import pytest

from lammps_runner import dump_frames, run_well, system_lines, thermo_rows, write_data
from lammps_systems import NAMES, cluster

TIMESTEP = 1e-6  # ps; the central difference is wrong by its square: 4e-8 here, 4e-6 at ten times the step
FLUX_TOLERANCE = 1e-6  # relative


@pytest.fixture(scope="module")
def fluxes(toy, tmp_path_factory):
    """The flux by finite differences, by centroid/stress/atom and by stress/atom, eV Å/ps, on two ranks."""
    folder = tmp_path_factory.mktemp("heat")
    write_data(folder / "cluster.data", cluster(), NAMES)
    script = system_lines(cluster(), "cluster.data") + f"pair_style qallegro\npair_coeff * * {toy} Cu Li\n"
    script += f"velocity all create 900 4711 mom no\nfix move all nve\ntimestep {TIMESTEP}\n"
    script += "compute ke all ke/atom\ncompute pe all pe/atom\n"
    script += "compute centroid all centroid/stress/atom NULL virial\ncompute half all stress/atom NULL virial\n"
    script += "compute jc all heat/flux ke pe centroid\ncompute jh all heat/flux ke pe half\n"
    script += "thermo_style custom step c_jc[1] c_jc[2] c_jc[3] c_jh[1] c_jh[2] c_jh[3]\n"
    script += "thermo 1\nthermo_modify line yaml format float %.16g\n"
    script += "dump out all custom 1 heat.dump id x y z c_ke c_pe\ndump_modify out sort id format float %.17g\n"
    script += 'print "snapshot heat"\nrun 2\n'
    run_well(script, folder, ranks=2)
    frames = [columns for columns, _ in dump_frames(folder / "heat.dump")]
    moments = [np.stack([frame[axis] * (frame["c_ke"] + frame["c_pe"]) for axis in "xyz"], 1).sum(0) for frame in (frames[0], frames[2])]
    middle = thermo_rows(folder / "in.log", "heat")[1]
    centroid, half = (np.array([middle[f"c_{name}[{k}]"] for k in (1, 2, 3)]) for name in ("jc", "jh"))
    return (moments[1] - moments[0]) / (2 * TIMESTEP), centroid, half


def test_centroid_flux_is_the_time_derivative(fluxes):
    derivative, centroid, _ = fluxes
    assert np.abs(centroid - derivative).max() < FLUX_TOLERANCE * np.abs(derivative).max()


def test_stress_atom_would_give_another_flux(fluxes):
    """LAMMPS warns of it; a difference shows that the test above can fail."""
    derivative, _, half = fluxes
    assert np.abs(half - derivative).max() > 0.01 * np.abs(derivative).max()
