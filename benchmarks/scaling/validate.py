"""The cost model behind `qallegro plan` against LAMMPS on this machine.

    .venv/bin/python benchmarks/scaling/validate.py -o scaling_validation

Ghosts, edges, messages and bytes do not depend on speed: 1, 2, 4 and 8 ranks, more than there are cores if need be; messages are counted
inside MPI. Times on as many ranks as there are cores, at most 2: constants are fitted to one rank and other numbers of atoms.
Weak scaling compares two ranks with one that has half of the box.
Writes NAME.json, NAME.md, NAME.png, and NAME_ranks.png: what the fitted constants predict for larger systems and thousands of ranks.
"""

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from qallegro.export.record import read_record
from qallegro.scaling.constants import Constants
from qallegro.scaling.fit import fit_reports
from qallegro.scaling.geometry import neighbors_within
from qallegro.scaling.measure import measure
from qallegro.scaling.plan import Plan, Request
from qallegro.scaling.prediction import System, count, predict
from qallegro.scaling.reports import Reports, read_reports
from qallegro.scaling.show import draw_plan

from crystal_runs import REBUILD_EVERY, SKIN, Crystal, build_counter, run, sent_per_step
from validation_report import draw, markdown

COUNT_RANKS = (1, 2, 4, 8)
#: atoms and most ranks of the plot of predictions
PREDICTED_ATOMS, PREDICTED_RANKS = [10**4, 10**5, 10**6], 8192
#: name -> Å; a quarter of the lattice constant spreads planes of atoms evenly, as in a liquid
STRUCTURES = {"crystal": 0.1, "disordered": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="exported file; by default one of size S with random weights is made")
    parser.add_argument("--lattice", type=float, default=3.63, help="Å")
    parser.add_argument("--cells", type=int, default=10, help="cubic cells along an edge of the validated system, an even number")
    parser.add_argument("--fit-cells", type=int, nargs="+", default=[1, 3, 5, 8, 13], help="the same of the runs that constants come from")
    parser.add_argument("--steps", type=int, default=100, help="of timed runs")
    parser.add_argument("--turns", type=int, default=5, help="timed runs of each kind; the median counts")
    parser.add_argument("-o", "--output", default="scaling_validation", help="name of the files, without suffix")
    arguments = parser.parse_args()
    if arguments.cells < 2 or arguments.cells % 2:
        parser.error(f"--cells must be an even number of at least 2, got {arguments.cells}")
    with tempfile.TemporaryDirectory() as folder:
        result, plan = validate(arguments, Path(folder))
    output = Path(arguments.output)
    output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    output.with_suffix(".md").write_text(markdown(result))
    draw(result, output.with_suffix(".png"))
    draw_plan(plan, output.with_name(f"{output.name}_ranks.png"), PREDICTED_ATOMS, PREDICTED_RANKS)
    print(markdown(result))


def validate(arguments: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], Plan]:
    """Everything in order, for JSON; and a plan without rows, that predicts with the fitted constants."""
    model = arguments.model or _default_model(folder)
    record = read_record(model)
    counter = build_counter(folder)
    counts = []
    for structure, displacement in STRUCTURES.items():
        chosen = displacement if displacement is not None else arguments.lattice / 4
        crystal = Crystal(model, record["atom_types"][0], (arguments.cells,) * 3, arguments.lattice, chosen)
        counts += [_compare_counts(structure, crystal, record, ranks, folder, counter) for ranks in COUNT_RANKS]
    times, constants, setting = _compare_times(arguments, crystal, record, folder)
    plan = Plan(Request(crystal.atoms, model, [1]), _system(crystal, record), constants, setting, [])
    return {
        "model": model.name,
        "atoms": crystal.atoms,
        "density": crystal.density,
        "r_max": record["r_max"],
        "skin": SKIN,
        "rebuild_every": REBUILD_EVERY,
        "cores": len(os.sched_getaffinity(0)),
        "counts": counts,
        "times": times,
        "constants": constants.as_record(),
    }, plan


def _default_model(folder: Path) -> Path:
    import sys

    sys.path.append(str(Path(__file__).parents[1] / "engines"))
    from engine_models import ModelFiles

    return ModelFiles(folder, None).exported("S", "float32", "allegro")


