"""Reference data sets that come with the package: extended XYZ, each frame with `split` (train, validation or test) in its info."""

import gzip
import tempfile
from pathlib import Path
from typing import NamedTuple

import ase.io
from ase import Atoms

from qallegro.errors import DataError

FOLDER = Path(__file__).parent


class Splits(NamedTuple):
    """Frames with energy (eV), forces (eV/Å) and stress (eV/Å³, tension positive) in their calculators."""

    train: list[Atoms]
    validation: list[Atoms]
    test: list[Atoms]


def names(folder: Path = FOLDER) -> list[str]:
    """The data sets that there are."""
    return sorted(path.name.removesuffix(".xyz.gz") for path in folder.glob("*.xyz.gz"))


def path(name: str, folder: Path = FOLDER) -> Path:
    """The file of a data set, which training reads as it is; all splits are in it.

    Raises:
        DataError: there is none of that name.
    """
    known = names(folder)
    if name not in known:
        raise DataError(f"data set must be one of {', '.join(known) or 'none: the package holds no data sets'}, got {name!r}")
    return folder / f"{name}.xyz.gz"


def load(name: str, folder: Path = FOLDER) -> Splits:
    """A data set, in the splits that are fixed in its file.

    Raises:
        DataError: there is none of that name, it cannot be read, or a frame is of no split.
    """
    file = path(name, folder)
    splits = Splits([], [], [])
    with tempfile.TemporaryDirectory() as place:
        # Unpacked first: ASE seeks back and forth in a file, at quadratic cost in a compressed one.
        plain = Path(place) / f"{name}.xyz"
        try:
            with gzip.open(file) as packed:
                plain.write_bytes(packed.read())
            frames = list(ase.io.iread(plain, ":", format="extxyz"))
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"data set {name} must be readable, `{file}` is not: {error}; install qallegro anew") from error
    for index, atoms in enumerate(frames):
        split = atoms.info.get("split")
        if split not in Splits._fields:
            raise DataError(f"`split` must be one of {', '.join(Splits._fields)}, got {split!r} at frame {index} of `{file}`")
        getattr(splits, split).append(atoms)
    return splits
