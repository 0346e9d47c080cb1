"""What all tests share."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

SHARED = Path(__file__).parents[2] / "shared"


def pytest_configure(config):
    if os.environ.get("QALLEGRO_REQUIRE_SHARED") and not SHARED.is_dir():
        raise pytest.UsageError(f"QALLEGRO_REQUIRE_SHARED is set, but there is no folder {SHARED}")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")


def pytest_collection_modifyitems(items):
    """Files that build C++ first: as the last ones they would keep one worker busy and leave the others idle."""
    items.sort(key=lambda item: item.path.name not in ("test_ctest.py", "test_c_api.py"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the reference data in ../shared")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


class Outcome(NamedTuple):
    """What a user sees of one command."""

    code: int
    out: str
    err: str


@pytest.fixture
def qallegro(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Outcome]:
    """The program in the test's own process: `qallegro(*words)`; an exception that is no error of ours comes through."""
    from qallegro.cli.main import main

    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["qallegro", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        return Outcome(code, *capsys.readouterr())

    return run
