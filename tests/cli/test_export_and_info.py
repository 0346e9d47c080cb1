"""`qallegro export`, `info`, `import` and `demo` as a user types them: what they print, and exit codes without tracebacks."""

import json

import pytest

from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model
from systems import tiny_config


@pytest.fixture
def program(qallegro, monkeypatch, folder):
    """The program, run in the folder with the model."""
    monkeypatch.chdir(folder)
    return qallegro


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export")
    save_model(path / "model.pth", build_potential(tiny_config("zbl", dtype="float32"), seed=1), {"data": "none, random weights"})
    return path


def test_export_prints_the_differences_and_info_the_record(program):
    code, out, err = program("export", "model.pth", "--dtype", "float64")
    assert code == 0, err
    assert "no edges" in out and "wrote model.qallegro.pth" in out
    code, out, _ = program("info", "model.qallegro.pth")
    assert code == 0 and "float64" in out and "Cu Li" in out and "verified" in out
    record = json.loads(program("info", "model.qallegro.pth", "--json")[1])
    assert record["format_version"] == 1 and record["model"]["pair_potential"] == "zbl"
    assert json.loads(program("info", "model.pth", "--json")[1])["kind"] == "checkpoint"


MISTAKES = {
    "missing model": (["export", "absent.pth"], 1, "model file must exist"),
    "wrong format": (["export", "model.pth", "--format", "onnx"], 1, "`format` must be one of"),
    "exporting an exported file": (["export", "twice.qallegro.pth"], 1, "model file must"),
    "info on anything": (["info", "notes.txt"], 1, "model file must"),
    "import of anything": (["import", "notes.txt", "-o", "new.pth"], 1, "notes.txt"),
    "demo into somebody's folder": (["demo", "-o", "."], 1, "demo folder must be empty"),
    "no such verb": (["exprot"], 2, "exprot"),
    "no such option": (["export", "model.pth", "--dtpye", "float32"], 2, "dtpye"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_end_with_one_message(case, program, folder):
    words, expected, message = MISTAKES[case]
    (folder / "notes.txt").write_text("hello")
    if case == "exporting an exported file":
        assert program("export", "model.pth", "-o", "twice.qallegro.pth")[0] == 0
    before = sorted(p.name for p in folder.iterdir())
    code, out, err = program(*words)  # an exception that is no error of ours would come through here
    assert code == expected
    assert message in err and "Traceback" not in err + out
    assert sorted(p.name for p in folder.iterdir()) == before
