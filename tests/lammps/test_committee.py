"""Several files in pair_coeff: means, deviations of forces per atom, and what happens where these grow, on any number of ranks."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from lammps_runner import LAYOUTS, dump_frames, observe_lines, run_lammps, run_well, snapshot, system_lines, thermo_rows, write_data
from lammps_systems import NAMES, SYSTEMS
from native_files import random_potential, write_native_file
from qallegro_ase import QAllegroCalculator
from systems import tiny_config

#: eV, eV/Å: float64, sums in another order
ROUNDING = 1e-11
OBSERVE = "compute dev all qallegro/deviation\nfix guard all qallegro/extrapolation 1\n"
THERMO = "c_dev f_guard[1] f_guard[2] f_guard[3] f_guard[4]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m0 to m2, the last with a longer cutoff for one pair; `other` knows the species in another order."""
    folder = tmp_path_factory.mktemp("committee")
    for seed, changes in enumerate([{}, {}, {"per_edge_type_cutoff": {"Cu": {"Li": 3.1, "Cu": 3.5}, "Li": {"Cu": 3.1}}}]):
        write_native_file(folder / f"m{seed}.pth", random_potential(tiny_config(**changes), seed))
    write_native_file(folder / "other.pth", random_potential(tiny_config(atom_types=["Li", "Cu"]), 3))
    for name, make in SYSTEMS.items():
        write_data(folder / f"{name}.data", make(), NAMES)
    write_data(folder / "crystal.data", bulk("Cu", "fcc", a=3.7, cubic=True) * (2, 2, 2), NAMES)
    return folder


def pair_lines(*files: str) -> str:
    return f"pair_style qallegro\npair_coeff * * {' '.join(files)} Cu Li\n"


@pytest.fixture(scope="module")
def observed(folder):
    """layout -> label -> snapshot and deviations of atoms; labels SYSTEM and `alloy-same`, the committee of one file three times."""
    found = {}

    def run(layout: str):
        if layout in found:
            return found[layout]
        ranks, processors = LAYOUTS[layout]
        script = ""
        jobs = {name: ["m0.pth", "m1.pth", "m2.pth"] for name in ("alloy", "sheared", "tiny", "cluster")} | {"alloy-same": ["m1.pth"] * 3}
        for label, files in jobs.items():
            system = label.partition("-")[0]
            script += system_lines(SYSTEMS[system](), f"{system}.data", before_box=processors) + pair_lines(*files) + OBSERVE
            lines = observe_lines(f"{layout}-{label}", thermo=THERMO)
            script += lines.replace("id type x y z", "id type c_dev x y z") + "run 0\n"
        run_well(script, folder, ranks, name=layout)
        found[layout] = {
            label: (snapshot(folder, f"{layout}.log", f"{layout}-{label}"), _deviations(folder, layout, label)) for label in jobs
        }
        return found[layout]

    return run


def _deviations(folder, layout, label):
    return dump_frames(folder / f"{layout}-{label}.dump")[-1][0]["c_dev"]


