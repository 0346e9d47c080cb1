"""Every mistake that a user can make ends the run on all ranks, with exit code 1 and a text that names the remedy."""

import shutil
from typing import NamedTuple

import pytest

from lammps_runner import run_lammps, run_well, write_data
from lammps_systems import NAMES, alloy
from toy_export import write_toy_file

PAIR = "pair_style qallegro\npair_coeff * * toy.pth Cu Li\n"
BOX = "units metal\nboundary p p p\nread_data alloy.data\n"
GO = "fix move all nve\nrun 1\n"


class Mistake(NamedTuple):
    script: str
    expected: tuple[str, ...]  # in the message: quantity or rule, received value, remedy


def style(arguments: str) -> str:
    return f"{BOX}pair_style qallegro {arguments}\npair_coeff * * toy.pth Cu Li\n{GO}"


def coeff(line: str) -> str:
    return f"{BOX}pair_style qallegro\npair_coeff {line}\n{GO}"


MISTAKES = {
    "unknown keyword": Mistake(style("model toy.pth"), ("`engine`, `device`, `threads` and `latency`", "`model`", "pair_coeff")),
    "keyword without value": Mistake(style("engine torchscript device"), ("`device`", "nothing", "pair_style qallegro device cpu")),
    "threads of zero": Mistake(style("threads 0"), ("`threads`", "1 to 4096", "`0`", "leave it out")),
    "threads not a number": Mistake(style("threads two"), ("`threads`", "`two`", "leave it out")),
    "unknown engine": Mistake(style("engine abacus"), ("engine", "abacus", "torchscript")),
    "engine for another kind of file": Mistake(style("engine aoti"), ("aoti", "torchscript")),
    "unknown device": Mistake(style("device tpu"), ("device", "tpu", "cpu")),
    "types not all": Mistake(coeff("1 1 toy.pth Cu Li"), ("Pair_coeff must start with * *",)),
    "too few names": Mistake(coeff("* * toy.pth Cu"), ("each of the 2", "received 1 (Cu)", "pair_coeff * * FILE")),
    "too many names": Mistake(coeff("* * toy.pth Cu Li Cu"), ("each of the 2", "received 3", "pair_coeff * * FILE")),
    "no file": Mistake(coeff("* *"), ("a model file", "received `* *`", "pair_coeff * * FILE")),
    "unknown element": Mistake(coeff("* * toy.pth Cu Xe"), ("species of the model or NULL", "`Xe` for type 2", "knows Cu Li")),
    "nothing but NULL": Mistake(coeff("* * toy.pth NULL NULL"), ("at least one type", "only NULL", "knows Cu Li")),
    "missing file": Mistake(coeff("* * {absent}.pth Cu Li"), ("{absent}.pth", "must exist", "check the path")),
    "foreign file": Mistake(coeff("* * in.lmp Cu Li"), ("in.lmp",)),
    "truncated file": Mistake(coeff("* * truncated.pth Cu Li"), ("truncated.pth",)),
    "empty file": Mistake(coeff("* * empty.pth Cu Li"), ("empty.pth",)),
    "future format": Mistake(coeff("* * future.pth Cu Li"), ("format_version", "99")),
    "units": Mistake(f"units lj\nread_data alloy.data\n{PAIR}{GO}", ("`units`", "metal or real", "`lj`", "units metal")),
    "newton off": Mistake(f"newton off\n{BOX}{PAIR}{GO}", ("`newton`", "received off", "newton on")),
    "communication cutoff": Mistake(
        f"{BOX}comm_modify cutoff 3.5\n{PAIR}{GO}",
        ("communication cutoff", "4 Angstrom", "received 3.5", "`comm_modify cutoff 6`"),
    ),
    "special bonds": Mistake(
        f"units metal\natom_style bond\nread_data bonds.data\nbond_style zero\nbond_coeff *\n{PAIR}{GO}",
        ("`special_bonds`", "factor 0", "special_bonds lj/coul 1 1 1"),
    ),
    "model gives NaN": Mistake(
        f"{BOX}pair_style qallegro\npair_coeff * * nan.pth Cu Li\n{GO}", ("step 0", "rank", "must be finite", "nan.pth", "in LAMMPS")
    ),
    "atoms on top of one another": Mistake(
        f"{BOX}{PAIR}create_atoms 1 single 3.1 3.1 3.1\ncreate_atoms 2 single 3.1 3.1 3.1\n{GO}",
        ("step 0", "rank", "on top of one another", "is id 33", "is id 34"),
    ),
    "restart of a moved file": Mistake("read_restart moved.restart\n" + GO, ("gone.pth", "pair_coeff * * FILE Cu Li")),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("errors")
    write_data(folder / "alloy.data", alloy(), NAMES)
    write_toy_file(folder / "toy.pth")
    write_toy_file(folder / "nan.pth", nan_below=2.6)
    write_toy_file(folder / "future.pth", record_changes={"format_version": 99})
    content = (folder / "toy.pth").read_bytes()
    (folder / "truncated.pth").write_bytes(content[: len(content) // 2])
    (folder / "empty.pth").touch()
    shutil.copy(folder / "toy.pth", folder / "gone.pth")
    run_well(f"{BOX}pair_style qallegro\npair_coeff * * gone.pth Cu Li\nrun 0\nwrite_restart moved.restart\n", folder)
    (folder / "gone.pth").unlink()
    (folder / "bonds.data").write_text(with_a_bond((folder / "alloy.data").read_text()))
    return folder


def with_a_bond(data: str) -> str:
    """The text of a data file of atom style atomic as one of atom style bond, with a bond between atoms 1 and 2."""
    head, rows = data.split("Atoms # atomic\n\n")
    head = head.replace("\n2 atom types", "\n1 bonds\n2 atom types\n1 bond types\n1 extra special per atom")
    rows = "".join("{} 1 {}\n".format(*line.split(" ", 1)) for line in rows.splitlines())
    return f"{head}Atoms # bond\n\n{rows}\nBonds\n\n1 1 1 2\n"


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", list(MISTAKES))
def test_mistake(folder, name, ranks):
    mistake = MISTAKES[name]
    finished = run_lammps(mistake.script, folder, ranks, timeout=60)
    # The text may be broken into lines.
    text = " ".join(finished.output.split())
    assert finished.returncode == 1, finished.output
    assert "ERROR" in text and "qallegro" in text, finished.output
    for part in mistake.expected:
        assert part in text, f"{part!r} is not in\n{finished.output}"
    for crash in ("Segmentation", "terminate called", "Traceback", "signal"):
        assert crash not in text, finished.output
