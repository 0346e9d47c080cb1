"""From files to frames: everything ASE reads, plain or compressed, and `.npz` files of the rMD17 kind."""

import bz2
import gzip
import lzma
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import ase
import ase.io

from qallegro import datasets
from qallegro.data.config import Keys, Source, Units
from qallegro.data.frame import Frame
from qallegro.data.labels import Labels
from qallegro.data.npz import read_npz
from qallegro.errors import DataError

#: before the name of a data set that comes with the package
OWN = "qallegro:"
_COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def read_frames(source: Source | str | Path, root: str | Path = ".", keys: Keys | None = None, units: Units | None = None) -> list[Frame]:
    """Frames of one file, in eV and Å.

    Args:
        source: a path, or a path with a slice, keys and units of its own.
        root: folder that a relative path starts from.
        keys: names of the labels, where `source` gives none.
        units: units of the file, where `source` gives none.

    Raises:
        DataError: the file is missing or unreadable, or a label has the wrong shape or type.
    """
    source = source if isinstance(source, Source) else Source(path=str(source))
    keys, units = source.keys or keys or Keys(), source.units or units or Units()
    path, subset = resolve(source.path, root)
    if not path.is_file():
        raise DataError(f"data file must exist, got `{path}`; relative paths start from `data.root`, or from the configuration's folder")
    wanted = _slice(source.index, path)
    if path.name.endswith(".npz"):
        frames = read_npz(path, keys, units)
    else:
        labels = Labels(keys, units)
        stop = None if subset else _stop(wanted)
        frames = [labels.frame(atoms, str(path), index) for index, atoms in enumerate(islice(atoms_of(path), stop))]
        labels.check_found(str(path))
    if subset:
        frames = [frame for frame in frames if frame.split == subset]
    frames = frames[wanted]
    if not frames:
        raise DataError(f"data file must hold frames, got none in `{path}`" + (f" for index {source.index!r}" if source.index else ""))
    return frames


def resolve(text: str, root: str | Path = ".") -> tuple[Path, str | None]:
    """The file that a path in a configuration means, and the subset of its frames that is asked for.

    Args:
        text: a path relative to `root`; or `qallegro:NAME`, a data set of the package; or `qallegro:NAME/SUBSET`, one of its splits.
        root: folder that relative paths start from.

    Raises:
        DataError: the package holds no data set of that name, or a data set no such split.
    """
    if not text.startswith(OWN):
        return Path(root) / text, None
    name, slash, subset = text.removeprefix(OWN).partition("/")
    if slash and subset not in datasets.Splits._fields:
        raise DataError(f"split of a data set must be one of {', '.join(datasets.Splits._fields)}, got {subset!r} in `{text}`")
    return datasets.path(name), subset or None


def structures(text: str | Path) -> Iterator[tuple[int, ase.Atoms]]:
    """Structures of a file or of a data set (`resolve`), labelled or not, each with its number in the file.

    Raises:
        DataError: there is no such file or data set, or it cannot be read.
    """
    path, subset = resolve(str(text))
    if not path.is_file():
        raise DataError(f"a file of structures must exist, got `{path}`")
    for index, atoms in enumerate(atoms_of(path)):
        if subset is None or atoms.info.get("split") == subset:
            yield index, atoms


def atoms_of(path: Path) -> Iterator[ase.Atoms]:
    """Frames as ASE sees them. A compressed file is unpacked first: ASE seeks back and forth in it, at quadratic cost."""
    count = 0
    try:
        if path.suffix in _COMPRESSED:
            with tempfile.TemporaryDirectory() as folder:
                plain = Path(folder) / path.stem
                with _COMPRESSED[path.suffix](path, "rb") as packed:
                    plain.write_bytes(packed.read())
                for atoms in _read(plain):
                    yield atoms
                    count += 1
        else:
            for atoms in _read(path):
                yield atoms
                count += 1
    except DataError:
        raise
    except Exception as error:  # every reader of ASE fails in its own way
        reason = f"unknown species {error}" if isinstance(error, KeyError) else (str(error) or type(error).__name__)
        raise DataError(
            f"data file must be one that ASE can read, got an error in `{path}` at frame {count}: {reason}; "
            "check it with `ase.io.read`, or convert it to extended XYZ"
        ) from error


def _read(path: Path) -> Iterator[ase.Atoms]:
    # Extended XYZ is by far the most common `.xyz` here; ASE's guess reads the first line only.
    return ase.io.iread(path, ":", format="extxyz" if path.suffix in (".xyz", ".extxyz") else None)


def _stop(wanted: slice) -> int | None:
    """A slice that ends within the file spares reading the rest; one that counts from the end does not."""
    return wanted.stop if (wanted.stop or 0) > 0 and (wanted.step or 1) > 0 and (wanted.start or 0) >= 0 else None


def _slice(text: str | None, path: Path) -> slice:
    if text is None:
        return slice(None)
    parts: list[Any] = text.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise DataError(f'`index` must be a slice such as ":500", "100:200" or "::10", got {text!r} for `{path}`')
    return slice(*numbers)
