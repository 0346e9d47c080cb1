"""Splits: disjoint, seeded, written down, and taken up again."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import json
from pathlib import Path

import numpy as np
import pytest

from qallegro.data.config import DataConfig, Split
from qallegro.data.reference_data import CutoffTable, load_reference_data
from qallegro.data.splits import split_frames
from qallegro.errors import DataError
from reference_frames import emt_frames, write_frames


def indices(split: Split, n: int = 40) -> dict[str, list[int]]:
    return split_frames(list(range(n)), split)


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        (Split(validation=5), (35, 5, 0)),
        (Split(train=20, validation=5, test=3), (20, 5, 3)),
        (Split(validation=0.1, test=0.25), (26, 4, 10)),
        (Split(train=0.5, validation=0.01), (20, 1, 0)),
        (Split(train=30, validation=10), (30, 10, 0)),
    ],
)
def test_sizes_and_disjointness(split: Split, sizes: tuple[int, int, int]) -> None:
    parts = indices(split)
    assert tuple(len(parts[s]) for s in ("train", "validation", "test")) == sizes
    together = [i for part in parts.values() for i in part]
    assert len(set(together)) == len(together)


def test_seed_decides_and_training_size_does_not_move_the_rest() -> None:
    assert indices(Split(validation=5, seed=1)) == indices(Split(validation=5, seed=1))
    assert indices(Split(validation=5, seed=1)) != indices(Split(validation=5, seed=2))
    small, large = indices(Split(train=10, validation=5, test=5)), indices(Split(train=30, validation=5, test=5))
    assert small["validation"] == large["validation"] and small["test"] == large["test"]
    assert set(small["train"]) < set(large["train"])


@pytest.mark.parametrize("split", [Split(validation=40), Split(train=36, validation=5), Split(validation=0.9, test=0.2)])
def test_more_than_there_is(split: Split) -> None:
    with pytest.raises(DataError, match="no more than the 40 frames of `data.train`, got "):
        indices(split)


def load(folder: Path, **config):
    return load_reference_data(DataConfig.model_validate(config), CutoffTable(4.0))


def test_saved_splits_are_taken_up_wherever_the_files_lie(tmp_path: Path) -> None:
    a, b = write_frames(tmp_path / "a.xyz", emt_frames(8)), write_frames(tmp_path / "b.xyz", emt_frames(6, seed=1))
    first = load(tmp_path, train=[str(a), str(b)], split={"validation": 3, "test": 2, "seed": 5})
    (tmp_path / "splits.json").write_text(json.dumps(first.splits))
    (tmp_path / "moved").mkdir()
    moved = [str(path.rename(tmp_path / "moved" / path.name)) for path in (a, b)]
    again = load(tmp_path, train=moved[::-1], split={"file": str(tmp_path / "splits.json")})
    for subset in ("train", "validation", "test"):
        energies = [sorted(s.energy for s in data.samples[subset]) for data in (first, again)]
        assert energies[0] == energies[1], subset


def test_saved_splits_refuse_other_files(tmp_path: Path) -> None:
    a = write_frames(tmp_path / "a.xyz", emt_frames(8))
    first = load(tmp_path, train=str(a), split={"validation": 3})
    saved = tmp_path / "splits.json"
    saved.write_text(json.dumps(first.splits))
    write_frames(a, emt_frames(8, seed=4))
    with pytest.raises(DataError, match="training frames of .* must be in `data.train`, those of `.*a.xyz` are not"):
        load(tmp_path, train=str(a), split={"file": str(saved)})
    saved.write_text("{}")
    with pytest.raises(DataError, match="must be a `splits.json` of format version 1"):
        load(tmp_path, train=str(a), split={"file": str(saved)})
    with pytest.raises(DataError, match="must name a readable"):
        load(tmp_path, train=str(a), split={"file": str(tmp_path / "none.json")})


def test_separate_files(tmp_path: Path) -> None:
    files = {
        name: str(write_frames(tmp_path / f"{name}.xyz", emt_frames(n, seed=n)))
        for name, n in (("train", 5), ("validation", 3), ("test", 2))
    }
    data = load(tmp_path, **files)
    assert {k: len(v) for k, v in data.samples.items()} == {"train": 5, "validation": 3, "test": 2}
    assert len(data.splits["files"]) == 3 and all(len(f["sha256"]) == 64 for f in data.splits["files"])


def test_order_of_a_subset_is_that_of_the_file() -> None:
    parts = indices(Split(train=20, validation=5))
    assert all(np.all(np.diff(part) > 0) for part in parts.values())


def test_frames_say_themselves_where_they_belong(tmp_path: Path) -> None:
    frames = emt_frames(6)
    for atoms, subset in zip(frames, ["train", "test", "train", "validation", "train", "validation"], strict=True):
        atoms.info["split"] = subset
    file = write_frames(tmp_path / "a.xyz", frames)
    data = load(tmp_path, train=str(file), split={"from_frames": True})
    assert {k: len(v) for k, v in data.samples.items()} == {"train": 3, "validation": 2, "test": 1}
    assert [entry["frames"] for entry in data.splits["validation"]] == [[3, 5]]
    del frames[2].info["split"]
    write_frames(file, frames)
    with pytest.raises(DataError, match="`split` must be one of train, validation, test .*, got '' in `.*a.xyz`, frame 2; write it"):
        load(tmp_path, train=str(file), split={"from_frames": True})


@pytest.mark.parametrize("others", [{"validation": 3}, {"train": 2}, {"file": "splits.json"}])
def test_frames_are_dealt_out_in_one_way(others: dict) -> None:
    with pytest.raises(ValueError, match="frames must be dealt out in one way, got .*`from_frames`"):
        DataConfig.model_validate({"train": "a.xyz", "split": {"from_frames": True} | others})
