"""The inputs in lammps_plugin/examples run as they are, with a model that knows their elements."""

import shutil
from pathlib import Path

import pytest

from lammps_runner import run_well
from toy_export import write_toy_file

EXAMPLES = Path(__file__).parents[2] / "lammps_plugin" / "examples"


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
