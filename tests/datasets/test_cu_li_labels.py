"""Labelling goes on where it ended, failures are kept, and only complete and consistent labels are collected."""

import json
import os
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

import qallegro.datasets
from qallegro.errors import DataError

sys.path.insert(0, str(Path(__file__).parents[2] / "datasets" / "cu_li"))

import build  # noqa: E402
import collect  # noqa: E402
import label  # noqa: E402
import unpack  # noqa: E402
from dft import Settings  # noqa: E402
from families import Member  # noqa: E402


def harmonic(atoms, settings, log):
    """A crystal whose energy depends on volume alone: exact stress, no forces."""
    volume = atoms.get_volume() / len(atoms)
    energy = len(atoms) * 0.02 * (volume - 12.0) ** 2
    return {
        "energy": energy,
        "energy_zero_smearing": energy,
        "forces": np.zeros((len(atoms), 3)).tolist(),
        "stress": [0.04 * (volume - 12.0)] * 3 + [0.0] * 3,
        "k_grid": [1, 1, 1],
        "k_shifted": False,
        "k_points": 1,
        "iterations": 1,
        "settings": settings._asdict(),
        "versions": {"test": "1"},
        "seconds": 0.0,
    }


@pytest.fixture
def work(tmp_path):
    members = [Member("bulk", f"Cu fcc, volume {a:g}", "perfect", bulk("Cu", "fcc", a=a)) for a in (3.4, 3.5, 3.6, 3.7, 3.8)]
    members += [Member("molecule", "atom Cu", "isolated atom", bulk("Cu", "sc", a=9.0))]
    frames = []
    for member in members:
        atoms = build.rounded(member.atoms)
        split = "test" if "3.7" in member.group else "validation" if "3.4" in member.group else "train"
        atoms.info = {
            "id": build.structure_id(atoms),
            "family": member.family,
            "group": member.group,
            "about": member.about,
            "split": split,
        }
        frames.append(atoms)
    build.write(frames, tmp_path / "structures.xyz")
    return frames, tmp_path, label.Folder(tmp_path / "work")


def run(frames, folder, calculate=harmonic, retry=False, settings=Settings()):  # noqa: B008
    return label.label(frames, settings, folder, workers=2, retry=retry, calculate=calculate)


def test_a_second_call_computes_only_what_is_missing(work):
    frames, _, folder = work
    assert run(frames[:3], folder) == []
    before = {path.name: path.stat().st_mtime_ns for path in folder.result("x").parent.iterdir()}
    assert run(frames, folder) == []
    after = {path.name: path.stat().st_mtime_ns for path in folder.result("x").parent.iterdir()}
    assert len(before) == 3 and len(after) == 6 and before.items() <= after.items()


def test_failures_are_kept_with_their_reason_and_retried_on_request(work):
    frames, _, folder = work
    bad = frames[1].info["id"]

    def sometimes(atoms, settings, log):
        if atoms.info["id"] == bad:
            raise RuntimeError("no convergence")
        return harmonic(atoms, settings, log)

    assert run(frames, folder, sometimes) == [bad]
    assert json.loads(folder.failure(bad).read_text())["reason"] == "RuntimeError: no convergence"
    assert run(frames, folder) == [bad]
    assert run(frames, folder, retry=True) == []
    assert not folder.failure(bad).exists()


def test_a_process_that_is_killed_is_a_failure_and_the_others_go_on(work):
    frames, _, folder = work
    bad = frames[2].info["id"]

    def killed(atoms, settings, log):
        if atoms.info["id"] == bad:
            os.kill(os.getpid(), 9)
        return harmonic(atoms, settings, log)

    assert run(frames, folder, killed) == [bad]
    assert "signal 9" in json.loads(folder.failure(bad).read_text())["reason"]


def test_other_settings_need_another_folder(work):
    frames, _, folder = work
    run(frames[:1], folder)
    with pytest.raises(ValueError, match="choose another folder"):
        run(frames, folder, settings=Settings(cutoff=400.0))


