"""Which sampler finds how much hypervolume in how many evaluations: one resumable command (see README.md)."""

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from one_run import AIMED, SAMPLERS, evaluations_of, file_of, run
from problems import PROBLEMS, Problem
from sampler_report import as_data, draw, outcome, table
from surrogate import surrogate_problem

HERE = Path(__file__).parent


def _problem(name: str, surrogate: Path) -> Problem:
    return surrogate_problem(surrogate) if name == "surrogate" else PROBLEMS[name]


def _work(runs: Path, name: str, surrogate: Path, sampler: str, seed: int, evaluations: int) -> None:
    run(runs, name, _problem(name, surrogate), sampler, seed, evaluations)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("samplers"), help="stem of the .md, .json and .png")
    parser.add_argument("--runs", type=Path, default=Path("runs/samplers"), help="where each run is kept, and goes on from")
    parser.add_argument("--problems", nargs="+", default=[*PROBLEMS, "surrogate"], choices=[*PROBLEMS, "surrogate"])
    parser.add_argument("--samplers", nargs="+", default=[s for s in SAMPLERS if s not in AIMED], choices=list(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=10, help="seeds 1 to N")
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1, help="runs at a time")
    parser.add_argument("--surrogate", type=Path, default=HERE / "results" / "surrogate.json", help="written by make_surrogate.py")
    parser.add_argument("--report-only", action="store_true", help="report the runs that are finished")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    notes = []
    names = list(args.problems)
    if "surrogate" in names and not args.surrogate.is_file():
        names.remove("surrogate")
        notes.append(f"The surrogate of trainings is left out: there is no file `{args.surrogate}` (make_surrogate.py makes it).")
    problems = {name: _problem(name, args.surrogate) for name in names}
    seeds = range(1, args.seeds + 1)
    # seeds first: what is there when the command is ended covers all samplers
    todo = [
        (name, sampler, seed)
        for seed in seeds
        for name in names
        for sampler in args.samplers
        if evaluations_of(file_of(args.runs, name, sampler, seed)) < args.evaluations
    ]
    if todo and not args.report_only:
        with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
            waiting = {
                pool.submit(_work, args.runs, name, args.surrogate, sampler, seed, args.evaluations): (name, sampler, seed)
                for name, sampler, seed in todo
            }
            for i, done in enumerate(as_completed(waiting), 1):
                done.result()
                print(f"{i}/{len(todo)}", *waiting[done], flush=True)
    found = {
        name: {s: o for s in args.samplers if (o := outcome(args.runs, name, problems[name], s, seeds, args.evaluations))} for name in names
    }
    found = {name: reached for name, reached in found.items() if reached}
    if not found:
        raise SystemExit("no run is finished yet")
    fewest = min(len(o.seeds) for reached in found.values() for o in reached.values())
    marks = [n for n in (30, 60, 120) if n < args.evaluations] + [args.evaluations]
    over = f"seeds 1 to {args.seeds} ({fewest} of them at least in every cell)"
    notes.append(f"Mean hypervolume and standard deviation over {over}.")
    text = table(found, problems, args.samplers, marks) + "\n" + "\n".join(notes) + "\n"
    args.output.with_suffix(".md").write_text(text)
    args.output.with_suffix(".json").write_text(json.dumps(as_data(found, problems), indent=1))
    draw(args.output.with_suffix(".png"), found, problems)
    print(text)


if __name__ == "__main__":
    main()
