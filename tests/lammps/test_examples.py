"""The inputs in lammps_plugin/examples run as they are, with a model that knows their elements."""

import shutil
from pathlib import Path

import pytest

from lammps_runner import run_well
from toy_export import write_toy_file

EXAMPLES = Path(__file__).parents[2] / "lammps_plugin" / "examples"
README = EXAMPLES.parents[1] / "README.md"


@pytest.mark.parametrize(
    ("name", "species", "written"), [("in.copper", ("Cu",), "copper.dump"), ("in.ethanol", ("C", "O", "H"), "ethanol.xyz")]
)
def test_example(tmp_path, name, species, written):
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    write_toy_file(tmp_path / "model.pth", atom_types=species)
    script = "variable model index model.pth\nvariable steps index 20\nvariable cells index 3\n"
    output = run_well(script + (tmp_path / name).read_text(), tmp_path).output
    assert "Total wall time" in output and (tmp_path / written).stat().st_size > 0


def test_first_input_of_the_tutorial(tmp_path):
    text = (EXAMPLES.parents[1] / "docs" / "lammps.md").read_text()
    write_toy_file(tmp_path / "model.qallegro.pth", atom_types=("Cu",))
    script = text.split("```\n", 2)[1].replace("block 0 6 0 6 0 6", "block 0 3 0 3 0 3").replace("run             1000", "run 20")
    assert "run 20" in script
    run_well(script, tmp_path)


def test_example_of_the_readme_shows_the_table_and_averages_a_phase(tmp_path):
    """As it is, but in a smaller box for fewer steps, on the two ranks that it names."""
    text = README.read_text().split("LAMMPS, `mpirun -n 2 lmp -in in.cu`:", 1)[1]
    script = text.split("```\n", 2)[1]
    for written, short in {
        "block 0 8 0 8 0 8": "block 0 3 0 3 0 3",
        "run             1000": "run 20",
        "1 100 100 c_": "1 10 10 c_",
    }.items():
        assert written in script
        script = script.replace(written, short)
    write_toy_file(tmp_path / "model.qallegro.pth", atom_types=("Cu",))
    output = run_well(script, tmp_path, ranks=2).output
    assert "qallegro latency of 17 steps on 2 ranks, after 3 steps of warmup" in output
    rows = [line.split() for line in (tmp_path / "communication.txt").read_text().splitlines() if not line.startswith("#")]
    assert [row[0] for row in rows] == ["10", "20"] and all(float(row[1]) >= 0.0 for row in rows)
    assert float(rows[-1][1]) > 0.0
