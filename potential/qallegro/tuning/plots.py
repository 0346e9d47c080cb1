"""Pictures of a study: trade-off, hypervolume against trials, importance, attainment over studies."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import moocore
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from qallegro.latency.plot_style import INK, MARKERS, SERIES, horizontal, save, styled
from qallegro.tuning.front import Results
from qallegro.tuning.objectives import heading
from qallegro.tuning.outcome import record_of

#: ratio of largest to smallest value from which an axis is logarithmic
_LOG_FROM = 5.0


def plot_trade_off(studies: Mapping[str, Results], path: Path) -> None:
    """Every pair of objectives: trials that were trained to the end, fronts as steps, spread of latencies as bars."""
    names = next(iter(studies.values())).names
    pairs = list(combinations(range(len(names)), 2))
    with styled():
        figure = Figure(figsize=(5.2 * len(pairs) + 0.8, 4.4))
        for axis, (a, b) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
            for k, (label, found) in enumerate(studies.items()):
                _cloud(axis, found, (b, a), SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)], label if len(studies) > 1 else "front")
            values = np.concatenate([found.values[:, [b, a]] for found in studies.values()])
            _scale(axis, values)
            axis.set(xlabel=heading(names[b]), ylabel=heading(names[a]))
            axis.legend()
        figure.suptitle("Trade-off", x=0.01, ha="left", fontsize=11, fontweight="bold")
        save(figure, path)


def _cloud(axis: Axes, found: Results, pair: tuple[int, int], color: str, marker: str, label: str | None) -> None:
    x, y = found.values[:, pair[0]], found.values[:, pair[1]]
    on = found.on_front
    if found.names[pair[0]] == "latency":
        spread = [record_of(trial)["latency"] for trial in found.trials]
        ends = np.array([[s["median"] - s["low"], s["high"] - s["median"]] for s in spread]).T
        axis.errorbar(x[on], y[on], xerr=ends[:, on], fmt="none", ecolor=color, elinewidth=0.8, alpha=0.6)
    beaten = "others" if label == "front" else None
    axis.scatter(x[~on], y[~on], s=18, marker=marker, color=color, alpha=0.3, linewidths=0, label=beaten)
    axis.scatter(x[on], y[on], s=32, marker=marker, color=color, label=label, zorder=3)
    # With three objectives the front is a surface: the line is that of the pair alone.
    line = np.flatnonzero(moocore.is_nondominated(np.column_stack([x, y])))
    line = line[np.argsort(x[line])]
    axis.step(x[line], y[line], where="post", color=color, linewidth=1.2, alpha=0.8)


def is_logarithmic(values: np.ndarray) -> bool:
    """Whether an axis for these values is drawn with equal lengths for equal ratios."""
    return bool(values.min() > 0 and values.max() > _LOG_FROM * values.min())


def _scale(axis: Axes, values: np.ndarray) -> None:
    for column, set_scale, ticks in ((values[:, 0], axis.set_xscale, axis.xaxis), (values[:, 1], axis.set_yscale, axis.yaxis)):
        if is_logarithmic(column):
            set_scale("log")
            # Plain numbers, as these axes rarely span more than two decades.
            ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ticks.set_major_formatter(StrMethodFormatter("{x:g}"))
            ticks.set_minor_formatter(NullFormatter())


def plot_hypervolume(studies: Mapping[str, Results], path: Path) -> None:
    """Share of the box up to the reference point that the front covers, against the trials trained to the end."""
    with styled():
        figure = Figure(figsize=(6.0, 3.8))
        axis = figure.subplots()
        for k, (label, found) in enumerate(studies.items()):
            history = [found.hypervolume(n) for n in range(1, len(found.trials) + 1)]
            axis.step(range(1, len(history) + 1), history, where="post", color=SERIES[k % len(SERIES)], label=label)
            axis.plot(len(history), history[-1], "o", color=SERIES[k % len(SERIES)], markersize=5)
        axis.set(xlabel="trials trained to the end", ylabel="hypervolume (share of the box)", title="Hypervolume")
        axis.set_ylim(bottom=0.0)
        if len(studies) > 1:
            axis.legend()
        save(figure, path)


def plot_importance(shares: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Bars: share of each objective's variance by variable."""
    variables = list(next(iter(shares.values())))
    with styled():
        figure = Figure(figsize=(3.4 * len(shares) + 2.2, 0.36 * len(variables) + 1.4))
        axes = figure.subplots(1, len(shares), squeeze=False, sharey=True)[0]
        for k, (axis, (name, table)) in enumerate(zip(axes, shares.items(), strict=True)):
            axis.barh(variables, [table.get(variable, 0.0) for variable in variables], color=SERIES[k % len(SERIES)], height=0.6)
            axis.set(xlabel="share of the variance", title=heading(name))
            horizontal(axis)
        axes[0].invert_yaxis()
        save(figure, path)


def plot_attainment(studies: Sequence[Results], path: Path) -> None:
    """What a share of the studies reaches: best, median and worst attainment surface (Fonseca and Fleming 1996), of two objectives.

    Args:
        studies: the same study with several seeds; the first two objectives are drawn.
        path: picture to write.
    """
    names = studies[0].names
    points = np.concatenate([found.values[:, :2] for found in studies])
    sets = np.concatenate([np.full(len(found.trials), k) for k, found in enumerate(studies)])
    percentiles = [100.0 / len(studies), 50.0, 100.0]
    surfaces = moocore.eaf(points, sets, percentiles=percentiles)
    with styled():
        figure = Figure(figsize=(6.0, 4.4))
        axis = figure.subplots()
        for k, (percentile, label) in enumerate(zip(percentiles, ("best: one study", "half of the studies", "all studies"), strict=True)):
            surface = surfaces[np.isclose(surfaces[:, -1], percentile)]
            surface = surface[np.argsort(surface[:, 1])]
            axis.step(surface[:, 1], surface[:, 0], where="post", color=SERIES[k], label=label)
        axis.scatter(points[:, 1], points[:, 0], s=8, color=INK, alpha=0.25, linewidths=0)
        _scale(axis, points[:, [1, 0]])
        axis.set(xlabel=heading(names[1]), ylabel=heading(names[0]), title=f"Attained by {len(studies)} studies")
        axis.legend()
        save(figure, path)
