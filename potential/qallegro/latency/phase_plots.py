"""Pictures of reports: where the time of a step goes, and how evenly ranks share it."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from qallegro.latency.phases import color, label
from qallegro.latency.plot_style import INK, horizontal, styled
from qallegro.latency.reports import run_labels, shown_phases


def phase_bars(reports: list[dict[str, Any]], labels: list[str] | None = None) -> Figure:
    """One bar a report, stacked by phase: shares on the left, ms a step (mean over ranks) on the right.

    Args:
        reports: at least one.
        labels: of the bars; None for those of `run_labels`.
    """
    names, labels = shown_phases(reports), labels or run_labels(reports)
    at = np.arange(len(reports))
    with styled():
        figure = Figure(figsize=(11.5, 1.9 + 0.62 * len(reports)))
        shares, times = figure.subplots(1, 2, sharey=True)
        left = np.zeros((2, len(reports)))
        sums = np.array([sum(values["mean"] for values in report["phases"].values()) for report in reports])
        for name in names:
            means = np.array([report["phases"].get(name, {}).get("mean", 0.0) for report in reports])
            widths = np.stack([100.0 * means / np.where(sums > 0.0, sums, 1.0), 1e3 * means])
            for axis, width, start in zip((shares, times), widths, left, strict=True):
                axis.barh(at, width, left=start, height=0.62, color=color(name), edgecolor="white", linewidth=0.6)
            for y, width, start in zip(at, widths[0], left[0], strict=True):
                if width >= 6.0:
                    shares.text(start + width / 2, y, f"{width:.0f}", ha="center", va="center", fontsize=8.5, color=_ink_on(color(name)))
            left += widths
        for y, total in zip(at, left[1], strict=True):
            times.text(total, y, f" {total:.3g}", va="center", fontsize=9, color=INK)
        shares.set(title="Share of a step (%)", xlim=(0, 100), yticks=at, yticklabels=labels)
        times.set(title="Time of a step (ms)", xlim=(0, 1.12 * max(left[1].max(), 1e-12)))
        shares.invert_yaxis()
        for axis in (shares, times):
            horizontal(axis)
        handles = [Patch(color=color(name), label=label(name)) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def rank_bars(report: dict[str, Any], title: str) -> Figure:
    """Time of every rank by phase, with the mean over ranks as a line.

    Args:
        report: of more than one rank.
        title: of the picture.
    """
    names, ranks, steps = shown_phases([report]), report["per_rank"], max(report["steps"], 1)
    at = np.arange(len(ranks))
    with styled():
        figure = Figure(figsize=(11.5, 2.1 + 0.3 * len(ranks)))
        axis = figure.subplots()
        left = np.zeros(len(ranks))
        for name in names:
            width = np.array([1e3 * rank["phases"].get(name, 0.0) / steps for rank in ranks])
            axis.barh(at, width, left=left, height=0.7, color=color(name), edgecolor="white", linewidth=0.6, label=label(name))
            left += width
        # Ranks wait for one another in communication: what they do themselves tells how even the work is.
        work = np.array([sum(s for name, s in rank["phases"].items() if name != "communication") for rank in ranks])
        imbalance = 100.0 * (work.max() / work.mean() - 1.0) if work.mean() > 0.0 else 0.0
        axis.set(title=f"{title}: slowest rank has {imbalance:.1f} % more work than the mean", xlabel="ms a step")
        axis.set(
            yticks=at, yticklabels=[f"rank {rank.get('rank', k)}" for k, rank in enumerate(ranks)], xlim=(0, 1.02 * max(left.max(), 1e-12))
        )
        axis.invert_yaxis()
        horizontal(axis)
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _ink_on(background: str) -> str:
    red, green, blue = (int(background[k : k + 2], 16) for k in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
