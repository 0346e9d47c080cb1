"""Engine `native` under LAMMPS: the same energies on every layout of ranks, which split centers and ghosts in other ways."""

import numpy as np
import pytest

from lammps_runner import observe_lines, run_well, snapshot, system_lines, write_data
from lammps_systems import NAMES, SYSTEMS
from native_files import random_potential, write_native_file
from systems import tiny_config

LAYOUTS = {"1": (1, ""), "2": (2, ""), "4": (4, "processors 2 2 1"), "4x1x1": (4, "processors 4 1 1")}
MODELS = [("three_layers", "float64"), ("default", "float32")]
#: eV, eV/Å and eV: sums in another order; float32 rounds the same for an edge list in another order of atoms, but for sums over edges
ROUNDING = {"float64": 1e-11, "float32": 5e-6}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """(layout, model, system) -> what LAMMPS says."""
    files = tmp_path_factory.mktemp("files")
    for name, dtype in MODELS:
        write_native_file(files / f"{name}.qallegro.pth", random_potential(tiny_config(name, dtype=dtype)))
    found = {}
    for layout, (ranks, processors) in LAYOUTS.items():
        folder = tmp_path_factory.mktemp(f"layout-{layout}")
        script = ""
        for system, make in SYSTEMS.items():
            write_data(folder / f"{system}.data", make(), NAMES)
            for name, _ in MODELS:
                script += system_lines(make(), f"{system}.data", before_box=processors)
                script += f"pair_style qallegro\npair_coeff * * {files / name}.qallegro.pth Cu Li\n"
                script += observe_lines(f"{name}-{system}") + "run 0\n"
        output = run_well(script, folder, ranks).output
        assert output.count("native on cpu") == len(SYSTEMS) * len(MODELS), output
        for system in SYSTEMS:
            for name, _ in MODELS:
                found[layout, name, system] = snapshot(folder, "in.log", f"{name}-{system}")
    return found


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("name", "dtype"), MODELS)
def test_layouts_agree(name, dtype, system, snapshots):
    one = snapshots["1", name, system]
    assert np.abs(one.forces).max() > 1e-3
    for layout in LAYOUTS:
        other = snapshots[layout, name, system]
        assert other.thermo["c_edges[1]"] == one.thermo["c_edges[1]"]
        atol = ROUNDING[dtype]
        assert abs(other.thermo["PotEng"] - one.thermo["PotEng"]) < atol * max(1.0, abs(one.thermo["PotEng"])), layout
        np.testing.assert_allclose(other.per_atom_energy, one.per_atom_energy, rtol=0, atol=atol, err_msg=layout)
        np.testing.assert_allclose(other.forces, one.forces, rtol=0, atol=atol, err_msg=layout)
