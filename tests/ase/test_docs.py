"""The examples of the tutorial run as they stand."""

import re
import shutil
import warnings
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "ase.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number, toy, tmp_path, monkeypatch, capsys):
    shutil.copy(toy, tmp_path / "model.qallegro.pth")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The toy is no copper: its minimum lies elsewhere.
        example = EXAMPLES[number].replace("a0 = 3.64", "a0 = 3.1")
        exec(compile(example, f"{TUTORIAL}:{number}", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_there_are_examples():
    assert len(EXAMPLES) >= 5
    assert max(len(line) for example in EXAMPLES for line in example.splitlines()) <= 120
