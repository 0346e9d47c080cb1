"""The program, run in the test's own process."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from qallegro.cli.main import main


class Outcome(NamedTuple):
    """What a user sees of one command."""

    code: int
    out: str
    err: str


@pytest.fixture
def qallegro(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Outcome]:
    """`qallegro(*words)`; an exception that is no error of ours comes through."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["qallegro", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
