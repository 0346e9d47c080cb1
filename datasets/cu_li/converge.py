"""Convergence of energy, forces and stress with cutoff, k-points and smearing, on cells of one and two atoms: table, JSON and plot.

    /usr/bin/python3 converge.py [-o FOLDER]

One JSON file a calculation; the same command goes on where an earlier one ended. `--report` draws what there is and computes nothing.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from dft import Settings, calculate, write_json

#: those of the data set; one quantity at a time is varied
BASE = Settings()
#: The value that the others are compared with comes first, then those of use, then the rest.
SCANS = {
    "cutoff": [650.0, 450.0, 500.0, 400.0],
    "k_density": [5.0, 3.0, 4.0, 3.5, 2.5],
    "k_density_symmetric": [6.0, 4.0, 5.0, 3.5, 3.0],
    "smearing": [0.05, 0.2, 0.1],
}
UNITS = {"cutoff": "eV", "k_density": "Å", "k_density_symmetric": "Å", "smearing": "eV"}
#: meV/atom of energy differences, meV/Å of forces, meV/Å³ of stress
COLUMNS = ("energy differences (meV/atom)", "forces (meV/Å)", "stress (meV/Å³)")
#: in the units of all columns; less is zero
LEAST = 1e-6


def samples() -> dict[str, Atoms]:
    """Copper at two volumes, which symmetry makes cheap, and rattled cells of two atoms: lithium, both elements, copper."""
    cells = {"Cu": bulk("Cu", "fcc", a=3.64), "Cu_compressed": bulk("Cu", "fcc", a=3.40)}
    rattled = {"Li2": bulk("Li", "bcc", a=3.44, cubic=True), "CuLi": bulk("CuLi", "cesiumchloride", a=2.95)}
    rattled["Cu2"] = bulk("Cu", "fcc", a=3.64) * (1, 1, 2)
    for seed, atoms in enumerate(rattled.values()):
        atoms.rattle(0.12, seed=seed)
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.02 * np.random.default_rng(seed).standard_normal((3, 3))), scale_atoms=True)
    return cells | rattled


#: samples with symmetry, whose k-points are those of `k_density_symmetric`
SYMMETRIC = ("Cu", "Cu_compressed")


def jobs() -> list[Settings]:
    """All settings, those that matter first, each once."""
    order = [BASE._replace(**{name: values[0]}) for name, values in SCANS.items()]
    for rank in range(1, max(map(len, SCANS.values()))):
        order += [BASE._replace(**{name: values[rank]}) for name, values in SCANS.items() if rank < len(values)]
    return list(dict.fromkeys(order))


def result_path(folder: Path, name: str, settings: Settings) -> Path:
    """Where the result of a sample is kept: one file for all settings that are the same to it."""
    density = f"{settings.k_density_symmetric:g}sym" if name in SYMMETRIC else f"{settings.k_density:g}"
    return folder / f"{name}_{settings.cutoff:g}_{density}_{settings.smearing:g}.json"


def deviations(results: dict[str, dict], references: dict[str, dict]) -> tuple[float, float, float]:
    """Largest deviations from the references, in the units of `COLUMNS`: of energy differences, force and stress components.

    A constant error of each element cancels in what a potential is used for. So the energies compared are those of compressing and of
    rattling copper and of mixing, as far as their samples are there; nan if none is.
    """
    shift = {name: (results[name]["energy"] - references[name]["energy"]) / len(references[name]["forces"]) for name in references}
    reactions = [{"Cu_compressed": 1, "Cu": -1}, {"Cu2": 1, "Cu": -1}, {"CuLi": 1, "Cu2": -0.5, "Li2": -0.5}]
    energies = [abs(sum(x * shift[name] for name, x in r.items())) for r in reactions if r.keys() <= shift.keys()]
    forces, stress = (
        max(np.abs(np.subtract(results[n][key], references[n][key])).max() for n in references) for key in ("forces", "stress")
    )
    return 1e3 * max(energies, default=float("nan")), 1e3 * float(forces), 1e3 * float(stress)


def table(folder: Path) -> list[dict]:
    """A row for each setting, over the samples that are done at all values of its quantity."""
    rows = []
    for quantity, values in SCANS.items():
        paths = {value: {n: result_path(folder, n, BASE._replace(**{quantity: value})) for n in samples()} for value in values}
        names = [n for n in samples() if all(paths[value][n].exists() for value in values)]
        if not names:
            continue
        read = {value: {n: json.loads(paths[value][n].read_text()) for n in names} for value in values}
        for value in sorted(values):
            numbers = dict(zip(COLUMNS, deviations(read[value], read[values[0]]), strict=True))
            seconds = sum(result["processor_seconds"] for result in read[value].values())
            rows.append({"quantity": quantity, "value": value, "samples": names, **numbers, "seconds": seconds})
    return rows


def markdown(rows: list[dict]) -> str:
    """The table for the docs."""
    lines = ["| quantity | value | " + " | ".join(COLUMNS) + " | processor time (s) |", "|---|---|" + "---:|" * 4]
    for row in rows:
        reference = row["value"] == SCANS[row["quantity"]][0]
        cells = ["reference" if reference else f"{row[c]:.2f}" for c in COLUMNS]
        lines.append(f"| {row['quantity']} | {row['value']:g} {UNITS[row['quantity']]} | {' | '.join(cells)} | {row['seconds']:.0f} |")
    return "\n".join(lines) + "\n"


def draw(rows: list[dict], path: Path) -> None:
    """A panel for each quantity, deviations on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(SCANS), figsize=(13, 3.4), sharey=True, layout="constrained")
    for axis, (quantity, values) in zip(axes, SCANS.items(), strict=True):
        chosen = [row for row in rows if row["quantity"] == quantity and row["value"] != values[0]]
        for column, marker in zip(COLUMNS, "osv", strict=True):
            # Forces that symmetry makes zero have no place on a logarithmic axis.
            shown = [row[column] if row[column] > LEAST else np.nan for row in chosen]
            axis.semilogy([row["value"] for row in chosen], shown, marker=marker, label=column)
        axis.set_xlabel(f"{quantity.replace('_', ' ')} ({UNITS[quantity]})")
        axis.set_title(f"against {values[0]:g} {UNITS[quantity]}", fontsize=10)
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("largest deviation")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("convergence"), help="folder of results, table and plot")
    parser.add_argument("--report", action="store_true", help="compute nothing; write table and plot of what there is")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cells = samples()
    todo = [(settings, name) for part in (SYMMETRIC, cells.keys() - {*SYMMETRIC}) for settings in jobs() for name in sorted(part)]
    for number, (settings, name) in enumerate([] if arguments.report else todo, 1):
        path = result_path(arguments.output, name, settings)
        if not path.exists():
            arguments.output.mkdir(parents=True, exist_ok=True)
            result = calculate(cells[name], settings, path.with_suffix(".txt"))
            write_json(path, result)
            seconds, k_points = result["processor_seconds"], result["k_points"]
            print(f"{number}/{len(todo)} {path.stem}: {seconds:.0f} s, {k_points} k-points, {result['iterations']} steps", flush=True)
            report(arguments.output)
    rows = report(arguments.output)
    if not rows:
        sys.exit(f"error: results must be in `{arguments.output}`, no scan is complete for any sample; run without --report")
    print(markdown(rows))


def report(folder: Path) -> list[dict]:
    """Write table, JSON and plot of what there is."""
    rows = table(folder)
    if rows:
        write_json(folder / "convergence.json", rows)
        (folder / "convergence.md").write_text(markdown(rows))
        draw(rows, folder / "convergence.png")
    return rows


if __name__ == "__main__":
    main()