@pytest.mark.parametrize("layout", ["1", "2", "4x1x1"])
@pytest.mark.parametrize("system", ["alloy", "sheared", "tiny", "cluster"])
def test_lammps_and_ase_agree(folder, observed, layout, system):
    atoms = SYSTEMS[system]()
    atoms.calc = QAllegroCalculator([folder / f"m{k}.pth" for k in range(3)])
    forces = atoms.get_forces()
    snap, deviations = observed(layout)[system]
    np.testing.assert_allclose(snap.forces, forces, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(snap.per_atom_energy, atoms.calc.results["energies"], rtol=0, atol=ROUNDING)
    expected = atoms.calc.results["forces_committee_deviation"]
    assert expected.max() > 0.01
    np.testing.assert_allclose(deviations, expected, rtol=0, atol=ROUNDING)
    thermo = snap.thermo
    assert thermo["PotEng"] == pytest.approx(atoms.get_potential_energy(), abs=ROUNDING * len(atoms))
    assert thermo["c_dev"] == thermo["f_guard[1]"] == pytest.approx(expected.max(), abs=ROUNDING)
    assert thermo["f_guard[2]"] == pytest.approx(expected.mean(), abs=ROUNDING)
    assert thermo["f_guard[3]"] == pytest.approx(expected.min(), abs=ROUNDING)
    assert expected[int(thermo["f_guard[4]"]) - 1] == pytest.approx(expected.max(), abs=ROUNDING)


@pytest.mark.parametrize("layout", ["1", "2"])
def test_a_committee_of_one_file_is_that_file_and_never_deviates(folder, observed, layout):
    atoms = SYSTEMS["alloy"]()
    atoms.calc = QAllegroCalculator(folder / "m1.pth")
    snap, deviations = observed(layout)["alloy-same"]
    np.testing.assert_allclose(snap.forces, atoms.get_forces(), rtol=0, atol=ROUNDING)
    assert (deviations == 0.0).all() and snap.thermo["c_dev"] == 0.0


def heated(folder, guard: str, more: str = "") -> str:
    """A crystal at rest, where all forces vanish, then hot: members with different weights disagree more and more."""
    script = "clear\nunits metal\nboundary p p p\natom_modify map array\nread_data crystal.data\n" + pair_lines("m0.pth", "m1.pth")
    script += "velocity all create 50 4711 loop geom\nfix move all nve\ntimestep 0.001\n" + OBSERVE.partition("fix")[0]
    script += f"fix guard all qallegro/extrapolation {guard}\nthermo_style custom step c_dev f_guard f_guard[5]\n"
    script += "thermo_modify line yaml format float %.16g\nthermo 1\n"
    return script + 'print "snapshot cold"\nrun 5\nvelocity all scale 1500\nprint "snapshot hot"\nrun 60\nprint "snapshot end"\n' + more


@pytest.fixture(scope="module")
def course(folder):
    """The deviation at every step without any threshold."""
    run_well(heated(folder, "1"), folder, name="free")
    rows = [thermo_rows(folder / "free.log", label) for label in ("cold", "hot")]
    assert max(row["c_dev"] for row in rows[0]) < 0.3 * max(row["c_dev"] for row in rows[1])
    return rows


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_hot_crystal_is_stopped_and_its_structure_kept(folder, course, ranks):
    """The run ends at the step that crosses the threshold, the input goes on; structures are what ASE says they are."""
    threshold = 0.6 * max(row["c_dev"] for row in course[1])
    crossing = next(row["Step"] for row in course[1] if row["c_dev"] > threshold)
    structures = folder / f"far{ranks}.xyz"
    guard = f"1 warn {0.5 * threshold} dump {0.5 * threshold} {structures.name} gap 2 stop {threshold}"
    output = run_well(heated(folder, guard, 'print "the input goes on"\n'), folder, ranks, name=f"stop{ranks}").output
    log = folder / f"stop{ranks}.log"
    # Warnings and messages stand between the rows of the table.
    told = ("WARNING: fix", "fix qallegro/extrapolation:")
    log.write_text("".join(line for line in log.read_text().splitlines(True) if not line.startswith(told)))
    rows = thermo_rows(log, "hot")
    assert rows[-1]["Step"] == crossing and rows[-1]["c_dev"] > threshold
    assert len(thermo_rows(log, "cold")) == 6
    assert "the input goes on" in output and "the run ends here" in output
    assert output.count("WARNING: fix qallegro/extrapolation") == 1
    frames = ase.io.read(structures, ":")
    steps = [frame.info["step"] for frame in frames]
    assert len(frames) == rows[-1]["f_guard[5]"] and steps[-1] == crossing and (np.diff(steps)[:-1] >= 2).all()
    for frame in frames:
        assert frame.pbc.all() and list(frame.arrays["id"]) == list(range(1, 33))
        frame.calc = QAllegroCalculator([folder / "m0.pth", folder / "m1.pth"])
        frame.get_forces()
        expected = frame.calc.results["forces_committee_deviation"]
        np.testing.assert_allclose(frame.arrays["force_deviation"], expected, rtol=1e-5, atol=1e-6)
        assert frame.info["max_force_deviation"] == pytest.approx(expected.max(), rel=1e-5)


@pytest.mark.parametrize("ranks", [1, 2])
def test_error_ends_lammps_with_a_text(folder, course, ranks):
    threshold = 0.6 * max(row["c_dev"] for row in course[1])
    crossing = next(row["Step"] for row in course[1] if row["c_dev"] > threshold)
    finished = run_lammps(heated(folder, f"1 error {threshold}"), folder, ranks, name=f"error{ranks}")
    text = " ".join(finished.output.split())
    assert finished.returncode == 1
    assert f"step {crossing}: the forces of the committee on atom" in text and "(Cu, at" in text and "label it, train anew" in text


def test_units_real_convert_deviations_but_not_structures(folder, tmp_path):
    atoms = SYSTEMS["alloy"]()
    script = system_lines(atoms, str(folder / "alloy.data"), units="real")
    script += pair_lines(str(folder / "m0.pth"), str(folder / "m1.pth"))
    script += "compute dev all qallegro/deviation\nfix guard all qallegro/extrapolation 5 dump 0 all.xyz\n"
    script += observe_lines("real", thermo="c_dev") + "run 0\n"
    run_well(script, tmp_path)
    largest = ase.io.read(tmp_path / "all.xyz").info["max_force_deviation"]
    assert thermo_rows(tmp_path / "in.log", "real")[0]["c_dev"] == pytest.approx(23.060549 * largest, rel=1e-6)


def test_restart_and_hybrid_keep_the_committee(folder, tmp_path):
    """Restart files name all members; under hybrid styles deviations are the same."""
    files = [str(folder / f"m{k}.pth") for k in range(2)]
    start = system_lines(SYSTEMS["alloy"](), str(folder / "alloy.data"))
    look = "compute dev all qallegro/deviation\nthermo_style custom step pe c_dev\nthermo_modify line yaml format float %.16g\n"
    script = start + pair_lines(*files) + look + 'print "snapshot first"\nrun 0\nwrite_restart r.bin\n'
    script += f'clear\nread_restart r.bin\n{look}print "snapshot again"\nrun 0\n'
    script += start + f"pair_style hybrid/overlay qallegro zero 5.0\npair_coeff * * qallegro {' '.join(files)} Cu Li\npair_coeff * * zero\n"
    script += f'{look}print "snapshot hybrid"\nrun 0\n'
    run_well(script, tmp_path, ranks=2)
    first, again, hybrid = (thermo_rows(tmp_path / "in.log", label)[0] for label in ("first", "again", "hybrid"))
    for other in (again, hybrid):
        assert other["PotEng"] == pytest.approx(first["PotEng"], abs=1e-9) and other["c_dev"] == pytest.approx(first["c_dev"], abs=ROUNDING)


def test_minimize_and_rerun_are_watched_and_thermo_may_look_at_any_step(folder, tmp_path):
    """Every third step is checked, and the first; a rerun with the threshold 0 keeps every frame."""
    files = [str(folder / f"m{k}.pth") for k in range(2)]
    script = system_lines(SYSTEMS["alloy"](), str(folder / "alloy.data")) + pair_lines(*files)
    script += "fix guard all qallegro/extrapolation 3 dump 0 minimize.xyz\nthermo_style custom step f_guard\nthermo 1\n"
    script += "min_modify dmax 0.01\nminimize 0 0 7 1000\nunfix guard\nthermo_style one\nvelocity all create 300 1\nfix move all nve\n"
    script += "dump out all custom 1 run.dump id type x y z\nrun 4\nundump out\n"
    script += "fix guard all qallegro/extrapolation 3 dump 0 rerun.xyz\nrerun run.dump dump x y z box yes\n"
    run_well(script, tmp_path, ranks=2)
    steps = {name: [frame.info["step"] for frame in ase.io.read(tmp_path / f"{name}.xyz", ":")] for name in ("minimize", "rerun")}
    assert steps == {"minimize": [0, 3, 6], "rerun": [7, 8, 9, 10, 11]}


TWO = "pair_coeff * * m0.pth m1.pth Cu Li\n"
MISTAKES = {
    "one file": ("pair_coeff * * m0.pth Cu Li\ncompute dev all qallegro/deviation\nrun 0\n", "two or more files, pair_coeff names 1"),
    "other order": ("pair_coeff * * m0.pth other.pth Cu Li\nrun 0\n", "same species in the same order"),
    "missing member": ("pair_coeff * * m0.pth gone.pth Cu Li\nrun 0\n", "gone.pth` must exist"),
    "unknown keyword": (TWO + "fix g all qallegro/extrapolation 1 halt 3\n", "keywords are `score`, `warn`, `dump`"),
    "no threshold": (TWO + "fix g all qallegro/extrapolation 1 stop\n", "received `nothing`"),
    "negative threshold": (TWO + "fix g all qallegro/extrapolation 1 warn -1\n", "0 or more, received `-1`"),
    "never": (TWO + "fix g all qallegro/extrapolation 0\n", "1 or more, received `0`"),
    "no file": (TWO + "fix g all qallegro/extrapolation 1 dump 0.1\n", "received no file"),
    "unwritable": (TWO + "fix g all qallegro/extrapolation 1 dump 0.1 none/x.xyz\n", "can be written to"),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_mistakes(folder, name):
    lines, message = MISTAKES[name]
    script = system_lines(SYSTEMS["alloy"](), "alloy.data") + "pair_style qallegro\n" + lines
    finished = run_lammps(script, folder, ranks=1 + (name in ("other order", "missing member")), name="mistake", timeout=60)
    assert finished.returncode == 1 and message in " ".join(finished.output.split()), finished.output