def test_small_structures_of_every_family_come_first(work):
    frames, *_ = work
    assert {atoms.info["family"] for atoms in label.in_order(frames)[:2]} == {"bulk", "molecule"}


def test_collected_labels_are_the_same_bytes_and_load_in_their_splits(work):
    frames, place, folder = work
    run(frames, folder)
    record = collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz")
    first = (place / "cu_li.xyz.gz").read_bytes()
    collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz")
    assert (place / "cu_li.xyz.gz").read_bytes() == first
    assert record["splits"] == {"train": 4, "validation": 1, "test": 1} and record["missing"] == 0
    assert record["checks"]["stress_against_energies"]["Cu fcc"] < 1e-3
    splits = qallegro.datasets.load("cu_li", place)
    assert [len(part) for part in splits] == [4, 1, 1]
    expected = harmonic(frames[3], Settings(), None)
    assert splits.test[0].get_potential_energy() == pytest.approx(expected["energy"])
    assert splits.test[0].get_stress() == pytest.approx(np.array(expected["stress"]))


def change(folder, name, **changes):
    path = folder.result(name)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"cutoff": 1.0}}, "must be the same for all"),
        ({"symbols": ["Li"]}, "must be those of structure"),
        ({"forces": [[0.0, 0.0]]}, "labels must be 1x3 forces"),
        ({"energy": float("nan")}, "must be finite"),
        ({"forces": [[0.1, 0.0, 0.0]]}, "mean force must be below"),
        ({"stress": [0.1, 0.1, 0.1, 0.0, 0.0, 0.0]}, "stress must agree with energies"),
    ],
)
def test_bad_labels_are_refused(work, changes, message):
    frames, place, folder = work
    run(frames, folder)
    change(folder, frames[2].info["id"], **changes)
    with pytest.raises(ValueError, match=message):
        collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz")
    assert not (place / "cu_li.xyz.gz").exists()


def test_unfinished_work_is_refused_unless_asked_for(work):
    frames, place, folder = work
    run(frames[:4], folder)
    with pytest.raises(ValueError, match="all structures must have labels, 2 of 6 have none"):
        collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz")
    assert collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz", partial=True)["missing"] == 2


def test_a_set_that_is_unpacked_goes_on_where_it_ended(work):
    frames, place, folder = work
    run(frames[:4], folder)
    collect.collect(place / "structures.xyz", folder.path, place / "cu_li.xyz.gz", partial=True)
    run(frames, folder)
    collect.collect(place / "structures.xyz", folder.path, place / "all.xyz.gz")
    other = label.Folder(place / "elsewhere")
    assert unpack.unpack(place / "cu_li.xyz.gz", other) == 4
    assert unpack.unpack(place / "cu_li.xyz.gz", other) == 0
    labelled = []

    def counted(atoms, settings, log):
        labelled.append(log)
        return harmonic(atoms, settings, log)

    for atoms in frames:
        label.label_one(atoms, Settings(), other, counted)
    assert len(labelled) == 2
    collect.collect(place / "structures.xyz", other.path, place / "again.xyz.gz")
    assert (place / "again.xyz.gz").read_bytes() == (place / "all.xyz.gz").read_bytes()
    (place / "cu_li.json").unlink()
    with pytest.raises(ValueError, match="record of the set must lie beside it"):
        unpack.unpack(place / "cu_li.xyz.gz", other)


def test_an_unknown_data_set_is_told(tmp_path):
    with pytest.raises(DataError, match="data set must be one of none"):
        qallegro.datasets.load("cu_li", tmp_path)
    with pytest.raises(DataError, match="got 'unobtainium'"):
        qallegro.datasets.path("unobtainium")


def test_a_frame_without_a_split_is_told(tmp_path):
    ase.io.write(tmp_path / "odd.xyz.gz", bulk("Cu"), format="extxyz")
    with pytest.raises(DataError, match="`split` must be one of train, validation, test, got None at frame 0"):
        qallegro.datasets.load("odd", tmp_path)
