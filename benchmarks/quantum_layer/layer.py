"""Time per edge of the quantum layer in all its forms, against qubits, encodings and re-uploads (README.md)."""

import argparse
import json
import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from cases_of_layer import Family, families
from forms import out_of_memory
from layer_report import draw, markdown
from methods import METHODS, TRAINED, check_agreement, make_methods, versions
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.statevector import QuantumLayer
from speed_benchmark import machine
from timing import ratio, seconds_of, summary, take_turns

DTYPES = {"float32": torch.float32, "float64": torch.float64}
#: what is timed -> whether the angles take part
MEASURES = {"forward": False, "gradient": False, "double backward": True}
#: fewest edges that a time is taken on
FEWEST = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--qubits", type=int, default=10, help="circuits of 1 to this many qubits")
    parser.add_argument("--encodings", type=int, default=6, help="circuits of 1 to this many encodings, and re-uploads")
    parser.add_argument("--edges", type=int, default=5000)
    parser.add_argument("--dtype", default="float32", choices=list(DTYPES))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--turns", type=int, default=15, help="how often the methods take turns")
    parser.add_argument("--headline-turns", type=int, default=60, help="the same for the paper's circuit")
    parser.add_argument("--time-limit", type=float, default=4.0, help="s for all turns of a method, after three of them")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that the process may take; what needs more runs on fewer edges")
    parser.add_argument("-o", "--output", type=Path, default=Path("quantum_layer"), help="writes OUTPUT.json, OUTPUT.md and OUTPUT.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {k: v for k, v in vars(arguments).items() if k != "output"} | {"threads": 1},
        "versions": versions(),
        "families": [],
    }
    limit = int(arguments.memory * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    chosen = families(arguments.qubits, arguments.encodings)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("circuits", total=1 + sum(len(family.circuits) for family in chosen.values()))
        progress.update(bar, description="paper's circuit")
        record["headline"] = headline(arguments)
        progress.advance(bar)
        for name, family in chosen.items():
            results = []
            for number, config in family.circuits.items():
                progress.update(bar, description=f"{family.axis.split()[0]} {number}")
                results.append({"number": number} | measure(config, arguments, arguments.turns, arguments.time_limit))
                progress.advance(bar)
            record["families"].append(described(name, family) | {"circuits": results})
    text = markdown(record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    draw(record, arguments.output.with_suffix(".png"))
    print(text)


def described(name: str, family: Family) -> dict[str, Any]:
    return {"name": name, "title": family.title, "axis": family.axis}


def headline(arguments: argparse.Namespace) -> dict[str, Any]:
    """The paper's circuit, with more turns, and the ratios TorchLayer / training layer."""
    result = measure(CircuitConfig(), arguments, arguments.headline_turns, float("inf"))
    ratios = {}
    for what, entries in result["measures"].items():
        if "seconds" in entries.get("TorchLayer", {}) and "seconds" in entries.get("training layer", {}):
            ratios[what] = ratio(entries["TorchLayer"]["seconds"], entries["training layer"]["seconds"])
    return result | {"ratios": ratios}


def measure(config: CircuitConfig, arguments: argparse.Namespace, turns: int, time_limit: float) -> dict[str, Any]:
    """All methods and measures of one circuit."""
    dtype = DTYPES[arguments.dtype]
    torch.manual_seed(1)
    layer = QuantumLayer(config, dtype)
    features = (torch.rand(arguments.edges, config.num_features, dtype=dtype) * 2.0 - 1.0) * torch.pi
    weights = torch.randn(arguments.edges, config.num_outputs, dtype=dtype)
    made, refused, picked, inexact = make_methods(layer, arguments.methods, arguments.edges)
    result: dict[str, Any] = {
        "circuit": config.model_dump(mode="json"),
        "picked": picked,
        "inexact": inexact,
        "deviations": check_agreement(made, layer, features[:FEWEST], arguments.dtype),
        "measures": {},
    }
    for what, with_angles in MEASURES.items():
        entries: dict[str, Any] = {} if with_angles else {name: {"skipped": why} for name, why in refused.items()}
        calls, edges = {}, {}
        for name, module in made.items():
            if with_angles and name not in TRAINED:
                continue
            module.requires_grad_(with_angles)
            count, why = affordable_edges(module, features, weights, what, time_limit)
            if why:
                entries[name] = {"skipped": why}
            else:
                edges[name] = count
                calls[name] = call(module, features[:count], weights[:count], what)
        for name, seconds in (take_turns(calls, turns, time_limit) if calls else {}).items():
            entries[name] = summary(seconds) | {"edges": edges[name]}
        result["measures"][what] = entries
    return result


def call(module: nn.Module, features: Tensor, weights: Tensor, what: str) -> Callable[[], Any]:
    """One evaluation; `weights` make one number of the outputs."""
    features = features.clone().requires_grad_(what != "forward")
    trained = [p for p in module.parameters() if p.requires_grad]

    def forward() -> Tensor:
        with torch.no_grad():
            return module(features)

    def gradient() -> Tensor:
        return torch.autograd.grad((module(features) * weights).sum(), features)[0]

    def double_backward() -> tuple[Tensor, ...]:
        by_features = torch.autograd.grad((module(features) * weights).sum(), features, create_graph=True)[0]
        # In double backward of a small circuit some angle may drop out of every second derivative.
        return torch.autograd.grad(by_features.square().sum(), [features, *trained], allow_unused=True)

    return {"forward": forward, "gradient": gradient, "double backward": double_backward}[what]


def affordable_edges(module: nn.Module, features: Tensor, weights: Tensor, what: str, time_limit: float) -> tuple[int, str]:
    """Edges that a call can be timed on within memory and a third of the time limit; or 0 and the reason."""

    def seconds_on(count: int) -> float:
        function = call(module, features[:count], weights[:count], what)
        function()
        return seconds_of(function)

    count = len(features)
    try:
        few, more = seconds_on(FEWEST), seconds_on(4 * FEWEST)
        # Fusing and PennyLane's queue take the same time on any number of edges.
        per_edge = max(more - few, 0.0) / (3 * FEWEST)
        fixed = few - FEWEST * per_edge
        allowed = max(time_limit / 3.0 - fixed, fixed)
        if few > time_limit:
            return 0, "time"
        if count * per_edge > allowed:
            count = max(FEWEST, int(allowed / per_edge))
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        count = FEWEST
    while count >= FEWEST:
        try:
            call(module, features[:count], weights[:count], what)()
            return count, ""
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            count //= 2
    return 0, "memory"


if __name__ == "__main__":
    main()
