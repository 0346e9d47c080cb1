"""A crystal with known answers, and the program in the test's own process."""

import sys
from typing import NamedTuple

import pytest
from ase.build import bulk

from qallegro.cli.main import main
from qallegro.validation.relaxation import Relaxed, relax_crystal
from toy_export import write_toy_file
from validation_systems import DISTANCE, bonds


@pytest.fixture(scope="session")
def fcc() -> Relaxed:
    """Copper held by bonds of nearest neighbors, at rest."""
    return relax_crystal(bulk("Cu", "fcc", a=1.01 * DISTANCE * 2**0.5), bonds(), 1e-6)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """An exported file of the toy potential for Cu and Li, which holds fcc crystals."""
    return write_toy_file(tmp_path_factory.mktemp("toy") / "toy.qallegro.pth")


class Outcome(NamedTuple):
    """What a user sees of one command."""

    code: int
    out: str
    err: str


@pytest.fixture
def validate(monkeypatch, capsys, tmp_path):
    """`qallegro validate *words`, in an empty folder."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["qallegro", "validate", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
