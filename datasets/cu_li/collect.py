"""Gather labels (label.py) into `cu_li.xyz.gz`, with provenance in `cu_li.json` beside it; check them first.

    python collect.py structures.xyz FOLDER [-o cu_li.xyz.gz] [--partial]

Energies in eV, forces in eV/Å, stress in eV/Å³, tension positive. The same labels give the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import sys
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from dft import write_json

#: eV/Å an atom; what plane waves on a grid leave of the forces' sum
LARGEST_FORCE_SUM = 0.02
#: eV/Å³, stress against the derivative of energies over volume, errors of its interpolation included
LARGEST_STRESS_ERROR = 0.01


def labelled(frames: list[Atoms], folder: Path, partial: bool) -> tuple[list[Atoms], dict]:
    """Frames with labels, in the order given, and how they were made.

    Raises:
        ValueError: labels are missing (unless `partial`), were not made alike, or do not belong to the structure.
    """
    found, common = [], None
    missing = []
    for atoms in frames:
        name = atoms.info["id"]
        path = folder / "results" / f"{name}.json"
        if not path.exists():
            missing.append(name)
            continue
        result = json.loads(path.read_text())
        method = {key: result[key] for key in ("settings", "versions")}
        common = common or method
        if method != common:
            raise ValueError(f"settings and versions must be the same for all, `{path}` has {method}, others {common}; label it anew")
        if result["id"] != name or result["symbols"] != atoms.get_chemical_symbols():
            raise ValueError(
                f"labels must be those of structure {name}, `{path}` is for {result['id']}, {result['symbols']}; label it anew"
            )
        found.append(with_labels(atoms, result, path))
    if missing and not partial:
        raise ValueError(
            f"all structures must have labels, {len(missing)} of {len(frames)} have none; go on with label.py, or add --partial"
        )
    if common is None:
        raise ValueError(f"labels must be in `{folder / 'results'}`, there are none; run label.py")
    return found, common | {"missing": len(missing)}


def with_labels(atoms: Atoms, result: dict, path: Path) -> Atoms:
    """A copy with a calculator that holds the labels.

    Raises:
        ValueError: a label has a wrong shape or is not finite, or forces do not sum to zero.
    """
    forces, stress = np.array(result["forces"], float), np.array(result["stress"], float)
    if forces.shape != (len(atoms), 3) or stress.shape != (6,):
        raise ValueError(f"labels must be {len(atoms)}x3 forces and 6 stresses, got {forces.shape} and {stress.shape} in `{path}`")
    if not (np.isfinite(result["energy"]) and np.isfinite(forces).all() and np.isfinite(stress).all()):
        raise ValueError(f"labels must be finite, those of `{path}` are not; delete it and label anew")
    excess = np.abs(forces.mean(axis=0)).max()
    if not excess <= LARGEST_FORCE_SUM:
        raise ValueError(f"mean force must be below {LARGEST_FORCE_SUM:g} eV/Å, got {excess:.3f} in `{path}`; label it anew, more strictly")
    atoms = atoms.copy()
    grid = "x".join(map(str, result["k_grid"])) + (" shifted" if result["k_shifted"] else "")
    atoms.info |= {"k_grid": grid, "energy_zero_smearing": result["energy_zero_smearing"]}
    if atoms.info["about"] == "isolated atom":
        atoms.info["config_type"] = "isolated_atom"  # what other programs know it by
    atoms.calc = SinglePointCalculator(atoms, energy=result["energy"], forces=forces, stress=stress)
    return atoms


def stress_errors(frames: list[Atoms]) -> dict[str, float]:
    """Pressure against the derivative of energy over volume, for perfect crystals at five volumes or more (eV/Å³).

    A polynomial of fourth degree through five neighbouring volumes is differentiated at the middle one.
    """
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for atoms in frames:
        if atoms.info["family"] == "bulk" and atoms.info["about"] == "perfect":
            point = (atoms.get_volume(), atoms.get_potential_energy(), atoms.get_stress()[:3].mean())
            curves.setdefault(atoms.info["group"].split(",")[0], []).append(point)
    errors = {}
    for name, points in curves.items():
        points.sort()
        for middle in range(2, len(points) - 2):
            volumes, energies, stress = np.array(points[middle - 2 : middle + 3]).T
            slope = np.polyfit(volumes - volumes[2], energies, 4)[-2]
            errors[name] = max(errors.get(name, 0.0), float(abs(slope - stress[2])))
    return errors


def references(frames: list[Atoms], partial: bool) -> dict[str, float]:
    """Energies of isolated atoms (eV), not spin-polarized, as all else.

    Raises:
        ValueError: one is missing (unless `partial`).
    """
    energies = {str(f.symbols[0]): f.get_potential_energy() for f in frames if f.info["about"] == "isolated atom"}
    lacking = {symbol for f in frames for symbol in f.symbols} - energies.keys()
    if lacking and not partial:
        raise ValueError(f"isolated atoms must be labelled, {', '.join(sorted(lacking))} is not; build the structures anew and label them")
    return energies


def write(frames: list[Atoms], path: Path) -> str:
    """Extended XYZ, compressed without a date. Returns the SHA-256 of the file."""
    text = io.StringIO()
    for atoms in frames:
        ase.io.write(text, atoms, format="extxyz")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(text.getvalue().encode())
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(packed.getvalue())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return hashlib.sha256(packed.getvalue()).hexdigest()


def collect(structures: Path, folder: Path, output: Path, partial: bool = False) -> dict:
    """Check and write; returns the provenance.

    Raises:
        ValueError: labels are missing, inconsistent or wrong.
    """
    frames, method = labelled(ase.io.read(structures, ":", format="extxyz"), folder, partial)
    errors, atoms = stress_errors(frames), references(frames, partial)
    worst = max(errors, key=errors.get, default=None)
    if worst is not None and errors[worst] > LARGEST_STRESS_ERROR:
        raise ValueError(
            f"stress must agree with energies over volume to {LARGEST_STRESS_ERROR:g} eV/Å³, {worst} is off by {errors[worst]:.4f}; "
            "label with a higher cutoff or more k-points"
        )
    record = {
        "name": "cu_li",
        "licence": "CC0-1.0",
        "units": {"energy": "eV, free energy", "forces": "eV/Å", "stress": "eV/Å³, tension positive"},
        "method": "GPAW, plane waves, PBE, Fermi-Dirac smearing, not spin-polarized",
        **method,
        "structures": len(frames),
        "families": dict(Counter(f.info["family"] for f in frames)),
        "splits": dict(Counter(f.info["split"] for f in frames)),
        "isolated_atoms": atoms,
        "checks": {
            "largest_mean_force": max(float(np.abs(f.get_forces().mean(axis=0)).max()) for f in frames),
            "stress_against_energies": errors,
        },
    }
    record["sha256"] = write(frames, output)
    write_json(output.with_name(output.name.split(".")[0] + ".json"), record)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path)
    parser.add_argument("folder", type=Path, help="of label.py")
    parser.add_argument("-o", "--output", type=Path, default=Path("cu_li.xyz.gz"))
    parser.add_argument("--partial", action="store_true", help="take what is labelled so far")
    arguments = parser.parse_args()
    try:
        record = collect(arguments.structures, arguments.folder, arguments.output, arguments.partial)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(record, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
