"""Convergence of energy, forces and stress with cutoff, k-points and smearing, on small rattled cells: table, JSON and plot.

    /usr/bin/python3 converge.py [-o FOLDER]

One JSON file a calculation; the same command goes on where an earlier one ended. `--report` draws what there is and computes nothing.
"""

import argparse
import json
import os
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from dft import Settings, calculate, write_json

#: one quantity at a time is varied about these
BASE = Settings(cutoff=450.0, k_density=3.5, smearing=0.1)
#: The value that the others are compared with comes first, then those of use, then the rest.
SCANS = {
    "cutoff": [650.0, 450.0, 400.0, 500.0],
    "k_density": [5.0, 3.5, 3.0, 4.0, 2.5],
    "smearing": [0.05, 0.1, 0.2],
}
UNITS = {"cutoff": "eV", "k_density": "Å", "smearing": "eV"}
#: meV/atom of energy differences, meV/Å of forces, meV/Å³ of stress
COLUMNS = ("energy differences (meV/atom)", "forces (meV/Å)", "stress (meV/Å³)")


def samples() -> dict[str, Atoms]:
    """Rattled cells of two atoms: lithium, copper and one of both."""
    cells = {"Li2": bulk("Li", "bcc", a=3.44, cubic=True), "CuLi": bulk("CuLi", "cesiumchloride", a=2.95)}
    cells["Cu2"] = bulk("Cu", "fcc", a=3.64) * (1, 1, 2)
    for seed, atoms in enumerate(cells.values()):
        atoms.rattle(0.12, seed=seed)
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.02 * np.random.default_rng(seed).standard_normal((3, 3))), scale_atoms=True)
    return cells


def jobs() -> list[Settings]:
    """All settings, those that matter first, each once."""
    order = [BASE._replace(**{name: values[0]}) for name, values in SCANS.items()]
    for rank in range(1, max(map(len, SCANS.values()))):
        order += [BASE._replace(**{name: values[rank]}) for name, values in SCANS.items() if rank < len(values)]
    return list(dict.fromkeys(order))


def result_path(folder: Path, name: str, settings: Settings) -> Path:
    """Where the result of a sample at these settings is kept."""
    return folder / f"{name}_{settings.cutoff:g}_{settings.k_density:g}_{settings.smearing:g}.json"


def deviations(results: dict[str, dict], references: dict[str, dict]) -> tuple[float, float, float]:
    """Largest deviations from the references: of differences of energy per atom between samples, of force components, of stress components.

    A constant error of each element cancels in what a potential is used for; that of the samples' elements is taken off here by
    comparing the mixed cell with the mean of the pure ones, and all pairs where there are only two.
    """
    shift = {
        name: (results[name]["energy"] - references[name]["energy"]) / len(references[name]["forces"])
        for name in sorted(results.keys() & references.keys())
    }
    if {"Cu2", "Li2", "CuLi"} <= shift.keys():
        energy = abs(shift["CuLi"] - (shift["Cu2"] + shift["Li2"]) / 2)
    else:
        energy = max((abs(shift[a] - shift[b]) for a, b in combinations(shift, 2)), default=float("nan"))
    largest = [max(np.abs(np.subtract(results[name][key], references[name][key])).max() for name in shift) for key in ("forces", "stress")]
    return 1e3 * energy, 1e3 * float(largest[0]), 1e3 * float(largest[1])


def table(folder: Path) -> list[dict]:
    """A row for each setting that all samples with a reference have been calculated at."""
    names, rows = list(samples()), []
    for quantity, values in SCANS.items():
        read = {}
        for value in sorted(values):
            found = {n: result_path(folder, n, BASE._replace(**{quantity: value})) for n in names}
            read[value] = {n: json.loads(p.read_text()) for n, p in found.items() if p.exists()}
        references = read[values[0]]
        for value, results in read.items():
            if references and results.keys() >= references.keys():
                numbers = dict(zip(COLUMNS, deviations(results, references), strict=True))
                seconds = sum(results[n]["processor_seconds"] for n in references)
                rows.append({"quantity": quantity, "value": value, "samples": sorted(references), **numbers, "seconds": seconds})
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

    figure, axes = plt.subplots(1, len(SCANS), figsize=(11, 3.4), sharey=True, layout="constrained")
    for axis, (quantity, values) in zip(axes, SCANS.items(), strict=True):
        chosen = [row for row in rows if row["quantity"] == quantity and row["value"] != values[0]]
        for column, marker in zip(COLUMNS, "osv", strict=True):
            axis.semilogy([row["value"] for row in chosen], [row[column] for row in chosen], marker=marker, label=column)
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
    todo = [(settings, name, atoms) for settings in jobs() for name, atoms in samples().items()]
    for number, (settings, name, atoms) in enumerate([] if arguments.report else todo, 1):
        path = result_path(arguments.output, name, settings)
        if not path.exists():
            arguments.output.mkdir(parents=True, exist_ok=True)
            result = calculate(atoms, settings, path.with_suffix(".txt"))
            write_json(path, result)
            seconds, k_points = result["processor_seconds"], result["k_points"]
            print(f"{number}/{len(todo)} {path.stem}: {seconds:.0f} s, {k_points} k-points, {result['iterations']} steps", flush=True)
    rows = table(arguments.output)
    if not rows:
        sys.exit(f"error: results must be in `{arguments.output}`, none of them has a reference yet; run without --report")
    write_json(arguments.output / "convergence.json", rows)
    (arguments.output / "convergence.md").write_text(markdown(rows))
    draw(rows, arguments.output / "convergence.png")
    print(markdown(rows))


if __name__ == "__main__":
    main()
