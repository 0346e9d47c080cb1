"""One training step of Allegro+QDI against Allegro+MLP of equal widths and plain Allegro (README.md)."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from methods import versions
from models import HEADS, make_batch, make_potential
from qallegro.data.batch import Batch
from qallegro.model.potential import Potential
from speed_benchmark import SIZES, machine, step
from timing import ratio, shown_ms, shown_ratio, summary, take_turns

#: a step of +QDI costs at most this many of +MLP
GOAL = 1.3


class Side:
    """A potential under training, as `speed_benchmark.step` wants it."""

    def __init__(self, potential: Potential, batch: Batch) -> None:
        self.potential, self.batch = potential, batch
        weights = [p for p in potential.parameters() if p.requires_grad]
        self.parameters = sum(p.numel() for p in weights)
        self.optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)

    def predict(self) -> tuple[torch.Tensor, torch.Tensor]:
        prediction = self.potential.predict(self.batch, training=True)
        return prediction.energy, prediction.forces

    def labels(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.batch.energy, self.batch.forces, self.batch.n_atoms

    def step(self) -> None:
        step(self, self.optimizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=list(SIZES))
    parser.add_argument("--cases", nargs="+", default=["copper", "molecules"], choices=["copper", "molecules"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--turns", type=int, default=60, help="how often the variants take turns, one step each")
    parser.add_argument("-o", "--output", type=Path, default=Path("training_cost"), help="writes OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(stderr=True)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {"dtype": arguments.dtype, "turns": arguments.turns, "threads": 1},
        "versions": versions(),
        "runs": [],
    }
    for case in arguments.cases:
        for size in arguments.sizes:
            with console.status(f"{case}, size {size}: {arguments.turns} turns ..."):
                record["runs"].append({"case": case, "size": size, **measure(case, size, arguments.dtype, arguments.turns)})
    text = markdown(record)
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(text)
    print(text)


def measure(case: str, size: str, dtype: str, turns: int) -> dict[str, Any]:
    """Steps of all variants on one batch, the variants one after the other."""
    batch = make_batch(case)
    sides = {head: Side(make_potential(case, size, head, dtype), batch) for head in HEADS}
    for side in sides.values():
        for _ in range(5):
            side.step()
    seconds = take_turns({head: side.step for head, side in sides.items()}, turns)
    return {
        "slots": batch.neighbors.numel(),
        "heads": {head: summary(values) | {"parameters": sides[head].parameters} for head, values in seconds.items()},
        "ratios": {other: ratio(seconds["qdi"], seconds[other]) for other in HEADS if other != "qdi"},
    }


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings = record["machine"], record["settings"]
    lines = [
        "# Training step with and without the quantum layer",
        "",
        f"{here['processor']}, 1 thread, load average {here['load_average'][0]:.2f} at the start, {record['date']}. {settings['dtype']}. "
        f"{settings['turns']} turns of one step each; medians, quartiles in brackets; ratios with the quartiles of their values by turn. "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + ".",
        "",
        "| structures | size | edge slots | " + " | ".join(f"{title} (ms)" for title, _ in HEADS.values()) + " "
        f"| +QDI / Allegro | +QDI / {HEADS['mlp'][0]} (goal: at most {GOAL}) | +QDI / {HEADS['mlp_wide'][0]} |",
        "|---" * (6 + len(HEADS)) + "|",
    ]
    for run in record["runs"]:
        cells = [run["case"], run["size"], f"{run['slots']:,}", *(shown_ms(run["heads"][head]) for head in HEADS)]
        cells += [shown_ratio(run["ratios"][head]) for head in ("allegro", "mlp", "mlp_wide")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
