"""What a run spends beside energies, forces and gradients: optimiser, averages, data loading, logging, Lightning itself (README.md)."""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from cases import R_MAX, SIZES, make_case
from qallegro.training import run
from qallegro.training.config import RunConfig
from report import machine

#: hyperparameters of benchmarks/training_speed/cases.py under our names
NAMES = {"readout_mlp_hidden_layers_width": "readout_mlp"}


class Stopwatch(run.EpochReport):
    """Takes the times at which a step begins and its gradients are there."""

    moments: list[tuple[float, float]] = []
    begun = 0.0

    def on_train_batch_start(self, *args: Any) -> None:
        Stopwatch.begun = time.perf_counter()

    def on_after_backward(self, *args: Any) -> None:
        Stopwatch.moments.append((Stopwatch.begun, time.perf_counter()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["S", "M"], choices=list(SIZES))
    parser.add_argument("--cases", nargs="+", default=["copper", "molecules"], choices=["copper", "molecules"])
    parser.add_argument("--engine", default="native", choices=["native", "torch"])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("-o", "--output", type=Path, default=Path("whole_run"), help="writes OUTPUT.json")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    run.EpochReport = Stopwatch
    rows = [measure(case, size, arguments) for case in arguments.cases for size in arguments.sizes]
    record = {"machine": machine(), "engine": arguments.engine, "threads": torch.get_num_threads(), "steps": arguments.steps, "runs": rows}
    arguments.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    print("| case | size | gradients (ms) | everything else (ms) | share of the step |\n|---|---|---|---|---|")
    for row in rows:
        gradients, rest = 1e3 * row["gradient_seconds"], 1e3 * row["else_seconds"]
        print(f"| {row['case']} | {row['size']} | {gradients:.2f} | {rest:.2f} | {100 * rest / (rest + gradients):.1f} % |")


def measure(case: str, size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians over the steps of one run, the first ones left out."""
    Stopwatch.moments = []
    made = make_case(case)
    frames = made.frames * (60 // len(made.frames))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.xyz"
        for atoms in frames:
            rng = np.random.default_rng(len(atoms))
            labels = {"energy": float(rng.normal()), "forces": rng.normal(size=(len(atoms), 3))}
            atoms.calc = SinglePointCalculator(atoms, **labels)
        ase.io.write(path, frames, format="extxyz")
        model = {NAMES.get(k, k): {"width": v} if k in NAMES else v for k, v in SIZES[size].items()}
        config = RunConfig.model_validate(
            {
                "data": {"train": [str(path)], "split": {"validation": 0.1}},
                "model": {"r_max": R_MAX, **model},
                "training": {
                    "engine": arguments.engine,
                    "batch_size": 1 if case == "copper" else 5,
                    "max_steps": arguments.steps,
                    "max_epochs": arguments.steps,
                    "validate_every": arguments.steps,
                },
                "trainer": {"progress": "none", "plots": False},
            }
        )
        run.train(config, Path(folder) / "run")
    begun, done = np.array(Stopwatch.moments[20:]).T
    # Between epochs lie validation and checkpoints: medians leave them out.
    return {
        "case": case,
        "size": size,
        "gradient_seconds": float(np.median(done - begun)),
        "else_seconds": float(np.median(begun[1:] - done[:-1])),
    }


if __name__ == "__main__":
    main()
