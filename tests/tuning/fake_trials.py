"""Trials without models: errors, latencies and files from formulas, so that hundreds of trials take a second."""

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qallegro.tuning import study, worker
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.load_config import load_tuning
from reference_frames import emt_frames, tiny_run, write_config, write_frames

Answer = dict[str, Any]

SPACE = {
    "model.num_tensor_features": {"type": "int", "low": 2, "high": 16},
    "training.optimizer.learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
}


def tuning_content(folder: Path, **changes: Any) -> dict[str, Any]:
    """A tuning configuration as nested tables; its data is written to `folder`."""
    if not (folder / "train.xyz").is_file():
        write_frames(folder / "train.xyz", emt_frames(12))
    content = {
        "trials": 8,
        "base": tiny_run(folder / "train.xyz"),
        "space": SPACE,
        "budget": {"epochs": 8, "rungs": [0.25, 0.5], "dominated_by": 3},
        "sampler": {"name": "random"},
        "heartbeat": "1s",
    }
    return content | changes


def tuning_config(folder: Path, **changes: Any) -> TuningConfig:
    """The same, checked."""
    return load_tuning(write_config(folder / "tune.yaml", tuning_content(folder, **changes)))


def width_and_rate(content: dict[str, Any]) -> tuple[int, float]:
    """The two variables of `SPACE`."""
    return content["model"]["num_tensor_features"], content["training"]["optimizer"]["learning_rate"]


def error_of(content: dict[str, Any], epoch: int = 8) -> float:
    """meV/Å: wide models and a rate near 0.01 are better, and all get better with time."""
    width, rate = width_and_rate(content)
    return (100.0 / width + 2.0 * abs(rate - 0.01) / rate) * (1.0 + 4.0 / (1 + epoch))


def latency_of(content: dict[str, Any]) -> float:
    """µs: wide models are slower."""
    return 2.0 + 0.5 * width_and_rate(content)[0]


def fake_child(
    seconds: float = 0.0, change: Callable[[dict[str, Any], Answer], Answer] = lambda content, answer: answer
) -> Callable[..., Answer]:
    """What takes the place of `run_child`.

    Args:
        seconds: that a trial takes.
        change: makes another outcome of a trial's content and its answer.
    """

    def run_child(request: dict[str, Any], on_stage: Any, watch: Any, memory: int | None = None, limit: float | None = None) -> Answer:
        if request["do"] == "reference":
            return {"outcome": "measured", "latency": 5.0}
        content, folder = request["content"], Path(request["folder"])
        latency = {"median": latency_of(content), "low": latency_of(content) - 0.1, "high": latency_of(content) + 0.1, "memory_MB": 50.0}
        measured = {"parameters": 100 * width_and_rate(content)[0], "latency": latency}
        limits = request["constraints"]
        if limits["latency"] is not None and latency["median"] > limits["latency"]:
            return {"outcome": "infeasible", "reason": "too slow", **measured}
        on_stage({"stage": "training", **measured})
        folder.mkdir(parents=True)
        rows = []
        for epoch in range(8):
            rows.append({"epoch": epoch, "step": epoch, "seconds": epoch, "train_loss": 1.0})
            rows[-1]["validation_forces_mae"] = 1e-3 * error_of(content, epoch + 1)
            with open(folder / "metrics.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            verdict = watch()
            if verdict is not None:
                return {"outcome": verdict}
            time.sleep(seconds / 8)
        for name in ("model.pth", "model.qallegro.pth"):
            (folder / name).write_text("a model")
        answer = {"outcome": "finished", "model": str(folder / "model.pth"), "exported": str(folder / "model.qallegro.pth"), **measured}
        answer |= {"metrics": {"forces": {"mae_meV_per_angstrom": error_of(content)}}, "seconds": 1.0}
        return change(content, answer)

    return run_child


def replace_child(child: Callable[..., Answer]) -> None:
    """Use it in this process."""
    study.run_child = worker.run_child = child


if __name__ == "__main__":
    # A worker as a process that can be killed: `python fake_trials.py STUDY NAME FOLDER SECONDS`.
    replace_child(fake_child(float(sys.argv[4])))
    worker.work(study.join(sys.argv[1], sys.argv[2], Path(sys.argv[3]), None))
