"""The Cu-Li set of the package: what it holds, and that it is found by its name wherever a file is asked for."""

import hashlib
import json
from collections import Counter

import numpy as np
import pytest

from qallegro import datasets
from qallegro.data.config import DataConfig
from qallegro.data.readers import read_frames, structures
from qallegro.data.reference_data import CutoffTable, load_reference_data
from qallegro.errors import DataError

#: eV/Å, components: forces on atoms that symmetry holds in place, from k-points that keep it
SYMMETRIC_FORCE = 1e-3


@pytest.fixture(scope="module")
def splits() -> datasets.Splits:
    return datasets.load("cu_li")


def test_labels_are_whole_and_the_record_is_of_this_file(splits: datasets.Splits) -> None:
    record = json.loads(datasets.path("cu_li").with_name("cu_li.json").read_text())
    assert hashlib.sha256(datasets.path("cu_li").read_bytes()).hexdigest() == record["sha256"]
    assert {name: len(frames) for name, frames in splits._asdict().items()} == record["splits"]
    frames = [atoms for part in splits for atoms in part]
    assert len({atoms.info["id"] for atoms in frames}) == len(frames) == record["structures"]
    for atoms in frames:
        assert np.isfinite(atoms.get_potential_energy()) and np.isfinite(atoms.get_stress()).all()
        assert np.abs(atoms.get_forces().mean(axis=0)).max() < 0.02
    assert record["families"] == Counter(atoms.info["family"] for atoms in frames)
    assert min(record["families"].values()) >= 10
    assert len(frames) >= 400 and 2 <= np.mean([len(atoms) for atoms in frames]) <= 16


def test_no_group_lies_in_two_splits(splits: datasets.Splits) -> None:
    groups = [{atoms.info["group"] for atoms in part} for part in splits]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_symmetry_holds_atoms_in_place(splits: datasets.Splits) -> None:
    perfect = [a for part in splits for a in part if a.info["about"] == "perfect" and len(a) == 1]
    assert len(perfect) >= 10
    assert max(np.abs(a.get_forces()).max() for a in perfect) < SYMMETRIC_FORCE


def test_trains_by_its_name(splits: datasets.Splits) -> None:
    config = DataConfig.model_validate({"train": "qallegro:cu_li", "test": "qallegro:cu_li/test", "split": {"from_frames": True}})
    data = load_reference_data(config, CutoffTable(4.0))
    isolated = [a for a in splits.train if a.info["about"] == "isolated atom"]
    assert len(isolated) == 2  # references of energy, not trained on
    sizes = [len(splits.train) - 2, len(splits.validation), len(splits.test)]
    assert [len(data.samples[name]) for name in ("train", "validation", "test")] == sizes
    assert data.quantities == ["energy", "forces", "stress"]


def test_one_split_by_its_name(splits: datasets.Splits) -> None:
    frames = read_frames("qallegro:cu_li/validation")
    assert [frame.energy for frame in frames] == [atoms.get_potential_energy() for atoms in splits.validation]
    assert [atoms.info["id"] for _, atoms in structures("qallegro:cu_li/validation")] == [a.info["id"] for a in splits.validation]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qallegro:cu_lu", "data set must be one of cu_li, got 'cu_lu'"),
        ("qallegro:cu_li/tests", "split of a data set must be one of train, validation, test, got 'tests'"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_frames(name)
