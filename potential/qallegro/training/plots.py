"""Pictures of a run: training curves and parity plots."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - the backend must be chosen first
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import LogNorm  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from qallegro.data.units import EV_PER_A3_IN_GPA  # noqa: E402
from qallegro.training.evaluate import Evaluation  # noqa: E402
from qallegro.training.metrics import Error  # noqa: E402
from qallegro.whole_file import whole_file

_TRAIN, _VALIDATION, _INK, _GRID = "#8fa3bf", "#c2410c", "#1f2937", "#e5e7eb"
_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": _INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def plot_training(history: Sequence[dict[str, float]], path: Path) -> None:
    """Loss, errors and learning rate by epoch.

    Args:
        history: rows of `metrics.csv`.
        path: picture to write.
    """
    panels = [("loss", "loss", 1.0), ("energy MAE (meV/atom)", "energy_mae", 1e3)]
    if any("validation_forces_mae" in row for row in history):
        panels.append(("force MAE (meV/Å)", "forces_mae", 1e3))
    panels.append(("learning rate", "learning_rate", 1.0))
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(9.0, 6.2), squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, (title, name, factor) in zip(axes.flat, panels, strict=False):
            axis.set_title(title)
            if name == "learning_rate":
                _curve(axis, history, name, factor, _INK, None)
            else:
                _curve(axis, history, f"train_{name}", factor, _TRAIN, "training")
                _curve(axis, history, f"validation_{name}", factor, _VALIDATION, "validation (averaged weights)")
            if axis.has_data():
                _log_axis(axis, plain=name.endswith("_mae"))
            axis.set_xlabel("epoch")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        if handles:
            axes[0, 0].legend(handles, labels)
        _save(figure, path)


def _curve(axis: Axes, history: Sequence[dict[str, float]], name: str, factor: float, color: str, label: str | None) -> None:
    points = [(row["epoch"], factor * row[name]) for row in history if name in row and row[name] > 0]
    if points:
        x, y = zip(*points, strict=True)
        axis.plot(x, y, color=color, lw=1.6, label=label, marker="o" if len(points) < 3 else None, ms=4)


def _log_axis(axis: Axes, plain: bool) -> None:
    """Logarithmic, with numbers at 1, 2 and 5: 50 rather than 5 x 10^1 where the quantity is one that people quote."""
    axis.set_yscale("log")
    if plain:
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def plot_parity(evaluation: Evaluation, path: Path, title: str = "") -> bool:
    """Prediction against label for energies, forces and stress, each with the distribution of its errors.

    Args:
        evaluation: result of `evaluate_samples`.
        path: picture to write.
        title: heading.

    Returns:
        whether there was anything to show.
    """
    parity, errors = evaluation.parity, evaluation.errors
    panels = []
    if parity.energy.shape[1]:
        panels.append(_energy_panel(parity.energy, errors.energy))
    if parity.forces.shape[1]:
        panels.append(("force components", 1.0, "eV/Å", 1e3, "meV/Å", parity.forces.reshape(2, -1), errors.forces))
    if parity.stress.shape[1]:
        panels.append(
            ("stress components", EV_PER_A3_IN_GPA, "GPa", 1e3 * EV_PER_A3_IN_GPA, "MPa", parity.stress.reshape(2, -1), errors.stress)
        )
    if not panels:
        return False
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(
            2, len(panels), figsize=(4.2 * len(panels), 5.6), squeeze=False, gridspec_kw={"height_ratios": [3.2, 1.0]}
        )
        for column, (name, factor, unit, error_factor, error_unit, pairs, error) in enumerate(panels):
            _parity_panel(axes[0, column], factor * pairs, name, unit)
            note = f"MAE {error_factor * error.mae:.3g}\nRMSE {error_factor * error.rmse:.3g} {error_unit}"
            axes[0, column].text(0.04, 0.96, note, transform=axes[0, column].transAxes, va="top", color=_INK)
            _error_panel(axes[1, column], error_factor * (pairs[1] - pairs[0]), error_unit)
        if title:
            figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=12)
        _save(figure, path)
    return True


def _energy_panel(pairs: np.ndarray, error: Error) -> tuple[str, float, str, float, str, np.ndarray, Error]:
    """Total energies of one compound differ in late digits only: they are shown from their mean."""
    mean = float(pairs[0].mean())
    if np.ptp(pairs[0]) < 0.01 * abs(mean):
        return (f"energy from {mean:.3f} eV/atom", 1e3, "meV/atom", 1e3, "meV/atom", pairs - mean, error)
    return ("energy", 1.0, "eV/atom", 1e3, "meV/atom", pairs, error)


def _parity_panel(axis: Axes, pairs: np.ndarray, name: str, unit: str) -> None:
    label, prediction = pairs
    low, high = float(pairs.min()), float(pairs.max())
    margin = 0.04 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    axis.plot(limits, limits, color="#9ca3af", lw=1.0, zorder=3)
    if label.size > 3000:
        axis.hist2d(label, prediction, bins=160, range=[limits, limits], norm=LogNorm(), cmap="viridis", zorder=2, rasterized=True)
    else:
        axis.scatter(label, prediction, s=14, color=_VALIDATION, alpha=0.55, lw=0, zorder=2)
    axis.set(xlim=limits, ylim=limits, aspect="equal", title=name, xlabel=f"reference ({unit})", ylabel=f"prediction ({unit})")
    axis.locator_params(nbins=5)


def _error_panel(axis: Axes, difference: np.ndarray, unit: str) -> None:
    # The middle of the distribution; the few largest errors would squeeze it to a line.
    reach = float(np.quantile(np.abs(difference), 0.995)) or 1.0
    bins = 2 * min(30, 4 + int(np.sqrt(difference.size))) + 1
    axis.hist(np.clip(difference, -reach, reach), bins=bins, range=(-reach, reach), color=_TRAIN)
    axis.locator_params(axis="x", nbins=5)
    axis.axvline(0.0, color=_INK, lw=0.8)
    axis.set(xlabel=f"error ({unit})", xlim=(-reach, reach))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.grid(False)


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as temporary:
            figure.savefig(temporary, dpi=150)
    finally:
        plt.close(figure)
