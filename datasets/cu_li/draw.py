"""A picture of the set: energies over composition and volume, and the sizes of forces, by family.

.venv/bin/python datasets/cu_li/draw.py [-o cu_li_set.png]
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from ase import Atoms
from matplotlib.axes import Axes

from qallegro import datasets

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

FAMILIES = ("bulk", "ordered", "random", "vacancy", "slab", "interface", "melt", "active")


def energy(atoms: Atoms) -> float:
    """eV an atom."""
    return atoms.get_potential_energy() / len(atoms)


def lithium(atoms: Atoms) -> float:
    """Share of the atoms."""
    return float(np.mean(np.array(atoms.get_chemical_symbols()) == "Li"))


def composition(axis: Axes, frames: list[Atoms], pure: tuple[float, float]) -> None:
    """Energy of formation from the pure elements over the share of lithium; what lies far above is not shown."""
    for number, family in enumerate(FAMILIES):
        points = [(lithium(a), energy(a)) for a in frames if a.info["family"] == family]
        if points:
            shares, energies = np.array(points).T
            formation = energies - (1 - shares) * pure[0] - shares * pure[1]
            jitter = np.random.default_rng(number).uniform(-0.012, 0.012, len(shares))
            axis.plot(shares + jitter, formation, "o", markersize=3.5, alpha=0.7, color=f"C{number}", label=family)
    axis.axhline(0.0, color="0.5", linewidth=0.8)
    axis.set(xlabel="share of lithium", ylabel="energy of formation (eV/atom)", ylim=(-0.15, 1.2))
    axis.legend(fontsize=7, ncols=2)


def volumes(axis: Axes, frames: list[Atoms]) -> None:
    """Energy over volume of the perfect crystals, above the lowest of the element."""
    for element, style in (("Cu", "-"), ("Li", "--")):
        perfect = [a for a in frames if a.info["family"] == "bulk" and a.info["about"] == "perfect" and a.symbols[0] == element]
        lowest = min(map(energy, perfect))
        for color, lattice in zip(("C0", "C1", "C2"), ("fcc", "bcc", "hcp"), strict=True):
            points = sorted((a.get_volume() / len(a), energy(a) - lowest) for a in perfect if a.info["group"].split()[1] == f"{lattice},")
            if points:
                axis.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=color, label=f"{element} {lattice}")
    axis.set(xlabel="volume (Å³/atom)", ylabel="energy above the lowest (eV/atom)")
    axis.legend(fontsize=7)


def forces(axis: Axes, frames: list[Atoms]) -> None:
    """Magnitudes of forces, by family."""
    found = {f: np.concatenate([np.linalg.norm(a.get_forces(), axis=1) for a in frames if a.info["family"] == f] or [[]]) for f in FAMILIES}
    found = {family: values[values > 1e-3] for family, values in found.items() if (values > 1e-3).any()}
    parts = axis.violinplot([np.log10(v) for v in found.values()], orientation="horizontal", showmedians=True, widths=0.9)
    for number, body in enumerate(parts["bodies"]):
        body.set_facecolor(f"C{FAMILIES.index(list(found)[number])}")
    axis.set_yticks(range(1, len(found) + 1), list(found), fontsize=8)
    ticks = [-3, -2, -1, 0, 1]
    axis.set_xticks(ticks, [f"{10.0**t:g}" for t in ticks])
    axis.set(xlabel="force on an atom (eV/Å)")


def draw(path: Path) -> None:
    """Write the PNG."""
    frames = [atoms for part in datasets.load("cu_li") for atoms in part]
    pure = tuple(min(energy(a) for a in frames if a.info["family"] == "bulk" and set(a.symbols) == {symbol}) for symbol in ("Cu", "Li"))
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    composition(axes[0], frames, pure)
    volumes(axes[1], frames)
    forces(axes[2], frames)
    for axis in axes:
        axis.grid(alpha=0.25)
    figure.suptitle(f"Cu-Li, {len(frames)} structures, PBE", fontsize=11)
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("cu_li_set.png"))
    draw(parser.parse_args().output)
