"""The share of energies and forces that the quantum layer takes, with PennyLane in the loop and exported (README.md)."""

import argparse
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from forms import make_forms
from methods import versions
from models import HEADS, make_batch, make_potential
from qallegro.export.torchscript import TorchScriptFunction, write_torchscript
from qallegro.model.potential import EdgeGradients, Potential
from qallegro.quantum.pennylane_reference import with_layer, with_pennylane
from speed_benchmark import SIZES, machine
from timing import shown_ms, summary, take_turns

#: ways to run a model
EAGER, EXPORTED = "eager", "exported"


class Arm:
    """One model, ready to run.

    Args:
        way: `EAGER` or `EXPORTED`.
        name: for the table.
        potential: the model.
        reference: name of the arm without the layer whose share is wanted; empty where there is no such layer.
    """

    def __init__(self, way: str, name: str, potential: Potential, reference: str = "") -> None:
        self.way, self.name, self.potential, self.reference = way, name, potential, reference

    def function(self, folder: Path) -> Callable[..., Any]:
        """Neighbor tables to energies and edge gradients."""
        module = EdgeGradients(self.potential.requires_grad_(False).network)
        if self.way == EAGER:
            return module
        path = folder / f"{self.name}.pth"
        write_torchscript(module, path, {})
        return TorchScriptFunction(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=list(SIZES))
    parser.add_argument("--case", default="copper", choices=["copper", "molecules"], help="structures of benchmarks/training_speed")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=40, help="how often the models take turns, one evaluation each")
    parser.add_argument("-o", "--output", type=Path, default=Path("whole_model"), help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {"case": arguments.case, "dtype": arguments.dtype, "turns": arguments.turns, "threads": 1},
        "versions": versions(),
        "runs": [],
    }
    console = Console(stderr=True)
    for size in arguments.sizes:
        with console.status(f"size {size}: {arguments.turns} turns ..."):
            record["runs"].append({"size": size, **measure(arguments.case, size, arguments.dtype, arguments.turns)})
    text = markdown(record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    draw(record, arguments.output.with_suffix(".png"))
    print(text)


def arms(case: str, size: str, dtype: str) -> tuple[list[Arm], str]:
    """All models, the hybrid ones with the same weights, and the form that export picks."""
    plain, perceptron, hybrid = (make_potential(case, size, head, dtype) for head in ("allegro", "mlp", "qdi"))
    layer = hybrid.network.readout.layer
    # As many features go in as outputs come out: the circuit can be taken out alone.
    without = with_layer(hybrid, nn.Identity())
    mlp, bare = HEADS["mlp"][0], "+QDI without its circuit"
    made = [Arm(way, name, model) for way in (EAGER, EXPORTED) for name, model in (("Allegro", plain), (mlp, perceptron), (bare, without))]
    made += [Arm(EAGER, "+QDI, PennyLane in the loop", with_pennylane(hybrid), bare), Arm(EAGER, "+QDI, training layer", hybrid, bare)]
    forms = make_forms(layer, make_batch(case).neighbors.numel())
    made += [Arm(EXPORTED, f"+QDI, {name}", with_layer(hybrid, module), bare) for name, module in forms.modules.items()]
    return made, forms.picked


def measure(case: str, size: str, dtype: str, turns: int) -> dict[str, Any]:
    """Energies and forces of one batch by all models, one after the other."""
    batch = make_batch(case)
    table = (batch.types, batch.types[batch.neighbors], batch.edge_vectors)
    made, picked = arms(case, size, dtype)
    with tempfile.TemporaryDirectory() as folder:
        functions = {f"{arm.way}: {arm.name}": arm.function(Path(folder)) for arm in made}
    seconds = take_turns({name: lambda f=function: f(*table) for name, function in functions.items()}, turns)
    entries = []
    for arm in made:
        timed = summary(seconds[f"{arm.way}: {arm.name}"])
        entry = {"way": arm.way, "name": arm.name, "picked": arm.name == f"+QDI, {picked}", **timed, "share": None}
        if arm.reference:
            entry["share"] = 1.0 - summary(seconds[f"{arm.way}: {arm.reference}"])["median"] / timed["median"]
        entries.append(entry)
    return {"slots": batch.neighbors.numel(), "atoms": len(batch.types), "models": sorted(entries, key=lambda entry: entry["way"])}


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings, run = record["machine"], record["settings"], record["runs"][0]
    lines = [
        "# What the quantum layer takes of energies and forces",
        "",
        f"{here['processor']}, 1 thread, load average {here['load_average'][0]:.2f} at the start, {record['date']}. {settings['dtype']}. "
        f"{settings['case']}, {run['atoms']} atoms, {run['slots']:,} edge slots. {settings['turns']} turns of one "
        "evaluation each; medians, quartiles in brackets. Share: what the time drops by when the circuit is taken out and its features go "
        "straight on. exported: the TorchScript function of the file, as the engine runs it. "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + ".",
        "",
        "| size | run as | model | energies and forces (ms) | share of the circuit |",
        "|---|---|---|---|---|",
    ]
    for run in record["runs"]:
        for entry in run["models"]:
            share = "-" if entry["share"] is None else f"{100 * entry['share']:.1f} %"
            name = f"**{entry['name']}** (picked)" if entry["picked"] else entry["name"]
            lines.append(f"| {run['size']} | {entry['way']} | {name} | {shown_ms(entry)} | {share} |")
    return "\n".join(lines) + "\n"


def draw(record: dict[str, Any], path: Path) -> None:
    """Bars: the circuit's part of the time in another color."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    runs = record["runs"]
    figure, axes = plt.subplots(1, len(runs), figsize=(6.4 * len(runs), 4.6), squeeze=False, sharey=True, layout="constrained")
    for axis, run in zip(axes[0], runs, strict=True):
        names = [f"{entry['name']} ({entry['way']})" for entry in run["models"]]
        total = [1e3 * entry["median"] for entry in run["models"]]
        circuit = [t * max(entry["share"] or 0.0, 0.0) for t, entry in zip(total, run["models"], strict=True)]
        rest = [t - c for t, c in zip(total, circuit, strict=True)]
        axis.barh(names, rest, color="C0", label="everything else")
        axis.barh(names, circuit, left=rest, color="C1", label="circuit")
        for place, value in enumerate(total):
            axis.text(value, place, f" {value:.1f}", va="center", fontsize=8)
        axis.set_xlabel(f"energies and forces of {run['atoms']} atoms (ms)")
        axis.set_title(f"size {run['size']}")
        axis.margins(x=0.12)
    axes[0, 0].invert_yaxis()  # shared: once for all
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=140)
    plt.close(figure)


if __name__ == "__main__":
    main()
