"""`qallegro data compress`, on a set whose redundancy is known."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from qallegro.uncertainty import compression


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Nine copies of a crystal, and one each of two others."""
    monkeypatch.chdir(tmp_path)
    crystals = [bulk("Cu", a=3.6, cubic=True) for _ in range(9)]
    crystals.insert(4, bulk("Cu", "bcc", a=2.9, cubic=True))
    crystals.insert(7, bulk("Cu", "sc", a=2.4, cubic=True))
    for k, atoms in enumerate(crystals):
        atoms.info["number"] = k
    ase.io.write("set.xyz", crystals)
    return crystals


def test_copies_go_and_what_is_unlike_stays(frames, qallegro):
    pytest.importorskip("quests", reason="needs the package quests")
    code, out, err = qallegro("data", "compress", "set.xyz", "-o", "small.xyz", "--fraction", "0.27", "--outliers", "2")
    assert code == 0, err
    kept = [atoms.info["number"] for atoms in ase.io.read("small.xyz", ":")]
    assert len(kept) == 3 and {4, 7} < set(kept)
    assert "100.0% of all environments are covered" in out
    found = compression.compress_structures(frames, 3)
    assert set(np.argsort(found.novelty)[-2:]) == {4, 7} and found.covered == 1.0
    assert (
        compression.compress_structures(frames, 3, "random", seed=1).indices
        == compression.compress_structures(frames, 3, "random", seed=1).indices
    )


def test_a_missing_package_is_told(frames, monkeypatch, qallegro):
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    code, _, err = qallegro("data", "compress", "set.xyz", "-o", "small.xyz")
    assert code == 1 and "pip install qallegro[compress]" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("set.xyz -o small.xyz --fraction 0", "`--fraction` must be above 0"),
        ("set.xyz -o small.xyz --method best", "`--method` must be one of msc"),
        ("gone.xyz -o small.xyz", "must exist, got `gone.xyz`"),
        ("set.xyz -o small.cif", "must end in .xyz"),
        ("both.xyz -o small.xyz", "must be of one element, it has Cu, Li"),
    ],
)
def test_mistakes_get_one_message(frames, monkeypatch, qallegro, words, message):
    monkeypatch.setattr(compression, "find_spec", lambda name: True)
    ase.io.write("both.xyz", [bulk("Cu"), bulk("Li")])
    code, _, err = qallegro("data", "compress", *words.split())
    assert code == 1 and message in err and err.startswith("qallegro: error: ")
