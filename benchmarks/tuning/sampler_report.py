"""Table, data and plot of what samplers reached."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from one_run import file_of
from problems import Problem

COLORS = {
    "samo-cobra": "#d62728",
    "samo-cobra-s": "#ff9896",
    "gp": "#1f77b4",
    "tpe": "#2ca02c",
    "nsga2": "#9467bd",
    "random": "#7f7f7f",
    "samo-cobra-aimed": "#8c564b",
    "samo-cobra-s-aimed": "#c49c94",
}


class Outcome(NamedTuple):
    """One sampler on one problem."""

    seeds: list[int]
    hypervolumes: NDArray[np.float64]
    """After each evaluation, (seeds, evaluations)."""
    seconds: float
    """Of wall time that a proposal took, in the mean."""
    cpu_seconds: float
    """Of processor time, the same."""


def outcome(runs: Path, name: str, problem: Problem, sampler: str, seeds: Sequence[int], evaluations: int) -> Outcome | None:
    """What the finished runs came to; None if there is none."""
    found, times, finished = [], [], []
    for seed in seeds:
        path = file_of(runs, name, sampler, seed)
        run = json.loads(path.read_text()) if path.is_file() else {"values": []}
        if len(run["values"]) < evaluations:
            continue
        finished.append(seed)
        found.append([problem.hypervolume(run["values"][:n], run["constraints"][:n]) for n in range(1, evaluations + 1)])
        times += run["seconds"][:evaluations]
    if not finished:
        return None
    wall, cpu = np.mean(times, axis=0)
    return Outcome(finished, np.array(found), float(wall), float(cpu))


Outcomes = dict[str, dict[str, Outcome]]


def _digits(value: float) -> int:
    return 3 if value < 100 else 1 if value < 10_000 else 0


def table(outcomes: Outcomes, problems: dict[str, Problem], samplers: Sequence[str], marks: Sequence[int]) -> str:
    """Markdown: a row for each problem and number of evaluations n, mean and standard deviation over seeds, the best mean bold.

    In the last row, processor time of a proposal.
    """
    lines = [
        "| problem | ideal | n | " + " | ".join(samplers) + " |",
        "|---|---|---|" + "---|" * len(samplers),
    ]
    for name, reached in outcomes.items():
        ideal = problems[name].ideal()
        for n in marks:
            means = {sampler: float(o.hypervolumes[:, n - 1].mean()) for sampler, o in reached.items()}
            digits = _digits(max(means.values(), default=0.0))
            cells = []
            for sampler in samplers:
                if sampler not in reached:
                    cells.append("not run")
                    continue
                text = f"{means[sampler]:.{digits}f} ± {reached[sampler].hypervolumes[:, n - 1].std():.{digits}f}"
                cells.append(f"**{text}**" if means[sampler] == max(means.values()) else text)
            shown = "" if ideal is None else f"{ideal:.{digits}f}"
            lines.append(f"| {name} | {shown} | {n} | " + " | ".join(cells) + " |")
    times = [
        f"{np.mean([reached[s].cpu_seconds for reached in outcomes.values() if s in reached]):.3f}"
        if any(s in reached for reached in outcomes.values())
        else ""
        for s in samplers
    ]
    lines.append("| seconds | | | " + " | ".join(times) + " |")
    return "\n".join(lines) + "\n"


def as_data(outcomes: Outcomes, problems: dict[str, Problem]) -> dict[str, Any]:
    """All of it for JSON."""
    return {
        name: {
            "reference": problems[name].reference,
            "ideal": problems[name].ideal(),
            "source": problems[name].source,
            "samplers": {
                sampler: {
                    "seeds": o.seeds,
                    "hypervolume": [[round(v, 6) for v in row] for row in o.hypervolumes.tolist()],
                    "seconds_a_proposal": round(o.seconds, 4),
                    "cpu_seconds_a_proposal": round(o.cpu_seconds, 4),
                }
                for sampler, o in reached.items()
            },
        }
        for name, reached in outcomes.items()
    }


def draw(path: Path, outcomes: Outcomes, problems: dict[str, Problem]) -> None:
    """Hypervolume against evaluations, a panel for each problem: mean over seeds, and from the worst seed to the best."""
    columns = math.ceil(len(outcomes) ** 0.5)
    rows = -(-len(outcomes) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.4 * columns, 2.8 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(outcomes) :]:
        axis.set_visible(False)
    for axis, (name, reached) in zip(axes.flat, outcomes.items(), strict=False):
        for sampler, o in reached.items():
            n = np.arange(1, o.hypervolumes.shape[1] + 1)
            axis.plot(n, o.hypervolumes.mean(axis=0), color=COLORS[sampler], label=sampler, linewidth=1.6)
            axis.fill_between(n, o.hypervolumes.min(axis=0), o.hypervolumes.max(axis=0), color=COLORS[sampler], alpha=0.12, linewidth=0)
        ideal = problems[name].ideal()
        if ideal is not None:
            axis.axhline(ideal, color="black", linewidth=0.8, linestyle=":")
        top = max([float(o.hypervolumes.max()) for o in reached.values()] + ([ideal] if ideal else []))
        middle = min(float(np.median(o.hypervolumes[:, o.hypervolumes.shape[1] // 3])) for o in reached.values())
        axis.set_ylim(middle - 0.1 * (top - middle), top + 0.05 * (top - middle))
        axis.set_title(name)
        axis.grid(alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("evaluations")
    for axis in axes[:, 0]:
        axis.set_ylabel("hypervolume")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
