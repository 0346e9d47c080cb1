"""Where engine `native` spends its time: operations and bytes counted, time measured stage by stage, share of what the core can do.

    .venv/bin/python benchmarks/engines/roofline.py -o roofline

Operations are those of the algorithm (a multiply-add is two), for edges with padding, not of the instructions that a compiler chose.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import numpy as np
import torch
from ase.neighborlist import neighbor_list
from qallegro.export.record import read_record
from qallegro_ase import _runtime

from copper_crystal import R_MAX, displaced
from engine_models import ModelFiles
from quantum_layer_benchmark import machine

matplotlib.use("Agg")
import matplotlib.pyplot as plt

#: multiplications and additions of one SiLU with its slope: range reduction, polynomial, division and products
SILU = 24
#: coefficients that a spline reads, forward for value and slope
TAPS = 6
#: edges go in whole vectors of this many lanes
LANES = {("avx512", "float32"): 16, ("avx512", "float64"): 8, ("avx2", "float32"): 8, ("avx2", "float64"): 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=("S", "M"), default=["S", "M"])
    parser.add_argument("--atoms", type=int, default=500, help="4 k^3")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("-o", "--output", default="roofline", help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    atoms = displaced(options.atoms)
    center, neighbor, vectors = neighbor_list("ijD", atoms, R_MAX)
    first = np.searchsorted(center, np.arange(len(atoms) + 1)).astype(np.int64)
    edges = {
        "centers": np.arange(len(atoms), dtype=np.int32),
        "first_edge": first,
        "neighbors": neighbor.astype(np.int32),
        "edge_vectors": vectors,
        "atom_types": np.zeros(len(atoms), np.int32),
        "n_atoms": len(atoms),
    }
    result: dict[str, Any] = {"machine": machine(), "atoms": len(atoms), "edges_per_atom": len(center) / len(atoms), "turns": options.turns}
    with tempfile.TemporaryDirectory() as folder:
        files = ModelFiles(Path(folder), None)
        for size in options.sizes:
            path = files.exported(size, "float32", "allegro")
            result[size] = _measure(str(path), edges, first, options.turns)
    Path(f"{options.output}.json").write_text(json.dumps(result, indent=2) + "\n")
    Path(f"{options.output}.md").write_text(_report(result, options.sizes))
    _plot(result, options.sizes, f"{options.output}.png")
    print(Path(f"{options.output}.md").read_text())


def _measure(path: str, edges: dict[str, Any], first: np.ndarray, turns: int) -> dict[str, Any]:
    """Median microseconds an atom of each stage, and what was counted for it."""
    potential = _runtime.Potential(path, engine="native", threads=1, stage_sampling=1)
    n_atoms = edges["n_atoms"]
    rows = []
    for _ in range(turns + 5):
        potential.reset_timings()
        potential.evaluate(**edges)
        t = potential.timings
        rows.append({"edges in": t["pack"], **potential.stage_times, "forces out": t["scatter"]})
    stages = {name: float(np.median([row[name] for row in rows[5:]])) * 1e6 / n_atoms for name in rows[0]}
    stages = {name: time for name, time in stages.items() if time}  # the model has no surrogate, for one
    isa = potential.description.split(", ")[1]
    width = LANES[isa, "float32"]
    padded = float(np.mean(-(-np.diff(first) // width) * width))
    flops, moved = count(read_record(path)["model"])
    return {
        "description": potential.description,
        "padded_edges_per_atom": padded,
        "stages": stages,
        "gflop": {name: flops.get(name, 0) * padded * 1e-9 for name in stages},
        "kilobytes": {name: moved.get(name, 0) * padded * 1e-3 for name in stages},
    }


def count(model: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Operations and bytes of features read and written, of each stage for one edge. Perceptrons of depth 1 with SiLU, plain Allegro.

    Products of environments are done once an atom and left out.
    """
    l_max, layers, u = model["l_max"], model["num_layers"], model["num_tensor_features"]
    components, weights = (l_max + 1) ** 2, u * (l_max + 1)
    hidden, readout = model["latent_mlp"]["width"], model["readout_mlp"]["width"]
    tabulated = 2 * weights + layers * hidden + readout
    products = activations = 0
    for k in range(layers):
        later = (layers - k - 1) * hidden + readout + (weights if k + 1 < layers else 0)
        products += 2 * (u * hidden + hidden * later)
        activations += SILU * hidden
    environments, scalars = 2 * u * components, 2 * (u * components + weights)
    flops = {
        "radial": tabulated * 2 * 2 * TAPS,
        "tensors": layers * (environments + scalars),
        "latents": products + activations,
        "head": SILU * readout + 2 * readout,
        "head adjoint": 3 * readout,
        # Each of the two products with harmonics has two factors that want a gradient, and one of them a reduction for the center.
        "latents adjoint": products + layers * hidden,
        "tensors adjoint": layers * (3 * environments + 2 * scalars),
        "radial adjoint": 2 * tabulated,
    }
    rows = 2 * weights + layers * hidden + readout + (layers - 1) * weights
    moved = {
        "radial": 4.0 * (TAPS * tabulated + 2 * tabulated),
        "tensors": 4.0 * layers * 2 * (weights + components),
        "latents": 4.0 * layers * (u + 4 * hidden + rows / 2),
        "head": 4.0 * 3 * readout,
        "head adjoint": 4.0 * 3 * readout,
        "latents adjoint": 4.0 * layers * (u + 4 * hidden + rows / 2),
        "tensors adjoint": 4.0 * layers * (6 * weights + 4 * components),
        "radial adjoint": 4.0 * 2 * tabulated,
    }
    return flops, moved


