"""From finished runs to one JSON a run, a table, and a plot."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recipe_settings import BASE, DATA_SETS, RECIPES


class Result(NamedTuple):
    """One finished run; errors are those of its test files."""

    data_set: str
    recipe: str
    seed: int
    forces_mae: float  #: meV/Å
    forces_rmse: float
    energy_mae: float  #: meV/atom
    energy_rmse: float
    steps: int
    seconds: float


def read_result(folder: Path, data_set: str, recipe: str, seed: int) -> Result:
    """What a finished run left in its folder."""
    metrics = json.loads((folder / "test_metrics.json").read_text())
    forces, energy = metrics["test"]["forces"], metrics["test"]["energy"]
    errors = (forces["mae_meV_per_angstrom"], forces["rmse_meV_per_angstrom"], energy["mae_meV_per_atom"], energy["rmse_meV_per_atom"])
    return Result(data_set, recipe, seed, *errors, metrics["steps"], metrics["seconds"])


def values(results: list[Result], data_set: str, recipe: str, field: str) -> dict[int, float]:
    """One quantity of one recipe, by seed."""
    return {r.seed: getattr(r, field) for r in results if (r.data_set, r.recipe) == (data_set, recipe)}


def change(results: list[Result], data_set: str, recipe: str, field: str) -> list[float]:
    """Per cent above (or below) the base, for each seed that both have: a seed deals out the same frames to both."""
    mine, base = (values(results, data_set, name, field) for name in (recipe, BASE))
    return [100.0 * (mine[seed] / base[seed] - 1.0) for seed in sorted(mine.keys() & base.keys())]


def spread(numbers: list[float], form: str = ".2f") -> str:
    """mean ± standard deviation over seeds; the bare number where there is one alone."""
    if not numbers:
        return "-"
    mean = format(float(np.mean(numbers)), form)
    return f"{mean} ± {np.std(numbers, ddof=1):{form.replace('+', '')}}" if len(numbers) > 1 else mean


def markdown(results: list[Result], record: dict[str, Any]) -> str:
    """The report for people."""
    here = record["machine"]
    times = f"{record['minutes']:g} minutes of training each ({record['clock']} time), {record['threads']} thread(s)"
    place = f"{here['processor']}, {here['cores']} cores, load average {here['load_average'][0]:.2f} at the start"
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    lines = [
        "# Recipes at equal time",
        "",
        f"{times}, {record['workers']} run(s) at a time, on {place}, {record['date']}. {versions}.",
        "",
        "Errors of the test files; ± is the standard deviation over seeds. Every recipe changes one thing of the base, the preset `quick` "
        "with this limit of time. Changes of a few per cent within the spread say nothing, and what pays in minutes need not pay in hours.",
    ]
    for data_set in dict.fromkeys(r.data_set for r in results):
        lines += [
            "",
            f"## {DATA_SETS[data_set].title}",
            "",
            "| what varies | recipe | seeds | force MAE (meV/Å) | against base | energy MAE (meV/atom) | against base | steps |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, recipe in RECIPES.items():
            seeds = values(results, data_set, name, "seed")
            if not seeds:
                continue
            cells = []
            for field in ("forces_mae", "energy_mae"):
                cells += [spread(list(values(results, data_set, name, field).values()))]
                cells += ["" if name == BASE else spread(change(results, data_set, name, field), "+.1f") + " %"]
            steps = np.median(list(values(results, data_set, name, "steps").values()))
            lines.append(f"| {recipe.axis} | {recipe.label} | {len(seeds)} | {' | '.join(cells)} | {steps:,.0f} |")
    return "\n".join(lines) + "\n"


def draw(results: list[Result], path: Path) -> None:
    """Write a PNG: a column for each set, a line for each recipe, a point for each seed; the base runs through as a line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sets = list(dict.fromkeys(r.data_set for r in results))
    present = [name for name in RECIPES if any(r.recipe == name for r in results)]
    axes_of = list(dict.fromkeys(RECIPES[name].axis for name in present))
    size = (6.2 * len(sets), 1.2 + 0.27 * len(present))
    figure, axes = plt.subplots(1, len(sets), figsize=size, squeeze=False, sharey=True, layout="constrained")
    for axis, data_set in zip(axes[0], sets, strict=True):
        for place, name in enumerate(present):
            errors = list(values(results, data_set, name, "forces_mae").values())
            axis.plot(errors, [place] * len(errors), "o", color=f"C{axes_of.index(RECIPES[name].axis)}", alpha=0.8, markersize=6)
        base = list(values(results, data_set, BASE, "forces_mae").values())
        if base:
            axis.axvline(float(np.mean(base)), color="black", linewidth=0.8)
        axis.set_xlabel("force MAE of test files (meV/Å)")
        axis.set_title(DATA_SETS[data_set].title)
        axis.grid(axis="x", which="both", alpha=0.3)
    axes[0, 0].set_yticks(range(len(present)), [f"{RECIPES[n].axis}: {RECIPES[n].label}" for n in present], fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.savefig(path, dpi=140)
    plt.close(figure)
