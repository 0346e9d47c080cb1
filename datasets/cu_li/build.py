"""Build the structures of the Cu-Li data set: `structures.xyz`, the same bytes at every call, and a summary.

    python build.py [-o structures.xyz] [--extra FILE.xyz ...]

Each structure has an id (hash of its content), a family, a group (the parent it comes from) and a split. A group lies in one split.
"""

import argparse
import hashlib
import os
import sys
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from families import ELEMENTS, FAMILIES, Member, closest

#: of eight groups in the order of their hashes, which goes where; the rest is for training
HELD_OUT = {0: "test", 4: "validation"}
#: references of energy and repulsive walls are of no use as tests
ALWAYS_TRAINING = ("molecule",)
#: Å; what is written is what is hashed and computed
DECIMALS = 6


def rounded(atoms: Atoms) -> Atoms:
    """A plain copy with positions inside the cell, as exact as the file is."""
    atoms = atoms.copy()
    atoms.wrap(eps=1e-4)
    cell = np.round(atoms.cell.array, DECIMALS) + 0.0
    return Atoms(atoms.numbers, positions=np.round(atoms.positions, DECIMALS) + 0.0, cell=cell, pbc=True)


def structure_id(atoms: Atoms) -> str:
    """`cl`, so that no reader takes it for a number, and 12 digits of the SHA-256 of elements, cell and positions as written."""
    numbers = [f"{x:.{DECIMALS}f}" for x in (*atoms.cell.array.ravel(), *atoms.positions.ravel())]
    return "cl" + hashlib.sha256(" ".join([*atoms.get_chemical_symbols(), *numbers]).encode()).hexdigest()[:12]


def own_splits(members: list[Member]) -> dict[str, str]:
    """Split of each group. Every family gives the same share of its groups to each."""
    splits = {}
    for family in dict.fromkeys(m.family for m in members):
        groups = sorted({m.group for m in members if m.family == family}, key=lambda g: hashlib.sha256(g.encode()).digest())
        for rank, group in enumerate(groups):
            splits[group] = "train" if family in ALWAYS_TRAINING else HELD_OUT.get(rank % 8, "train")
    return splits


def extra_members(path: Path) -> list[Member]:
    """Structures from elsewhere, such as molecular dynamics. `family` and `group` of a frame are kept; a file without them is one group.

    Raises:
        ValueError: an element is not of the data set, there is no cell, or atoms are too close.
    """
    members = []
    for index, atoms in enumerate(ase.io.iread(path, ":", format="extxyz")):
        place = f"frame {index} of `{path}`"
        if not set(atoms.symbols) <= set(ELEMENTS):
            raise ValueError(f"elements must be {' and '.join(ELEMENTS)}, got {atoms.symbols} in {place}; take the frame out")
        if not atoms.pbc.all() or atoms.get_volume() < 1e-3:
            raise ValueError(f"cell must be periodic in three directions, got pbc {atoms.pbc.tolist()} in {place}; add vacuum and set pbc")
        if closest(atoms) < 0.8:
            raise ValueError(f"atoms must be farther apart than 1.5 Å, those in {place} are not; take the frame out")
        family = str(atoms.info.get("family", "extra"))
        group = f"{family}: {atoms.info.get('group', path.stem)}"
        members.append(Member(family, group, str(atoms.info.get("about", f"{path.name}, frame {index}")), atoms))
    return members


def extra_split(group: str) -> str:
    """Split of a group from elsewhere: by its name alone, so that files added later change nothing."""
    return HELD_OUT.get(hashlib.sha256(group.encode()).digest()[0] % 8, "train")


def build(extra: list[Path]) -> list[Atoms]:
    """All structures, each once, in the order of families.

    Raises:
        ValueError: as `extra_members`, or an extra group bears the name of one of ours.
    """
    own = [member for family in FAMILIES for member in family()]
    splits = own_splits(own)
    others = [member for path in extra for member in extra_members(path)]
    frames: dict[str, Atoms] = {}
    for member in own + others:
        atoms = rounded(member.atoms)
        name = structure_id(atoms)
        split = splits.get(member.group) or extra_split(member.group)
        atoms.info = {"id": name, "family": member.family, "group": member.group, "about": member.about, "split": split}
        frames.setdefault(name, atoms)
    return list(frames.values())


def write(frames: list[Atoms], path: Path) -> None:
    """Extended XYZ, whole or not at all."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.xyz")
    try:
        with temporary.open("w") as file:
            for atoms in frames:
                cell = " ".join(f"{x:.{DECIMALS}f}" for x in atoms.cell.array.ravel())
                info = " ".join(f'{key}="{value}"' for key, value in atoms.info.items())
                file.write(f'{len(atoms)}\nLattice="{cell}" Properties=species:S:1:pos:R:3 {info} pbc="T T T"\n')
                for symbol, position in zip(atoms.symbols, atoms.positions, strict=True):
                    file.write(f"{symbol:2s} " + " ".join(f"{x:14.{DECIMALS}f}" for x in position) + "\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def summary(frames: list[Atoms]) -> str:
    """Families by sizes and splits, in Markdown."""
    bins = [(1, 2), (3, 4), (5, 8), (9, 16), (17, 10**6)]
    bins = [b for b in bins if any(b[0] <= len(f) <= b[1] for f in frames)]
    heads = [f"{low} to {high} atoms" if high < 10**6 else f"{low} or more" for low, high in bins]
    lines = ["| family | " + " | ".join([*heads, "all", "train", "validation", "test"]) + " |", "|---|" + "---:|" * (len(bins) + 4)]
    families = list(dict.fromkeys(f.info["family"] for f in frames))
    for family in [*families, "all"]:
        chosen = [f for f in frames if family in ("all", f.info["family"])]
        split = Counter(f.info["split"] for f in chosen)
        counts = [sum(low <= len(f) <= high for f in chosen) for low, high in bins]
        lines.append(
            f"| {family} | " + " | ".join(map(str, [*counts, len(chosen), split["train"], split["validation"], split["test"]])) + " |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("structures.xyz"))
    parser.add_argument("--extra", type=Path, nargs="+", default=[], metavar="FILE", help="extended XYZ with further structures")
    arguments = parser.parse_args()
    try:
        frames = build(arguments.extra)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    write(frames, arguments.output)
    arguments.output.with_suffix(".md").write_text(summary(frames))
    print(summary(frames) + f"wrote {len(frames)} structures to {arguments.output}")


if __name__ == "__main__":
    main()
