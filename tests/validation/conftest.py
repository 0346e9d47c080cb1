"""A crystal with known answers, and `qallegro validate`."""

import pytest
from ase.build import bulk

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


@pytest.fixture
def validate(qallegro, monkeypatch, tmp_path):
    """`qallegro validate *words`, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: qallegro("validate", *words)
