"""Draws docs/images/overview.png from a finished demo: `python docs/make_overview.py demo_output/ethanol`."""

import csv
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch

from qallegro.demo.dynamics import TIMESTEP

TEAL, ORANGE, GREY = "#00796b", "#e65100", "#455a64"
STAGES = (
    ("reference data", "DFT or xTB\nextended XYZ, db, npz"),
    ("qallegro train", "Allegro, E(3)-equivariant\nmodel.pth"),
    ("qallegro export", "one verified file\nmodel.qallegro.pth"),
    ("LAMMPS and ASE", "pair_style qallegro, MPI\nQAllegroCalculator"),
)


def main(folder: Path) -> None:
    """Four stages above, and what the demo measured for each below."""
    figures = json.loads((folder / "demo.json").read_text())
    figure = plt.figure(figsize=(12, 5.2))
    _draw_stages(figure.add_axes((0.0, 0.66, 1.0, 0.32)))
    boxes = [(0.075, 0.12, 0.235, 0.46), (0.395, 0.12, 0.235, 0.46), (0.755, 0.12, 0.225, 0.46)]
    training, conservation, speed = (figure.add_axes(box) for box in boxes)
    _draw_training(training, folder / "run" / "metrics.csv", figures)
    _draw_conservation(conservation, folder)
    _draw_speed(speed, figures)
    figure.savefig(Path(__file__).parent / "images" / "overview.png", dpi=130)


def _draw_stages(axes: plt.Axes) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 4), ylim=(0, 1))
    for k, (title, text) in enumerate(STAGES):
        style = {"boxstyle": "round,pad=0.02", "facecolor": "#e0f2f1", "edgecolor": TEAL, "linewidth": 1.4}
        axes.add_patch(FancyBboxPatch((k + 0.1, 0.1), 0.74, 0.75, **style))
        axes.text(k + 0.47, 0.63, title, ha="center", va="center", fontsize=13, weight="bold", color=TEAL)
        axes.text(k + 0.47, 0.31, text, ha="center", va="center", fontsize=10.5, color="#263238")
        if k:
            axes.annotate("", (k + 0.07, 0.48), (k - 0.13, 0.48), arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 1.6})


def _draw_training(axes: plt.Axes, path: Path, figures: dict) -> None:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    axes.semilogy(epochs, [1e3 * float(row["validation_forces_mae"]) for row in rows], color=TEAL, lw=2)
    title = f"ethanol: {1e3 * figures['forces_mae']:.0f} meV/Å on held-out frames"
    axes.set(xlabel="epoch", ylabel="validation force MAE (meV/Å)", title=title)


def _draw_conservation(axes: plt.Axes, folder: Path) -> None:
    atoms = int((folder / "lammps_1" / "start.data").read_text().split(" atoms")[0].split()[-1])
    for ranks, style in ((1, "-"), (2, "--")):
        log = (folder / f"lammps_{ranks}" / "log.lammps").read_text().split("Step", 1)[1].split("Loop time")[0]
        rows = np.array([[float(x) for x in line.split()] for line in log.splitlines()[1:] if line.strip()])
        label = f"{ranks} rank{'s' if ranks > 1 else ''}"
        for column, name, color in ((2, "potential", (TEAL, ORANGE)[ranks - 1]), (4, "total", GREY)):
            change = 1e3 * (rows[:, column] - rows[0, column]) / atoms
            axes.plot(rows[:, 0] * TIMESTEP, change, style, color=color, label=f"{name}, {label}")
    low, high = axes.get_ylim()
    axes.set(xlabel="time (fs)", ylabel="energy change (meV/atom)", title="constant-energy MD in LAMMPS")
    axes.set_ylim(low - 0.45 * (high - low), high)
    axes.legend(frameon=False, fontsize=7.5, loc="lower center", ncols=2)


def _draw_speed(axes: plt.Axes, figures: dict) -> None:
    times = figures["microseconds_per_atom_step"]
    labels, values = list(times)[::-1], list(times.values())[::-1]
    bars = axes.barh(labels, values, color=[GREY] + [TEAL] * (len(values) - 1))
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.margins(x=0.18)
    axes.set(xlabel="µs per atom and step", title="cost of a step")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo_output/ethanol"))