def _system(crystal: Crystal, record: dict[str, Any]) -> System:
    cutoff = record["cutoffs"][0][0]
    return System(
        atoms=crystal.atoms,
        density=crystal.density,
        r_max=record["r_max"],
        edges_per_atom=neighbors_within(cutoff, crystal.density),
        skin=SKIN,
        rebuild_every=REBUILD_EVERY,
    )


def _compare_counts(structure: str, crystal: Crystal, record: dict[str, Any], ranks: int, folder: Path, counter: Path) -> dict[str, Any]:
    report, _ = run(crystal, ranks, REBUILD_EVERY, folder, f"count{ranks}")
    sent = sent_per_step(crystal, ranks, REBUILD_EVERY, folder, counter)
    model = count(_system(crystal, record), ranks)
    per_rank = report["per_rank"]

    def mean(name: str) -> float:
        return sum(rank[name] for rank in per_rank) / ranks

    pairs = {
        "ghosts": (mean("ghosts"), model.ghosts),
        "edges": (mean("edges"), model.edges),
        "messages": (sent.messages, model.messages),
        "bytes": (sent.bytes, model.bytes),
    }
    print(f"{structure}, {ranks} ranks: {pairs}", flush=True)
    return {
        "structure": structure,
        "ranks": ranks,
        "fullest_over_mean": max(rank["atoms"] for rank in per_rank) / mean("atoms"),
        **{name: {"measured": measured, "model": value} for name, (measured, value) in pairs.items()},
    }


def _compare_times(
    arguments: argparse.Namespace, crystal: Crystal, record: dict[str, Any], folder: Path
) -> tuple[list[dict[str, Any]], Constants, str]:
    """Predicted and measured time of a step; the measured runs and those of the fit take turns, for machines drift."""
    ranks_timed = [ranks for ranks in (1, 2) if ranks <= len(os.sched_getaffinity(0))]
    half = crystal._replace(cells=(arguments.cells // 2, arguments.cells, arguments.cells))
    fit_files, fullest = [], dict.fromkeys(ranks_timed, 1.0)
    seconds, half_seconds = {ranks: [] for ranks in ranks_timed}, []
    for turn in range(arguments.turns):
        for cells in arguments.fit_cells:
            name = f"fit{cells}_{turn}"
            run(crystal._replace(cells=(cells,) * 3), 1, arguments.steps, folder, name)
            fit_files.append(folder / f"{name}.json")
        for ranks in ranks_timed:
            report, _ = run(crystal, ranks, arguments.steps, folder, f"time{ranks}_{turn}")
            seconds[ranks].append(report["wall_seconds"] / report["steps"])
            atoms = [rank["atoms"] for rank in report["per_rank"]]
            fullest[ranks] = max(atoms) * ranks / sum(atoms)
        report, _ = run(half, 1, arguments.steps, folder, f"half_{turn}")
        half_seconds.append(report["wall_seconds"] / report["steps"])
    system = _system(crystal, record)
    before, _ = measure(crystal.model)
    reports = read_reports(fit_files)
    ratio = _list_ratio(system, reports)
    constants = fit_reports(reports, ratio, 1.0, before)
    one = {"strong": seconds[1], "weak": half_seconds}
    first = {
        "strong": predict(system, 1, constants),
        "weak": predict(replace(system, atoms=half.atoms, box=(0.5, 1.0, 1.0)), 1, constants),
    }
    times = []
    for ranks in ranks_timed:
        for scaling, alone in first.items():
            measured = one[scaling] if ranks == 1 else seconds[ranks]
            predicted = alone if ranks == 1 else predict(system, ranks, constants, imbalance=fullest[ranks])
            share = alone.atoms * ranks / predicted.atoms  # of the work of a rank
            times.append(
                {
                    "scaling": scaling,
                    "ranks": ranks,
                    "atoms": predicted.atoms,
                    "measured": statistics.median(measured),
                    "all_measured": measured,
                    "model": predicted.step_time,
                    "efficiency": alone.step_time / (share * predicted.step_time),
                    "measured_efficiency": statistics.median(one[scaling]) / (share * statistics.median(measured)),
                }
            )
    return sorted(times, key=lambda row: row["scaling"]), constants, reports.setting


def _list_ratio(system: System, reports: Reports) -> float:
    # Pairs of the list over edges, as a ratio of radii; with one species its own cutoff decides and not the largest.
    edges = sum(row.edges for row in reports.rows) / sum(row.atoms for row in reports.rows)
    return (neighbors_within(system.reach, system.density) / edges) ** (1 / 3)


if __name__ == "__main__":
    main()
