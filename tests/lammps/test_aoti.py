"""An AOTInductor package in LAMMPS, on an exported Allegro; compiling takes half a minute."""

import numpy as np
import pytest

from lammps_models import allegro, eager_reference
from lammps_runner import observe_lines, run_well, snapshot, system_lines, write_data
from lammps_systems import NAMES, alloy, cluster


@pytest.mark.slow
def test_aoti_package_agrees_on_two_ranks(tmp_path):
    from qallegro.export.exporter import export_model
    from qallegro.model.checkpoint import save_model

    save_model(tmp_path / "model.pth", allegro("default", "float64"), {"made_by": "tests"})
    package = export_model(tmp_path / "model.pth", format="aoti").path
    script = ""
    for label, atoms in (("alloy", alloy()), ("cluster", cluster())):
        write_data(tmp_path / f"{label}.data", atoms, NAMES)
        script += system_lines(atoms, f"{label}.data", before_box="processors 2 1 1")
        script += f"pair_style qallegro engine aoti\npair_coeff * * {package} Cu Li\n" + observe_lines(label) + "run 0\n"
    output = run_well(script, tmp_path, ranks=2).output
    assert "aoti on cpu" in output
    for label, atoms in (("alloy", alloy()), ("cluster", cluster())):
        snap, reference = snapshot(tmp_path, "in.log", label), eager_reference("default", "float64", atoms)
        np.testing.assert_allclose(snap.per_atom_energy, reference.per_atom_energy, atol=1e-10)
        np.testing.assert_allclose(snap.forces, reference.forces, atol=1e-10)
