"""From finished runs to numbers, and from numbers to the report."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from comparison import criterion, paired, verdict
from settings import COMPARISONS, DATA_SETS, VARIANTS


class Outcome(NamedTuple):
    """One finished run; errors are those of its test files."""

    data_set: str
    variant: str
    seed: int
    parameters: int  #: trainable
    forces_mae: float  #: meV/Å
    energy_mae: float  #: meV/atom
    forces_rms: float  #: meV/Å, of the training frames: the error of predicting no forces
    seconds_per_epoch: float
    epochs: int


#: quantity -> field of `Outcome`, unit
QUANTITIES = {"force MAE": ("forces_mae", "meV/Å"), "energy MAE": ("energy_mae", "meV/atom")}
#: the one that claims are made about: judging both would double the number of comparisons
JUDGED = "force MAE"


def read_outcome(folder: Path, data_set: str, variant: str, seed: int, parameters: int) -> Outcome:
    """What a finished run left in its folder."""
    test = json.loads((folder / "test_metrics.json").read_text())["test"]
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return Outcome(
        data_set,
        variant,
        seed,
        parameters,
        test["forces"]["mae_meV_per_angstrom"],
        test["energy"]["mae_meV_per_atom"],
        1e3 * json.loads((folder / "statistics.json").read_text())["forces_rms"],
        float(rows[-1]["seconds"]) / len(rows),
        len(rows),
    )


def by_seed(outcomes: list[Outcome], data_set: str, variant: str, field: str) -> dict[int, float]:
    """One quantity of one variant."""
    return {o.seed: getattr(o, field) for o in outcomes if o.data_set == data_set and o.variant == variant}


def judged(outcomes: list[Outcome], data_set: str) -> list[tuple[str, str]]:
    """The pairs of variants that were run on a set with a common seed."""
    seeds = {variant: set(by_seed(outcomes, data_set, variant, "seed")) for variant in VARIANTS}
    return [(a, b) for a, b in COMPARISONS if seeds[a] & seeds[b]]


def markdown(outcomes: list[Outcome], record: dict[str, Any]) -> str:
    """The report for people."""
    here = record["machine"]
    lines = [
        "# Allegro, +MLP, +QDI and two controls at an equal budget",
        "",
        f"{here['processor']}, {here['cores']} cores, {record['workers']} run(s) at a time, one thread each, load average "
        f"{here['load_average'][0]:.2f} at the start, {record['date']}. "
        + ", ".join(f"{k} {v}" for k, v in record["versions"].items())
        + ".",
        "",
        "Errors of the test files, mean ± standard deviation over seeds. A seed deals out the frames and draws the first weights. "
        "Trainable parameters are matched by the width of the final perceptron. The budgets are short: these are not the lowest errors "
        "that any of the variants can reach.",
    ]
    for data_set in dict.fromkeys(o.data_set for o in outcomes):
        lines += ["", f"## {DATA_SETS[data_set].title}", "", *_section(outcomes, data_set)]
    return "\n".join(lines) + "\n"


def _section(outcomes: list[Outcome], data_set: str) -> list[str]:
    runs = [o for o in outcomes if o.data_set == data_set]
    epochs, rms = sorted({o.epochs for o in runs}), np.mean([o.forces_rms for o in runs])
    training = DATA_SETS[data_set].data["split"]["train"]
    lines = [
        f"{training} training frames, {' or '.join(map(str, epochs))} epochs; rms of the forces {rms:.0f} meV/Å.",
        "",
        "| variant | trainable parameters | seeds | force MAE (meV/Å) | energy MAE (meV/atom) | training (s/epoch) "
        "| force MAE - Allegro's (meV/Å) |",
        "|---|---|---|---|---|---|---|",
    ]
    pairs = judged(outcomes, data_set)
    for variant in (v for v in VARIANTS if any(o.variant == v for o in runs)):
        mine = [o for o in runs if o.variant == variant]
        difference = "-"
        if (variant, "allegro") in pairs:
            d = _difference(outcomes, data_set, variant, "allegro", "forces_mae", len(pairs))
            difference = f"{d.mean:+.2f} ± {d.half_width:.2f}" if d.seeds > 1 else f"{d.mean:+.2f}"
        lines.append(
            f"| {VARIANTS[variant].title} | {' or '.join(f'{p:,}' for p in sorted({o.parameters for o in mine}))} | {len(mine)} "
            f"| {spread([o.forces_mae for o in mine])} | {spread([o.energy_mae for o in mine])} "
            f"| {np.median([o.seconds_per_epoch for o in mine]):.2f} | {difference} |"
        )
    if pairs:
        seeds = min(len(by_seed(outcomes, data_set, v, "seed")) for pair in pairs for v in pair)
        lines += ["", criterion(seeds, len(pairs))]
        field, unit = QUANTITIES[JUDGED]
        lines += ["", f"{JUDGED[0].upper()}{JUDGED[1:]}:", ""]
        for a, b in pairs:
            difference = _difference(outcomes, data_set, a, b, field, len(pairs))
            lines.append(f"* {verdict(difference, VARIANTS[a].title, VARIANTS[b].title, unit)}")
    return lines


def _difference(outcomes: list[Outcome], data_set: str, a: str, b: str, field: str, comparisons: int):
    return paired(by_seed(outcomes, data_set, a, field), by_seed(outcomes, data_set, b, field), comparisons)


def differences_record(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Every paired comparison as JSON values."""
    result = []
    for data_set in dict.fromkeys(o.data_set for o in outcomes):
        pairs = judged(outcomes, data_set)
        for quantity, (field, unit) in QUANTITIES.items():
            for a, b in pairs:
                d = _difference(outcomes, data_set, a, b, field, len(pairs))
                numbers = {"mean": d.mean, "standard_error": d.standard_error, "half_width_95": d.half_width}
                result.append(
                    {"data_set": data_set, "quantity": quantity, "unit": unit, "a": a, "b": b, "seeds": d.seeds}
                    | {name: value if np.isfinite(value) else None for name, value in numbers.items()}
                    | ({"resolved": d.resolved, "suggested": d.suggested} if quantity == JUDGED else {})
                )
    return result


def spread(values: list[float]) -> str:
    """mean ± standard deviation; the bare number where there is one alone."""
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else f"{values[0]:.2f}"
