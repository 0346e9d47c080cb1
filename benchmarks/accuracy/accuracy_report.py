"""The table of a set for people, its numbers, and the plot of accuracy against latency."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from accuracy_results import Row
from accuracy_sets import SETS
from accuracy_settings import VARIANTS
from comparison import criterion, paired, verdict
from settings import COMPARISONS

#: quantity -> columns of a row, unit
QUANTITIES = {"forces": ("forces_mae", "forces_rmse", "meV/Å"), "energy": ("energy_mae", "energy_rmse", "meV/atom")}

#: what a run's time is, by clock
TIMES = {"wall": "wall time", "processor": "time on the processor"}


def title(row: Row) -> str:
    """Of a group of rows that differ in their seeds."""
    return f"{VARIANTS[row.variant].title}, {row.settings}" if row.program == "qallegro" else f"{row.program} {row.variant}, trained here"


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by title, in the order they come."""
    result: dict[str, list[Row]] = {}
    for row in rows:
        result.setdefault(title(row), []).append(row)
    return result


def spread(values: list[float], form: str = ".2f") -> str:
    """mean ± standard deviation over seeds; the bare number where there is one alone; a dash where nothing is known."""
    if not values or any(math.isnan(v) for v in values):
        return "-"
    mean = format(float(np.mean(values)), form)
    return f"{mean} ± {np.std(values, ddof=1):{form}}" if len(values) > 1 else mean


def markdown(data_set: str, rows: list[Row], record: dict[str, Any]) -> str:
    """The report."""
    chosen, here = SETS[data_set], record["machine"]
    lines = [
        f"# {chosen.title}",
        "",
        f"{here['processor']}, {here['cores']} cores, {record['date']}. "
        + ", ".join(f"{k} {v}" for k, v in record["versions"].items())
        + ".",
        "",
        "Errors of the test frames for the weights that are best in validation; ± is the standard deviation over seeds. Training is "
        f"{TIMES[record['clock']]} with {record['threads']} thread(s); "
        "a timed step is one of molecular dynamics with the exported file through ASE on one core.",
        "",
    ]
    fields = {
        "force MAE (meV/Å)": "forces_mae",
        "force RMSE": "forces_rmse",
        "energy MAE (meV/atom)": "energy_mae",
        "energy RMSE": "energy_rmse",
    }
    if any(not math.isnan(row.stress_mae) for row in rows):
        fields["stress MAE (GPa)"] = "stress_mae"
    columns = ["model", "parameters", "seeds", *fields, "training", "steps", "µs an atom and step"]
    lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for name, members in groups(rows).items():
        errors = [spread([getattr(row, field) for row in members]) for field in fields.values()]
        parameters = " or ".join(f"{p:,}" for p in sorted({row.parameters for row in members}) if p) or "-"
        cells = [name, parameters, str(len(members)), *errors, _time(float(np.median([row.seconds for row in members])))]
        steps = int(np.median([row.steps for row in members]))
        lines.append("| " + " | ".join([*cells, f"{steps:,}" if steps else "-", spread([row.latency for row in members], ".1f")]) + " |")
    for quoted in chosen.literature:
        forces, energy = (f"{value:g}" if value is not None else "-" for value in (quoted.forces_mae, quoted.energy_mae))
        known = {"forces_mae": forces, "energy_mae": energy}
        cells = [known.get(field, "-") for field in fields.values()]
        lines.append(f"| {quoted.model} ({quoted.source}) | - | - | {' | '.join(cells)} | - | - | - |")
    if record.get("missing"):
        lines += ["", "Not trained here: " + "; ".join(record["missing"]) + "."]
    lines += _claims(data_set, rows)
    return "\n".join(lines) + "\n"


def _claims(data_set: str, rows: list[Row]) -> list[str]:
    """What the spread allows to say of pairs of variants at equal budgets."""
    field, _, unit = QUANTITIES[SETS[data_set].judged]
    errors: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.program == "qallegro" and row.settings == "ours":
            errors.setdefault(row.variant, {})[row.seed] = getattr(row, field)
    pairs = [(a, b) for a, b in COMPARISONS if errors.get(a, {}).keys() & errors.get(b, {}).keys()]
    if not pairs:
        return []
    found = {(a, b): paired(errors[a], errors[b], len(pairs)) for a, b in pairs}
    lines = ["", f"What the seeds allow to say of the {SETS[data_set].judged} MAE, settings ours:", ""]
    lines += [f"* {verdict(difference, VARIANTS[a].title, VARIANTS[b].title, unit)}" for (a, b), difference in found.items()]
    return [*lines, "", criterion(min(d.seeds for d in found.values()), len(pairs))]


def draw(data_set: str, rows: list[Row], path: Path) -> None:
    """Write a PNG: error against time of a step, a point for each run; literature as lines, for it has no time on this machine."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    chosen = SETS[data_set]
    field, _, unit = QUANTITIES[chosen.judged]
    figure, axis = plt.subplots(figsize=(7.5, 5.0), layout="constrained")
    for number, (name, members) in enumerate(groups(rows).items()):
        points = [(row.latency, getattr(row, field)) for row in members]
        color, marker = f"C{number % 10}", "os^Dv"[number // 10 % 5]
        timed = [point for point in points if not math.isnan(point[0])]
        if timed:
            axis.plot(*zip(*timed, strict=True), marker, color=color, markersize=7, alpha=0.85, label=name)
        else:
            axis.axhline(float(np.mean([error for _, error in points])), color=color, linestyle="--", linewidth=1.0, label=name)
    styles = ("-", "--", ":", "-.")
    for number, quoted in enumerate(chosen.literature):
        value = quoted.forces_mae if chosen.judged == "forces" else quoted.energy_mae
        if value is not None:
            shade = 0.25 + 0.08 * number
            label = f"{quoted.model}, {quoted.source.split(',')[0]}"
            axis.axhline(value, color=str(shade), linestyle=styles[number % 4], linewidth=0.8, label=label)
    axis.set(
        xlabel="µs an atom and step, one core",
        ylabel=f"{chosen.judged.removesuffix('s')} MAE of test frames ({unit})",
        xscale="log",
        yscale="log",
    )
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter("{x:g}")
        side.set_minor_formatter("{x:g}")
    axis.tick_params(which="both", labelsize=8)
    axis.set_title(chosen.title, fontsize=10)
    axis.grid(which="both", alpha=0.25)
    axis.legend(fontsize=7)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.2g} min" if seconds >= 60 else f"{seconds:.0f} s"
