"""Scores of one model in LAMMPS: novelty, distances and numbers of neighbors, the same as in ASE on any number of ranks."""

import warnings

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from lammps_runner import LAYOUTS, dump_frames, observe_lines, run_lammps, run_well, snapshot, system_lines, thermo_rows, write_data
from lammps_systems import NAMES, SYSTEMS, alloy
from native_files import random_potential, write_native_file
from novelty_samples import rattled_alloys, samples_of
from qallegro.data.pair_ranges import pair_ranges
from qallegro.uncertainty.novelty import novelty_scale
from qallegro_ase import ExtrapolationWarning, QAllegroCalculator
from systems import tiny_config

#: float64; distances of latent features are divided by spreads down to 1e-4 of the largest
ROUNDING, AGREEMENT = 1e-11, 1e-8
SCORES = {"novelty": "novelty", "distance": "distance_below_training", "neighbors": "neighbors_outside_training"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`m.pth` was trained on rattled alloys with more space than those that it meets; `old.pth` tells nothing."""
    folder = tmp_path_factory.mktemp("scores")
    potential = random_potential(tiny_config())
    samples = samples_of(rattled_alloys(8, 0.03, 4.1), potential.config)
    ranges = pair_ranges([s.types for s in samples], [s.table for s in samples], NAMES)
    statistics = {"provenance": {"statistics": ranges._asdict()}}
    write_native_file(folder / "m.pth", potential, record_changes=statistics, novelty=novelty_scale(potential, samples).tensors())
    write_native_file(folder / "old.pth", potential)
    for name in ("alloy", "sheared", "cluster"):
        write_data(folder / f"{name}.data", SYSTEMS[name](), NAMES)
    write_data(folder / "crystal.data", bulk("Cu", "fcc", a=4.1, cubic=True) * (2, 2, 2), NAMES)
    return folder


def pair_lines(file: str = "m.pth") -> str:
    return f"pair_style qallegro\npair_coeff * * {file} Cu Li\n"


@pytest.mark.parametrize("layout", ["1", "2", "4x1x1"])
def test_lammps_and_ase_agree(folder, layout):
    """Four slabs along x leave ranks without atoms."""
    ranks, processors = LAYOUTS[layout]
    script = ""
    for system in ("alloy", "sheared", "cluster"):
        script += system_lines(SYSTEMS[system](), f"{system}.data", before_box=processors) + pair_lines()
        for score in SCORES:
            script += f"compute {score} all qallegro/extrapolation {score}\nfix {score} all qallegro/extrapolation 1 score {score}\n"
        lines = observe_lines(f"{layout}-{system}", thermo=" ".join(f"c_{s} f_{s}[1] f_{s}[2] f_{s}[3]" for s in SCORES))
        script += lines.replace("id type x y z", "id type " + " ".join(f"c_{s}" for s in SCORES) + " x y z") + "run 0\n"
    run_well(script, folder, ranks, name=layout)
    for system in ("alloy", "sheared", "cluster"):
        atoms = SYSTEMS[system]()
        atoms.calc = QAllegroCalculator(folder / "m.pth", guard="warn")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExtrapolationWarning)
            forces = atoms.get_forces()
        snap = snapshot(folder, f"{layout}.log", f"{layout}-{system}")
        np.testing.assert_allclose(snap.forces, forces, rtol=0, atol=ROUNDING)
        columns = dump_frames(folder / f"{layout}-{system}.dump")[-1][0]
        for score, name in SCORES.items():
            expected = np.abs(atoms.calc.results[name])
            assert expected.max() > 0.0
            np.testing.assert_allclose(columns[f"c_{score}"], expected, rtol=AGREEMENT, atol=AGREEMENT)
            found = [snap.thermo[f"c_{score}"]] + [snap.thermo[f"f_{score}[{k}]"] for k in (1, 2, 3)]
            assert found == pytest.approx([expected.max(), expected.max(), expected.mean(), expected.min()], rel=1e-6)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_that_leaves_the_training_set_is_stopped(folder, ranks):
    """A crystal of one model is squeezed; the run ends at the first step whose novelty exceeds the threshold, the structure is kept."""
    script = "units metal\nboundary p p p\natom_modify map array\nread_data crystal.data\n" + pair_lines()
    script += "velocity all create 100 4711 loop geom\nfix move all nve\n"
    script += "fix squeeze all deform 1 x scale 0.8 y scale 0.8 z scale 0.8 remap x\n"
    look = 'thermo_style custom step f_guard[1]\nthermo_modify line yaml format float %.16g\nthermo 1\nprint "snapshot run"\nrun 40\n'
    free = script + "fix guard all qallegro/extrapolation 1 score novelty\n" + look
    run_well(free, folder, ranks, name=f"free{ranks}")
    course = [row["f_guard[1]"] for row in thermo_rows(folder / f"free{ranks}.log", "run")]
    threshold = 0.5 * max(course)
    crossing = next(step for step, value in enumerate(course) if value > threshold)
    assert 0 < crossing < 40
    guard = f"fix guard all qallegro/extrapolation 1 score novelty dump {threshold} far{ranks}.xyz stop {threshold}\n"
    output = run_well(script + guard + look, folder, ranks, name=f"stop{ranks}").output
    assert "lie, in units of the farthest atom of the training set, away from it by" in " ".join(output.split())
    (frame,) = ase.io.read(folder / f"far{ranks}.xyz", ":")
    assert frame.info["step"] == crossing and frame.info["max_novelty"] == pytest.approx(course[crossing], rel=1e-6)
    assert frame.arrays["novelty"].max() == pytest.approx(course[crossing], rel=1e-6)


def test_what_nobody_asks_for_any_more_is_not_told(folder):
    """After the fix has gone, files without a scale and committees run as ever."""
    script = system_lines(alloy(), "alloy.data") + pair_lines() + "fix g all qallegro/extrapolation 1 score novelty\nrun 0\nunfix g\n"
    script += "pair_coeff * * old.pth Cu Li\nrun 0\npair_coeff * * m.pth old.pth Cu Li\nrun 0\n"
    run_well(script, folder, 2, name="changed")


NEW = "compute new all qallegro/extrapolation"
GUARD = "fix g all qallegro/extrapolation 1 score"
MISTAKES = {
    "novelty of an earlier file": (f"old.pth Cu Li\n{NEW} novelty\nrun 0\n", "holds the scale of its training set"),
    "ranges of an earlier file": (f"old.pth Cu Li\n{GUARD} distance\nrun 0\n", "what its training set has seen"),
    "novelty of a committee": (f"m.pth m.pth Cu Li\n{GUARD} novelty\nrun 0\n", "for one model, pair_coeff names 2 files"),
    "unknown score": (f"m.pth Cu Li\n{NEW} strangeness\n", "received `strangeness`"),
    "no score": (f"m.pth Cu Li\n{NEW}\n", "needs one score"),
    "unknown score of the fix": (f"m.pth Cu Li\n{GUARD} x\n", "`score` must be `deviation`, `novelty`"),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_mistakes(folder, name):
    lines, message = MISTAKES[name]
    script = system_lines(alloy(), "alloy.data") + "pair_style qallegro\npair_coeff * * " + lines
    finished = run_lammps(script, folder, ranks=1 + name.startswith("ranges"), name="mistake", timeout=60)
    assert finished.returncode == 1 and message in " ".join(finished.output.split()), finished.output