def _report(result: dict[str, Any], sizes: list[str]) -> str:
    lines = [
        "# Engine native, stage by stage",
        "",
        f"{result['machine']['processor']}; {result['atoms']} Cu atoms, {result['edges_per_atom']:.1f} edges an atom, one thread, float32, "
        f"medians of {result['turns']} evaluations.",
    ]
    for size in sizes:
        r = result[size]
        lines += ["", f"## Size {size}", "", f"{r['description']}; {r['padded_edges_per_atom']:.1f} edges an atom with padding.", ""]
        lines += ["| stage | µs an atom | share | MFLOP an atom | GFLOP/s | kB an atom | GB/s |", "|---|---|---|---|---|---|---|"]
        total = sum(r["stages"].values())
        for name, time in r["stages"].items():
            gflop, kilobytes = r["gflop"][name], r["kilobytes"][name]
            rates = f"{1e3 * gflop:.3f} | {gflop / time * 1e6:.0f} | {kilobytes:.0f} | {kilobytes / time:.0f}"
            counted = rates if gflop else " | | | "
            lines.append(f"| {name} | {time:.2f} | {100 * time / total:.0f} % | {counted} |")
        gflop = sum(r["gflop"].values())
        lines.append(f"| **all** | **{total:.2f}** | | {1e3 * gflop:.2f} | {gflop / total * 1e6:.0f} | | |")
    return "\n".join(lines) + "\n"


def _plot(result: dict[str, Any], sizes: list[str], path: str) -> None:
    figure, axes = plt.subplots(1, len(sizes), figsize=(5.5 * len(sizes), 4), squeeze=False)
    for axis, size in zip(axes[0], sizes, strict=True):
        stages = result[size]["stages"]
        names = list(stages)[::-1]
        axis.barh(names, [stages[name] for name in names], color="#1f77b4")
        for y, name in enumerate(names):
            rate = result[size]["gflop"][name] / stages[name] * 1e6
            axis.text(stages[name], y, f" {stages[name]:.2f}" + (f"  ({rate:.0f} GFLOP/s)" if rate else ""), va="center", fontsize=8)
        axis.set_xlim(0, 1.45 * max(stages.values()))
        axis.set_xlabel("time per atom (µs)")
        axis.set_title(f"size {size}: {sum(stages.values()):.1f} µs per atom")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=140)


if __name__ == "__main__":
    main()
