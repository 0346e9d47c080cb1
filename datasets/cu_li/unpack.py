"""Labels of a finished or half-finished set (collect.py) back into a folder of label.py, which then computes only what is missing.

    python unpack.py cu_li.xyz.gz FOLDER

For work that goes on elsewhere, or with more structures (`build.py --extra`). Results that are there already stay.
"""

import argparse
import gzip
import io
import json
import sys
from pathlib import Path

import ase.io
from dft import Settings, write_json
from label import Folder


def unpack(file: Path, folder: Folder) -> int:
    """Write a result for each frame; returns how many are new.

    Raises:
        ValueError: the record beside the file is missing or of other settings than this code knows, or the folder has other ones.
        OSError: the file cannot be read.
    """
    record_path = file.with_name(file.name.split(".")[0] + ".json")
    if not record_path.is_file():
        raise ValueError(f"record of the set must lie beside it, `{record_path}` does not exist; take both from one place")
    record = json.loads(record_path.read_text())
    if record["settings"].keys() != set(Settings._fields):
        raise ValueError(f"settings must be {', '.join(Settings._fields)}, `{record_path}` has {', '.join(record['settings'])}")
    folder.prepare(Settings(**record["settings"]))
    with gzip.open(file, "rt") as text:
        frames = ase.io.read(io.StringIO(text.read()), ":", format="extxyz")
    new = 0
    for atoms in frames:
        info = atoms.info
        path = folder.result(info["id"])
        if path.exists():
            continue
        grid, _, shifted = info["k_grid"].partition(" ")
        result = {
            "id": info["id"],
            "symbols": atoms.get_chemical_symbols(),
            "family": info["family"],
            "energy": atoms.get_potential_energy(),
            "energy_zero_smearing": float(info["energy_zero_smearing"]),
            "forces": atoms.get_forces().tolist(),
            "stress": atoms.get_stress().tolist(),
            "k_grid": [int(n) for n in grid.split("x")],
            "k_shifted": shifted == "shifted",
            "settings": record["settings"],
            "versions": record["versions"],
        }
        write_json(path, result)
        new += 1
    return new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="cu_li.xyz.gz; cu_li.json lies beside it")
    parser.add_argument("folder", type=Path, help="of label.py")
    arguments = parser.parse_args()
    try:
        new = unpack(arguments.file, Folder(arguments.folder))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{new} results written to {arguments.folder / 'results'}")


if __name__ == "__main__":
    main()
