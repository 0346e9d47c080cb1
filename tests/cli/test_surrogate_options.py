"""`qallegro export` and `info` of a hybrid model as a user types them."""

import json

import ase.io
import pytest

from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model
from systems import alloy, tiny_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hybrid")
    save_model(path / "model.pth", build_potential(tiny_config("qdi"), seed=1), {"made_by": "tests"})
    save_model(path / "plain.pth", build_potential(tiny_config("default"), seed=1), {"made_by": "tests"})
    ase.io.write(path / "set.xyz", [alloy(1), alloy(2)])
    return path


@pytest.fixture
def program(qallegro, monkeypatch, folder):
    monkeypatch.chdir(folder)
    return qallegro


def test_export_prints_form_timings_proof_and_deviations(program):
    code, out, err = program("export", "model.pth", "--data", "set.xyz@:1")
    assert code == 0, err
    for words in ("in place of `readout.layer`", "fourier", "unitary", "gates", "ms for values and gradients of", "exact to rounding"):
        assert words in out
    for words in ("proven, value", "proven, gradient", "random features", "features of known structures", "PennyLane in the loop"):
        assert words in out
    code, out, _ = program("info", "model.qallegro.pth")
    assert code == 0 and "surrogate: form" in out and "surrogate: proven, gradient" in out
    record = json.loads(program("info", "model.qallegro.pth", "--json")[1])
    assert record["surrogate"]["measured"]["training"]["points"] > 0


def test_form_and_tolerance_are_taken_from_the_command_line(program):
    code, out, err = program("export", "model.pth", "--surrogate", "fourier", "--surrogate-tolerance", "0.2", "-o", "pruned.qallegro.pth")
    assert code == 0, err
    assert "not asked for" in out and "2.0e-01" in out and "with the surrogate" in out
    record = json.loads(program("info", "pruned.qallegro.pth", "--json")[1])["surrogate"]
    assert record["form"] == "fourier" and record["tolerance"] == 0.2 and record["coefficients"]["dropped"] > 0


MISTAKES = {
    "no such form": (
        ["export", "model.pth", "--surrogate", "best"],
        "`surrogate` must be one of auto, fourier, unitary, gates, got 'best'",
    ),
    "no tolerance": (["export", "model.pth", "--surrogate-tolerance", "-1"], "`surrogate_tolerance` must be above 0"),
    "no circuit": (["export", "plain.pth", "--surrogate", "gates"], "need a model with a circuit"),
    "no data": (["export", "model.pth", "--data", "absent.xyz"], "data file must exist"),
    "foreign species": (["export", "model.pth", "--data", "gold.xyz"], "Au"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_end_with_one_message_and_no_file(case, program, folder):
    words, message = MISTAKES[case]
    if case == "foreign species":
        atoms = alloy()
        atoms.symbols[0] = "Au"
        ase.io.write(folder / "gold.xyz", atoms)
    before = sorted(p.name for p in folder.iterdir())
    code, out, err = program(*words)
    assert code == 1 and message in err and "Traceback" not in err + out
    assert sorted(p.name for p in folder.iterdir()) == before
