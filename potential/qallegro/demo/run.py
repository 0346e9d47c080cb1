"""The main job from end to end: reference data -> train -> evaluate -> export -> MD in LAMMPS and ASE -> report."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from qallegro.data.units import EV_PER_A3_IN_GPA
from qallegro.demo import dynamics, report
from qallegro.demo.inputs import INPUTS, DemoInput
from qallegro.errors import ConfigError, QAllegroError
from qallegro.training.metrics import Errors
from qallegro.whole_file import write_text

#: of MD
STEPS = 1000

#: eV/Å, largest difference between LAMMPS and ASE on one structure: float32 network, blocks cut differently
SAME_FORCES = 5e-5
#: meV per atom and ps: energy must not drift
LARGEST_DRIFT = 0.5


def run_demo(
    folder: Path, name: str = "ethanol", train_time: str = "150s", seed: int = 1, console: Console | None = None
) -> dict[str, Any]:
    """Run everything, in `folder`.

    Args:
        folder: where all files go; must be empty, absent, or hold an earlier demo, which is replaced.
        name: of the input, one of `INPUTS`.
        train_time: duration of the training.
        seed: of sampling, training and MD.
        console: where to report.

    Returns:
        the figures that the closing table shows, also in `demo.json`.

    Raises:
        ConfigError: there is no such input, the folder holds something else, or a package is missing.
        QAllegroError: a check at the end failed.
    """
    from qallegro.export.exporter import export_model
    from qallegro.training.evaluate import evaluate_file
    from qallegro.training.load_config import check_config
    from qallegro.training.plots import plot_parity
    from qallegro.training.predictors import open_predictor
    from qallegro.training.run import train

    if name not in INPUTS:
        raise ConfigError(f"demo must be one of {', '.join(INPUTS)}, got {name!r}")
    console = console or Console()
    start = time.perf_counter()
    _clear(folder)

    console.rule("1  reference data")
    chosen = INPUTS[name](folder, seed, console)
    console.print(chosen.about)

    console.rule("2  training")
    result = train(check_config(_configuration(chosen, train_time, seed), "demo"), folder / "run", console=console)

    console.rule("3  export and evaluation of the exported file")
    exported = export_model(result.folder.model, folder / f"{name}.qallegro.pth")
    evaluation = evaluate_file(open_predictor(exported.path), [chosen.test])
    plot_parity(evaluation, folder / "parity.png", f"{chosen.title}, held-out frames, exported file")
    console.print(f"wrote {exported.path}", highlight=False)

    console.rule("4  molecular dynamics")
    atoms = chosen.start
    species = exported.record["atom_types"]
    runs = []
    for ranks in (1, 2):
        with console.status(f"LAMMPS on {ranks} rank(s), {STEPS} steps of {len(atoms)} atoms ..."):
            runs.append(dynamics.run_lammps(atoms, exported.path, species, STEPS, ranks, folder / f"lammps_{ranks}"))
    with console.status(f"ASE, {STEPS} steps ..."):
        runs.append(dynamics.run_ase(atoms, exported.path, STEPS))
    report.plot_conservation(folder / "conservation.png", runs, len(atoms))
    report.plot_speed(folder / "speed.png", runs, len(atoms), chosen.reference_speed)

    figures = _figures(evaluation.errors, runs, chosen, time.perf_counter() - start)
    write_text(folder / "demo.json", json.dumps(figures, indent=2) + "\n")
    _check(figures)
    console.print(report.summary(f"qallegro demo: {chosen.title}", _rows(figures, len(atoms))))
    console.print("plots and files:", highlight=False)
    for path in (folder / "parity.png", folder / "conservation.png", folder / "speed.png", result.folder.plots, exported.path):
        console.print(f"  {path}", highlight=False)
    return figures


def _configuration(chosen: DemoInput, train_time: str, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "data": chosen.data,
        "model": chosen.model,
        "training": chosen.training | {"max_time": train_time, "schedule": {"over": "time"}},
        "trainer": {"accelerator": "cpu"},
    }


def _clear(folder: Path) -> None:
    """An earlier demo may be replaced, anything else may not."""
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / ".demo").exists()):
            raise ConfigError(f"demo folder must be empty or hold an earlier demo, `{folder}` does not; name another with -o")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / ".demo").touch()


def _figures(errors: Errors, runs: list[dynamics.Trajectory], chosen: DemoInput, seconds: float) -> dict[str, Any]:
    first, atoms = runs[0], len(chosen.start)
    times = {run.label: 1e6 * run.seconds / run.steps / atoms for run in runs}
    if chosen.reference_speed is not None:
        times[chosen.reference_speed.label] = chosen.reference_speed.microseconds
    stress = {"stress_mae": errors.stress.mae, "stress_rmse": errors.stress.rmse} if errors.stress.count else {}
    return stress | {
        "forces_mae": errors.forces.mae,
        "forces_rmse": errors.forces.rmse,
        "energy_mae": errors.energy.mae,
        "largest_force_difference": max(float(np.abs(run.first_forces - first.first_forces).max()) for run in runs[1:]),
        "largest_energy_difference": max(abs(float(run.potential_energy[0] - first.potential_energy[0])) for run in runs[1:]) / atoms,
        "drift": {run.label: report.drift(run, atoms) for run in runs},
        "microseconds_per_atom_step": times,
        "seconds": seconds,
    }


def _check(figures: dict[str, Any]) -> None:
    if not figures["largest_force_difference"] <= SAME_FORCES:
        difference = figures["largest_force_difference"]
        raise QAllegroError(f"forces in LAMMPS and ASE must agree to {SAME_FORCES} eV/Å, they differ by {difference:.1e} eV/Å")
    for label, drift in figures["drift"].items():
        if not abs(drift) <= LARGEST_DRIFT:
            raise QAllegroError(f"energy must not drift by more than {LARGEST_DRIFT} meV/atom/ps, it does by {drift:.2f} in {label}")


def _rows(figures: dict[str, Any], atoms: int) -> list[tuple[str, str]]:
    rows = [
        ("forces, held-out frames", f"MAE {1e3 * figures['forces_mae']:.1f} meV/Å, RMSE {1e3 * figures['forces_rmse']:.1f} meV/Å"),
        ("energy, held-out frames", f"MAE {1e3 * figures['energy_mae']:.2f} meV/atom"),
    ]
    if "stress_mae" in figures:
        rows.append(("stress, held-out frames", f"MAE {EV_PER_A3_IN_GPA * figures['stress_mae']:.2f} GPa"))
    rows.append(
        (
            "LAMMPS (1, 2 ranks) and ASE agree",
            f"forces {figures['largest_force_difference']:.1e} eV/Å, energy {figures['largest_energy_difference']:.1e} eV/atom",
        )
    )
    rows += [(f"energy drift, {label}", f"{drift:+.4f} meV/atom/ps") for label, drift in figures["drift"].items()]
    rows += [(f"time, {label}", f"{value:.0f} µs per atom and step") for label, value in figures["microseconds_per_atom_step"].items()]
    rows.append(("whole demo", f"{figures['seconds'] / 60:.1f} minutes, {atoms} atoms in MD"))
    return rows
