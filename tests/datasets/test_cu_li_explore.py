"""Active learning for the Cu-Li set: committee, heating in LAMMPS, and the choice of what to label."""

import sys
from pathlib import Path

import ase.io
import pytest

sys.path.append(str(Path(__file__).parents[2] / "datasets" / "cu_li"))

import build  # noqa: E402
import explore  # noqa: E402
from families import closest  # noqa: E402


def test_starts_are_of_all_compositions_and_leave_room():
    starts = explore.starts()
    assert len({start.name for start in starts}) == len(starts) == 30
    assert {start.atoms.symbols.count("Li") for start in starts} == {0, 2, 4, 6, 8}
    assert all(len(start.atoms) == 8 and closest(start.atoms) > 1.0 for start in starts)


@pytest.fixture
def short(monkeypatch, tmp_path):
    """One run of a few hundred steps, in which every look counts: the committee has learned next to nothing."""
    chosen = [start for start in explore.starts() if start.name == "bcc Cu4 Li4, volume 1.15"]
    monkeypatch.setattr(explore, "starts", lambda: chosen)
    monkeypatch.setattr(explore, "STEPS", 900)
    monkeypatch.setattr(explore, "UNSURE", 1e-6)
    monkeypatch.setattr(explore, "LOST", 1e3)
    return tmp_path


def test_what_the_committee_is_unsure_of_can_be_built_upon(short, monkeypatch):
    command = ["explore.py", "-o", str(short), "--members", "2", "--train-time", "3s", "--count", "2"]
    monkeypatch.setattr(sys, "argv", command)
    explore.main()
    chosen = ase.io.read(short / "active.xyz", ":")
    assert 1 <= len(chosen) <= 2
    assert {atoms.info["group"] for atoms in chosen} == {"bcc Cu4 Li4, volume 1.15"}
    before = (short / "committee" / "member_0" / "model.pth").stat().st_mtime_ns
    explore.main()  # nothing is done twice
    assert (short / "committee" / "member_0" / "model.pth").stat().st_mtime_ns == before
    built = [atoms for atoms in build.build([short / "active.xyz"]) if atoms.info["family"] == "active"]
    assert len(built) == len(chosen) and len({atoms.info["split"] for atoms in built}) == 1
