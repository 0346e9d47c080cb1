"""Plots and the closing table of the demo."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from rich.table import Table

from qallegro.demo.dynamics import Trajectory
from qallegro.demo.inputs import ReferenceSpeed

COLORS = ("#00796b", "#e65100", "#5e35b1", "#455a64")


def plot_conservation(path: Path, runs: list[Trajectory], atoms: int) -> None:
    """Potential and total energy of each run against time, per atom."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.0, 5.2), sharex=True, constrained_layout=True)
    for run, color, style in zip(runs, COLORS, ("-", "--", ":", "-."), strict=False):
        top.plot(run.time, 1e3 * (run.potential_energy - run.potential_energy[0]) / atoms, style, color=color, label=run.label)
        bottom.plot(run.time, 1e3 * (run.total_energy - run.total_energy[0]) / atoms, style, color=color, label=run.label)
    top.set_ylabel("potential energy change\n(meV/atom)")
    bottom.set_ylabel("total energy change\n(meV/atom)")
    bottom.set_xlabel("time (fs)")
    top.legend(frameon=False, ncols=len(runs))
    top.set_title("constant-energy MD from one file, one start")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_speed(path: Path, runs: list[Trajectory], atoms: int, reference: ReferenceSpeed | None) -> None:
    """Time per atom and step of each run (microseconds), beside the reference method's where it is known."""
    labels = [run.label for run in runs]
    values = [1e6 * run.seconds / run.steps / atoms for run in runs]
    colors = list(COLORS[: len(runs)])
    if reference is not None:
        labels.append(f"{reference.label}\n(reference)")
        values.append(reference.microseconds)
        colors.append(COLORS[3])
    figure, axes = plt.subplots(figsize=(7.0, 1.2 + 0.4 * len(labels)), constrained_layout=True)
    bars = axes.barh(labels[::-1], values[::-1], color=colors[::-1])
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xlabel("time per atom and step (µs)")
    axes.margins(x=0.12)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def drift(run: Trajectory, atoms: int) -> float:
    """Slope of the total energy, meV per atom and ps."""
    return float(1e3 * np.polyfit(run.time / 1000.0, run.total_energy / atoms, 1)[0])


def summary(title: str, rows: list[tuple[str, str]]) -> Table:
    """Two columns: quantity, value."""
    table = Table(show_header=False, title=title, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    return table
