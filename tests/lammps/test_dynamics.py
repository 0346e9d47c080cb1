"""Molecular dynamics, relaxation, restarts and reruns with the real `lmp`."""

import numpy as np
import pytest

from lammps_models import MODELS
from lammps_runner import frame_atoms, observe_lines, run_well, snapshot, system_lines, thermo_rows, write_data
from lammps_systems import NAMES, alloy, sheared
from toy_export import toy_reference

TOLERANCE = MODELS["toy"].tolerance.energy
N_ATOMS = len(alloy())
NVE_STEPS, NVE_TIMESTEP = 400, 0.002  # ps
# Velocity Verlet with exact forces has no drift; over 0.8 ps at 300 K the toy's bounded fluctuation leaves a slope of 4e-6 at
# the shorter step.
NVE_DRIFT = 2e-5  # eV/ps an atom
NVE_ORDER = (3.0, 5.0)  # ratio of fluctuations at a step and at half of it; 4 for a second-order integrator
# The Nose-Hoover conserved quantity also holds the work of the barostat, hence the virial; measured 9e-5 eV an atom.
NPT_DRIFT = 5e-4  # eV an atom over the run
RELAXED_PRESSURE = 0.1  # bar; measured 2e-3 from 4e4 at the start
RELAXED_FORCE = 1e-4  # eV/Å
# A restart file holds doubles, but atoms may come back in another order, and so do the sums.
RESTART_TOLERANCE = 1e-10  # Å and eV, after 30 steps


def pair_lines(toy) -> str:
    return f"pair_style qallegro\npair_coeff * * {toy} Cu Li\n"


@pytest.fixture(scope="module")
def nve_rows(toy, tmp_path_factory):
    """Thermo rows of two NVE runs over the same time, the second at half the step."""
    folder = tmp_path_factory.mktemp("nve")
    write_data(folder / "alloy.data", alloy(), NAMES)
    script = ""
    for label, factor in (("whole", 1), ("half", 2)):
        script += system_lines(alloy(), "alloy.data") + pair_lines(toy)
        script += f"velocity all create 600 4711 mom yes rot yes\nfix move all nve\ntimestep {NVE_TIMESTEP / factor}\n"
        script += observe_lines(label, per_atom=False) + f"undump out\nrun {NVE_STEPS * factor}\n"
    run_well(script, folder)
    return {label: thermo_rows(folder / "in.log", label) for label in ("whole", "half")}


def test_nve_conserves_energy(nve_rows):
    energy = np.array([row["TotEng"] for row in nve_rows["half"]]) / N_ATOMS
    time = np.arange(len(energy)) * NVE_TIMESTEP / 2
    assert np.ptp([row["PotEng"] for row in nve_rows["half"]]) > 0.5, "the atoms must move"
    assert abs(np.polyfit(time, energy, 1)[0]) < NVE_DRIFT


def test_nve_fluctuation_is_of_second_order(nve_rows):
    """Only a potential whose forces are its own exact gradient gives this ratio."""
    spread = {label: np.std([row["TotEng"] for row in rows]) for label, rows in nve_rows.items()}
    assert NVE_ORDER[0] < spread["whole"] / spread["half"] < NVE_ORDER[1]


@pytest.fixture(scope="module")
def relaxed(toy, tmp_path_factory):
    """Folder of one input on two ranks: minimize, then fix box/relax, then NPT in a sheared box."""
    folder = tmp_path_factory.mktemp("relax")
    write_data(folder / "sheared.data", sheared(), NAMES)
    start = system_lines(sheared(), "sheared.data") + pair_lines(toy) + "thermo_modify lost error\n"
    script = start + observe_lines("minimize", dump_every=100) + "min_style cg\nminimize 0.0 1e-6 500 2000\n"
    script += start + observe_lines("box_relax", dump_every=100) + "fix box all box/relax tri 0.0 vmax 0.003\nminimize 0.0 1e-6 500 2000\n"
    script += start + observe_lines("npt", thermo="econserve xy", dump_every=100) + "velocity all create 300 4711\n"
    script += "fix move all npt temp 300 300 0.1 tri 0.0 0.0 0.5\nrun 300\n"
    run_well(script, folder, ranks=2)
    return folder


@pytest.mark.parametrize("label", ["minimize", "box_relax", "npt"])
def test_last_configuration_still_agrees_with_the_reference(relaxed, label):
    """After migration between ranks, new neighbor lists and changes of the box."""
    snap = snapshot(relaxed, "in.log", label)
    reference = toy_reference(frame_atoms(relaxed, label, NAMES, True))
    np.testing.assert_allclose(snap.forces, reference.forces, atol=10 * TOLERANCE)
    np.testing.assert_allclose(snap.per_atom_energy, reference.per_atom_energy, atol=10 * TOLERANCE)
    assert snap.thermo["PotEng"] == pytest.approx(reference.energy, abs=10 * TOLERANCE * N_ATOMS)


