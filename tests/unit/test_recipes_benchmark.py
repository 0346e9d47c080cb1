"""What benchmarks/recipes makes of its settings and numbers, and that its runs go on. Not the numbers themselves."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from qallegro.training.load_config import check_config

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS / "recipes"))

import recipe_report  # noqa: E402
import recipe_settings  # noqa: E402
import run_queue  # noqa: E402

#: stands for a training: counts its starts, and is finished at the second
TRAINING = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[2])
folder.mkdir(exist_ok=True)
starts = folder / "starts"
count = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (count + 1))
if count == 0:
    (folder / "metrics.csv").write_text("epoch,seconds\\n0,1.5\\n1,3.5\\n")
    sys.exit("error: cut")
(folder / "test_metrics.json").write_text("{}")
"""


@pytest.mark.parametrize("data_set", recipe_settings.DATA_SETS)
@pytest.mark.parametrize("recipe", recipe_settings.RECIPES)
def test_recipes_are_valid_and_differ_from_the_base_in_one_thing(data_set: str, recipe: str) -> None:
    content = recipe_settings.configuration(data_set, recipe, 1, "/data", 20.0)
    base = recipe_settings.configuration(data_set, recipe_settings.BASE, 1, "/data", 20.0)
    config = check_config(content, recipe)
    assert config.training.max_seconds == 20.0 and config.training.schedule.over == "time"
    assert content | {section: base[section] for section in ("model", "training")} == base
    changed = {f"{s}.{key}" for s in ("model", "training") for key in content[s] if content[s][key] != base[s].get(key)}
    assert changed <= {".".join(key.split(".")[:2]) for key in recipe_settings.RECIPES[recipe].changes}


def result(recipe: str, seed: int, forces: float) -> recipe_report.Result:
    return recipe_report.Result("aspirin", recipe, seed, forces, 1.4 * forces, 0.5, 0.6, 1000, 20.0)


def test_changes_are_taken_seed_by_seed() -> None:
    results = [
        result("base", 1, 20.0),
        result("base", 2, 40.0),
        result("adamw", 1, 22.0),
        result("adamw", 2, 36.0),
        result("adamw", 3, 1.0),
    ]
    assert recipe_report.change(results, "aspirin", "adamw", "forces_mae") == pytest.approx([10.0, -10.0])


def test_report_holds_what_was_run(tmp_path: Path) -> None:
    results = [result("base", 1, 20.0), result("base", 2, 40.0), result("adamw", 1, 22.0)]
    machine = {"processor": "a processor", "cores": 2, "load_average": [0.5, 0.5, 0.5]}
    record = {
        "minutes": 3.0,
        "clock": "processor",
        "threads": 1,
        "workers": 1,
        "machine": machine,
        "date": "today",
        "versions": {"torch": "2"},
    }
    text = recipe_report.markdown(results, record)
    assert "| base | preset quick | 2 | 30.00 ± 14.14 |  | 0.50 ± 0.00 |  | 1,000 |" in text
    assert "| optimizer | AdamW, rate 0.02 | 1 | 22.00 | +10.0 % |" in text and "huber" not in text.lower()
    recipe_report.draw(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_missing_data_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("")
    assert run_queue.missing_files(tmp_path, ["a.xyz"]) is None
    assert "lacks b.xyz, c.xyz" in run_queue.missing_files(tmp_path, ["c.xyz", "a.xyz", "b.xyz"])


def test_runs_go_on_and_finished_ones_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "training.py").write_text(TRAINING)
    monkeypatch.setattr(run_queue, "ONE_RUN", tmp_path / "training.py")
    runs = [run_queue.Run(f"run {k}", {"seed": k}, tmp_path / f"run_{k}", 10.0) for k in (1, 2)]
    console, said = Console(file=io.StringIO()), []

    def execute() -> list[str]:
        return run_queue.execute(runs, 2, 1, console, lambda run: said.append(run.name) or "done")

    assert execute() == ["run 1 (error: cut)", "run 2 (error: cut)"] and said == []
    assert [run.spent for run in runs] == [3.5, 3.5]
    assert execute() == [] and sorted(said) == ["run 1", "run 2"] and [run.spent for run in runs] == [10.0, 10.0]
    assert execute() == [] and (tmp_path / "run_1" / "starts").read_text() == "xx"
    assert json.loads(runs[0].request.read_text()) == {"clock": "wall", "configuration": {"seed": 1}}
    with pytest.raises(SystemExit, match="settings must be those that .* was started with"):
        run_queue.check_requests([runs[0]._replace(configuration={"seed": 3})])
    with pytest.raises(SystemExit, match="settings must be those that .* was started with"):
        run_queue.check_requests([runs[0]._replace(clock="processor")])
