"""Which frames train, validate and test: dealt out by a seed, or as an earlier run did, and written down."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qallegro.data.config import Split
from qallegro.data.frame import Frame
from qallegro.errors import DataError

FORMAT = "qallegro-splits"
FORMAT_VERSION = 1
SUBSETS = ("train", "validation", "test")


def split_frames(frames: Sequence[Frame], split: Split) -> dict[str, list[Frame]]:
    """Deal frames out. The same seed and number of frames give the same validation and test sets, however many train.

    Raises:
        DataError: more frames are asked for than there are.
    """
    n = len(frames)
    order = np.random.default_rng(split.seed).permutation(n)
    counts = {subset: _count(getattr(split, subset), n) for subset in SUBSETS}
    held_out = (counts["validation"] or 0) + (counts["test"] or 0)
    train = n - held_out if counts["train"] is None else counts["train"]
    if train < 1 or held_out + train > n:
        asked = ", ".join(f"{name} {getattr(split, name)}" for name in SUBSETS if getattr(split, name) is not None)
        raise DataError(
            f"`data.split` must leave at least one frame to train on and ask for no more than the {n} frames of `data.train`, got {asked}"
        )
    ends = np.cumsum([counts["validation"] or 0, counts["test"] or 0, train])
    parts = dict(zip(("validation", "test", "train"), np.split(order, ends)[:3], strict=True))
    return {subset: [frames[i] for i in sorted(parts[subset])] for subset in SUBSETS}


def _count(share: int | float | None, n: int) -> int | None:
    """A count, or a fraction of n frames (at least 1)."""
    if isinstance(share, float):
        return max(1, round(share * n))
    return share


def splits_record(subsets: dict[str, list[Frame]], seed: int) -> dict[str, Any]:
    """What `splits.json` holds: frames of each subset by file, and a hash of every file."""
    sources = sorted({frame.source for frames in subsets.values() for frame in frames})
    record: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "seed": seed,
        "files": [{"path": source, "sha256": file_hash(source)} for source in sources],
    }
    for subset, frames in subsets.items():
        listed: dict[str, list[int]] = {}
        for frame in frames:
            listed.setdefault(frame.source, []).append(frame.index)
        record[subset] = [{"file": sources.index(source), "frames": indices} for source, indices in listed.items()]
    return record


def frames_by_own_split(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Each frame where its file puts it.

    Raises:
        DataError: a frame says nothing, or something else.
    """
    result: dict[str, list[Frame]] = {subset: [] for subset in SUBSETS}
    for frame in frames:
        if frame.split not in result:
            raise DataError(
                f"`split` must be one of {', '.join(SUBSETS)} in every frame where `data.split.from_frames` is set, got {frame.split!r} in "
                f"{frame.where}; write it into the frame's info, or give shares in `data.split`"
            )
        result[frame.split].append(frame)
    return result


def frames_of_record(path: Path, frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Pick from `frames` those that `splits.json` at `path` lists; files are recognised by their hash, wherever they lie now.

    Raises:
        DataError: the record is missing or foreign, or a training frame it lists is not among `frames`.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"`data.split.file` must name a readable `splits.json`, got `{path}`: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("format_version") != FORMAT_VERSION:
        raise DataError(f"`data.split.file` must be a `splits.json` of format version {FORMAT_VERSION}, got `{path}`")
    hashes = [file["sha256"] for file in record["files"]]
    by_hash = {file_hash(source): source for source in {frame.source for frame in frames}}
    known = {(frame.source, frame.index): frame for frame in frames}
    result: dict[str, list[Frame]] = {}
    for subset in SUBSETS:
        result[subset] = []
        for entry in record.get(subset, []):
            source = by_hash.get(hashes[entry["file"]])
            missing = source is None or any((source, index) not in known for index in entry["frames"])
            if missing and subset == "train":
                named = record["files"][entry["file"]]["path"]
                raise DataError(
                    f"training frames of `{path}` must be in `data.train`, those of `{named}` are not (files are compared by content); "
                    "give the same files, or leave `data.split.file` out"
                )
            if not missing:
                result[subset] += [known[source, index] for index in entry["frames"]]
    return result


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
