"""The demo, on the data of the package and with seconds of training."""

import json
from pathlib import Path

import pytest

from qallegro.demo.run import run_demo
from qallegro.errors import ConfigError


def test_whole_demo_on_copper_and_lithium(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    figures = run_demo(folder, "cu_li", train_time="4s")
    assert json.loads((folder / "demo.json").read_text()) == figures
    assert set(figures["drift"]) == {"LAMMPS, 1 rank", "LAMMPS, 2 ranks", "ASE"}
    # Four seconds are enough to see that it learned: forces of these frames are 0.6 eV/Å on the mean.
    assert figures["forces_mae"] < 0.4
    for name in ("parity.png", "conservation.png", "speed.png", "cu_li.qallegro.pth"):
        assert (folder / name).stat().st_size > 1000


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="demo folder must be empty or hold an earlier demo"):
        run_demo(tmp_path, "cu_li")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_unknown_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="demo must be one of ethanol, cu_li, got 'gold'"):
        run_demo(tmp_path / "demo", "gold")
    assert not (tmp_path / "demo").exists()
