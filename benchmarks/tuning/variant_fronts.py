"""Fronts of Allegro, +MLP and +QDI on one data set, from the same starting points: one resumable command (see README.md)."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from qallegro.tuning.config import TuningConfig
from qallegro.tuning.front import front_record, results
from qallegro.tuning.load_config import load_tuning
from qallegro.tuning.plots import plot_trade_off
from qallegro.tuning.run import run_study
from qallegro.tuning.samo_cobra.starting_design import halton_value
from qallegro.tuning.study import open_study
from rich.console import Console

VARIANTS = {"Allegro": "paper_allegro", "+MLP": "paper_mlp", "+QDI": "paper_qdi"}
CONFIGS = Path(__file__).parents[2] / "configs" / "tuning"


def starting_points(config: TuningConfig, seed: int, n: int) -> list[dict]:
    """The first points of a Halton sequence.

    Presets list the variables that all variants share first and in one order: these get the same values in every variant.
    """
    return [
        {name: halton_value(seed, number, k, variable.distribution()) for k, (name, variable) in enumerate(config.space.items())}
        for number in range(n)
    ]


def _without_places(record: dict[str, Any]) -> dict[str, Any]:
    """A front to be kept elsewhere than its models."""
    here = ("model", "exported", "host")
    return {**record, "models": [{key: value for key, value in model.items() if key not in here} for model in record["models"]]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=["cu_li", "aspirin"], help="a configuration of configs/tuning")
    parser.add_argument("--root", required=True, help="folder of the reference data")
    parser.add_argument("--trials", type=int, default=12, help="of each variant and seed")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to N - 1, of sampler and first weights")
    parser.add_argument("--start", type=int, default=5, help="points that all variants share")
    parser.add_argument("--studies", type=Path, default=Path("studies"), help="where studies are kept, and go on from")
    parser.add_argument("-o", "--output", type=Path, default=Path("fronts"), help="stem of the .json and .png")
    parser.add_argument("--report-only", action="store_true", help="report the trials that are there")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    folders = {
        variant: [args.studies / f"{args.set}_{preset.removeprefix('paper_')}_{seed}" for seed in range(args.seeds)]
        for variant, preset in VARIANTS.items()
    }
    # Seeds first: a command that is ended early has all variants.
    for seed in range(args.seeds):
        for variant, preset in VARIANTS.items():
            if args.report_only:
                break
            words = [f"preset={preset}", f"base.data.root={args.root}", f"base.seed={seed}", f"seed={seed}", f"trials={args.trials}"]
            path = CONFIGS / f"{args.set}.yaml"
            first = starting_points(load_tuning(path, words), seed, args.start)
            run_study(load_tuning(path, [*words, f"warm_start={json.dumps(first)}"]), folders[variant][seed], 1, Console())
    records, found = {}, {}
    words = [args.set, "--root", "FOLDER", "--trials", str(args.trials), "--seeds", str(args.seeds), "--start", str(args.start)]
    command = shlex.join(["OMP_NUM_THREADS=1", "python", "benchmarks/tuning/variant_fronts.py", *words])
    for variant, places in folders.items():
        for seed, place in enumerate(places):
            if not (place / "study.json").is_file():
                continue
            opened = open_study(str(place))
            done = results(opened.config, opened.study.get_trials(deepcopy=False))
            if done.trials:
                label = variant if args.seeds == 1 else f"{variant}, seed {seed}"
                found[label], records[label] = done, _without_places(front_record(opened, command))
    if not found:
        raise SystemExit("no trial is finished yet")
    args.output.with_suffix(".json").write_text(json.dumps(records, indent=1) + "\n")
    plot_trade_off(found, args.output.with_suffix(".png"))
    for label, record in records.items():
        best = min(model["objectives"]["force_mae"] for model in record["models"])
        count = f"{len(record['models'])} of {record['trials']['trained_to_the_end']} models on the front"
        print(f"{label}: {count}, least force MAE {best:.4g} meV/Å")


if __name__ == "__main__":
    main()
