"""`qallegro export`, `info`, `import` and `demo` as a user types them: what they print, and exit codes without tracebacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from systems import tiny_config

from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model

PROGRAM = Path(sys.executable).with_name("qallegro")


def qallegro(*words, folder):
    return subprocess.run([str(PROGRAM), *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export")
    save_model(path / "model.pth", build_potential(tiny_config("zbl", dtype="float32"), seed=1), {"data": "none, random weights"})
    return path


def test_export_prints_the_differences_and_info_the_record(folder):
    exported = qallegro("export", "model.pth", "--dtype", "float64", folder=folder)
    assert exported.returncode == 0, exported.stderr
    assert "no edges" in exported.stdout and "wrote model.qallegro.pth" in exported.stdout
    info = qallegro("info", "model.qallegro.pth", folder=folder)
    assert info.returncode == 0 and "float64" in info.stdout and "Cu Li" in info.stdout and "verified" in info.stdout
    record = json.loads(qallegro("info", "model.qallegro.pth", "--json", folder=folder).stdout)
    assert record["format_version"] == 1 and record["model"]["pair_potential"] == "zbl"
    assert json.loads(qallegro("info", "model.pth", "--json", folder=folder).stdout)["kind"] == "checkpoint"


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
def test_mistakes_end_with_one_message(case, folder):
    words, code, message = MISTAKES[case]
    (folder / "notes.txt").write_text("hello")
    if case == "exporting an exported file":
        assert qallegro("export", "model.pth", "-o", "twice.qallegro.pth", folder=folder).returncode == 0
    before = sorted(p.name for p in folder.iterdir())
    result = qallegro(*words, folder=folder)
    assert result.returncode == code
    assert message in result.stderr and "Traceback" not in result.stderr + result.stdout
    assert sorted(p.name for p in folder.iterdir()) == before