def test_minimize_lowers_the_energy_to_a_stationary_point(relaxed):
    rows = thermo_rows(relaxed / "in.log", "minimize")
    assert rows[-1]["PotEng"] < rows[0]["PotEng"] - 0.1
    assert np.abs(snapshot(relaxed, "in.log", "minimize").forces).max() < RELAXED_FORCE


def test_box_relax_reaches_the_pressure_and_a_lower_energy(relaxed):
    fixed, free = (thermo_rows(relaxed / "in.log", label)[-1] for label in ("minimize", "box_relax"))
    assert free["PotEng"] < fixed["PotEng"] - 0.01
    for component in ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz"):
        assert abs(free[component]) < RELAXED_PRESSURE


def test_npt_changes_the_box_and_keeps_its_conserved_quantity(relaxed):
    rows = thermo_rows(relaxed / "in.log", "npt")
    conserved = np.array([row["Econserve"] for row in rows]) / N_ATOMS
    assert np.ptp([row["Volume"] for row in rows]) > 1.0 and np.ptp([row["Xy"] for row in rows]) > 0.01
    assert np.abs(conserved - conserved[0]).max() < NPT_DRIFT


@pytest.fixture(scope="module")
def restarts(toy, tmp_path_factory):
    """label -> last snapshot: without interruption, after restarts given in several ways, and the rerun's thermo rows."""
    folder = tmp_path_factory.mktemp("restart")
    write_data(folder / "alloy.data", alloy(), NAMES)
    move = "fix move all nve\n"
    script = system_lines(alloy(), "alloy.data") + "pair_style qallegro engine torchscript device cpu\n"
    script += f"pair_coeff * * {toy} Cu Li\n" + move + "velocity all create 600 4711\nrun 10\nwrite_restart middle.restart\n"
    script += observe_lines("through") + "run 30\n"
    script += 'undump out\nprint "snapshot again"\nrerun through.dump dump x y z box yes\n'
    run_well(script, folder)
    continued = {
        "stored": "",
        "anew": pair_lines(toy),
        "coeff_only": f"pair_coeff * * {toy} Cu Li\n",
    }
    script = ""
    for label, pair in continued.items():
        script += f"clear\nread_restart middle.restart\n{pair}" + move + observe_lines(label) + "run 30\n"
    run_well(script, folder, ranks=2, name="continued")
    hybrid = system_lines(alloy(), "alloy.data") + "pair_style hybrid/overlay qallegro device cpu zero 5.0\n"
    coefficients = f"pair_coeff * * qallegro {toy} Cu Li\npair_coeff * * zero\n"
    hybrid += coefficients + move + "velocity all create 600 4711\nrun 10\nwrite_restart hybrid.restart\n"
    hybrid += f"clear\nread_restart hybrid.restart\n{coefficients}" + move + observe_lines("hybrid") + "run 30\n"
    run_well(hybrid, folder, name="hybrid")
    logs = {"through": "in.log", "hybrid": "hybrid.log", **{label: "continued.log" for label in continued}}
    snaps = {label: snapshot(folder, log, label) for label, log in logs.items()}
    return snaps, thermo_rows(folder / "in.log", "through"), thermo_rows(folder / "in.log", "again")


@pytest.mark.parametrize("label", ["stored", "anew", "coeff_only", "hybrid"])
def test_restart_continues_the_trajectory(restarts, label):
    snaps, _, _ = restarts
    through, continued = snaps["through"], snaps[label]
    assert continued.thermo["Step"] == through.thermo["Step"] == 40
    np.testing.assert_allclose(continued.positions, through.positions, atol=RESTART_TOLERANCE)
    np.testing.assert_allclose(continued.forces, through.forces, atol=RESTART_TOLERANCE)
    assert continued.thermo["TotEng"] == pytest.approx(through.thermo["TotEng"], abs=RESTART_TOLERANCE)


def test_rerun_finds_the_energies_and_pressures_of_the_run(restarts):
    _, through, again = restarts
    assert [row["Step"] for row in again] == [row["Step"] for row in through] and len(again) == 31
    for row, first in zip(again, through, strict=True):
        assert row["PotEng"] == pytest.approx(first["PotEng"], abs=RESTART_TOLERANCE)
