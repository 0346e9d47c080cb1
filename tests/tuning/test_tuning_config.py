"""Tuning configurations: what is refused and how, what presets hold, and the documentation's table."""
# ruff: noqa: E501 - tables of cases read best with one case a line

from pathlib import Path
from typing import Any

import pytest
import yaml

from qallegro.errors import ConfigError
from qallegro.training.load_config import check_config
from qallegro.training.reference import markdown_table
from qallegro.tuning.load_config import check_tuning, load_tuning
from qallegro.tuning.presets import load_preset, merged, names
from qallegro.tuning.reference import tuning_keys
from qallegro.tuning.space import check_point, middle, points_to_check, training_content
from reference_frames import write_config
from tuning.fake_trials import SPACE, tuning_content

DOCS = Path(__file__).parents[2] / "docs" / "tuning.md"
CONFIGS = Path(__file__).parents[2] / "configs" / "tuning"

WRONG = {
    "bounds the wrong way round": ({"space": {"model.r_max": {"type": "float", "low": 6.0, "high": 4.0}}}, r"`space.model.r_max`.*`low` must be smaller than `high`, got 6.0 and 4.0; turn them round"),
    "logarithm of zero": ({"space": {"model.r_max": {"type": "float", "low": 0.0, "high": 4.0, "log": True}}}, r"`low` must be larger than 0 where `log` is true, got 0.0"),
    "steps that miss the end": ({"space": {"model.num_layers": {"type": "int", "low": 1, "high": 4, "step": 2}}}, r"`high` must be a whole number of steps above `low`, got 1, 4 and step 2"),
    "no number": ({"space": {"model.r_max": {"type": "float", "low": float("nan"), "high": 4.0}}}, r"`low` and `high` must be finite"),
    "unknown type": ({"space": {"model.r_max": {"type": "real", "low": 1.0, "high": 4.0}}}, r"space.model.r_max"),
    "one choice": ({"space": {"model.l_max": {"type": "categorical", "choices": [1]}}}, r"choices.*at least 2"),
    "same choice twice": ({"space": {"model.l_max": {"type": "categorical", "choices": [1, 2, 1]}}}, r"`choices` must differ"),
    "unknown parameter": ({"space": {"model.r_mx": {"type": "float", "low": 3.0, "high": 4.0}}}, r"`model.r_mx`: unknown key; the nearest valid key is `model.r_max`"),
    "value that no model can have": ({"space": {"model.num_layers": {"type": "int", "low": 0, "high": 2}}}, r"`model.num_layers`: must be greater than or equal to 1, got 0"),
    "parameter of another variant": ({"space": {"model.qdi.width": {"type": "int", "low": 8, "high": 16}}}, r"`qdi` must be given only with `variant: allegro_qdi`, got it with allegro"),
    "what the budget says": ({"space": {"training.max_epochs": {"type": "int", "low": 1, "high": 2}}}, r"`space` must not vary what `budget` says for all trials, got `training.max_epochs`"),
    "data": ({"space": {"data.min_distance": {"type": "float", "low": 0.1, "high": 0.2}}}, r"`space` must not vary what `base` says"),
    "condition on nothing": ({"space": {**SPACE, "model.l_max": {"type": "int", "low": 1, "high": 2, "when": {"model.variant": "allegro"}}}}, r"`when` of `model.l_max` must name variables of the space, got 'model.variant'"),
    "conditions in a circle": ({"space": {"model.l_max": {"type": "int", "low": 1, "high": 2, "when": {"model.num_layers": 1}}, "model.num_layers": {"type": "int", "low": 1, "high": 2, "when": {"model.l_max": 1}}}}, r"must not go round in a circle"),
    "one objective": ({"objectives": ["force_mae"]}, r"`objectives` must be two or three different ones"),
    "no error to lower": ({"objectives": ["latency", "model_size"]}, r"`objectives` must hold an error that training can lower"),
    "unknown objective": ({"objectives": ["force_mae", "speed"]}, r"objectives.*'latency'"),
    "no budget": ({"budget": {"rungs": [0.5]}}, r"one of `epochs` and `time` must be given, got neither"),
    "two budgets": ({"budget": {"epochs": 2, "time": "1m"}}, r"one of `epochs` and `time` must be given, got both"),
    "rungs out of order": ({"budget": {"epochs": 2, "rungs": [0.5, 0.25]}}, r"`rungs` must be shares between 0 and 1, each larger than the one before"),
    "option of another sampler": ({"sampler": {"name": "gp", "population": 8}}, r"`population` must be given only with sampler nsga2, got it with gp"),
    "unknown key": ({"budgett": {"epochs": 2}}, r"`budgett`: unknown key; the nearest valid key is `budget`"),
    "latency of nothing": ({"constraints": {"latency": 0.0}}, r"constraints.latency.*greater than 0"),
    "reference point of something else": ({"reference_point": {"force_mae": 1.0}}, r"`reference_point` must have a number for each"),
    "short heartbeat": ({"heartbeat": "0.1s"}, r"`heartbeat` must be 1s or longer"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_wrong_configuration_is_refused_before_anything_runs(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="(?s)" + message):
        check_tuning(tuning_content(tmp_path, **changes), "tune.yaml")


@pytest.mark.parametrize("name", names())
def test_presets_are_valid_from_end_to_end_of_their_space(name: str, tmp_path: Path) -> None:
    extra = {} if name == "tiny" else {"budget": {"epochs": 2}}
    data = {"data": {"train": ["train.xyz"], "split": {"validation": 2}}}
    config = check_tuning(merged(load_preset(name), {"base": data, **extra}), name)
    assert {"paper_mlp": 9, "paper_qdi": 9, "paper_allegro": 6}.get(name, len(config.space)) == len(config.space)
    run = check_config(training_content(config.base, middle(config.space), config.budget), name)
    assert run.model.get("variant", "allegro") == {"paper_mlp": "allegro_mlp", "paper_qdi": "allegro_qdi"}.get(name, "allegro")


def test_what_the_user_says_goes_before_a_preset() -> None:
    lower = {
        "space": {"a": {"type": "int", "low": 1, "high": 2}, "b": {"type": "int", "low": 1, "high": 2}},
        "budget": {"time": "20s", "limit": "3m"},
    }
    upper = {"space": {"a": {"type": "float", "low": 0.5, "high": 2.0}, "b": None}, "budget": {"epochs": 5}}
    assert merged(lower, upper) == {"space": {"a": {"type": "float", "low": 0.5, "high": 2.0}}, "budget": {"limit": "3m", "epochs": 5}}


def test_base_may_be_a_file_with_data_beside_it(tmp_path: Path) -> None:
    content = tuning_content(tmp_path)
    (tmp_path / "sub").mkdir()
    write_config(tmp_path / "sub" / "train.yaml", content["base"] | {"data": {"train": ["set.xyz"], "split": {"validation": 2}}})
    config = load_tuning(write_config(tmp_path / "tune.yaml", content | {"base": "sub/train.yaml"}), ["trials=3"])
    assert Path(config.base["data"]["root"]) == tmp_path / "sub" and config.trials == 3


CONDITIONAL = {
    "model.variant": {"type": "categorical", "choices": ["allegro", "allegro_mlp", "allegro_qdi"]},
    "model.qdi.width": {"type": "int", "low": 8, "high": 16, "when": {"model.variant": "allegro_qdi"}},
    "model.hidden_mlp.widths.1": {"type": "int", "low": 4, "high": 8, "when": {"model.variant": "allegro_mlp"}},
    "model.l_max": {"type": "int", "low": 1, "high": 2, "when": {"model.variant": ["allegro", "allegro_mlp"]}},
}


def test_variables_of_a_variant_are_there_with_it_alone(tmp_path: Path) -> None:
    base = tuning_content(tmp_path)["base"]
    base["model"] |= {"hidden_mlp": {"widths": [8, 8]}, "qdi": {"width": 8}}
    base["data"]["test"] = "never.xyz"
    config = check_tuning(tuning_content(tmp_path, base=base, space=CONDITIONAL), "tune.yaml")
    seen = set()
    for values in points_to_check(config.space):
        variant = values["model.variant"]
        seen.add(variant)
        assert ("model.qdi.width" in values) == (variant == "allegro_qdi") and ("model.l_max" in values) == (variant != "allegro_qdi")
        content = training_content(config.base, values, config.budget)
        sections = {"hidden_mlp", "qdi"} & set(content["model"])
        assert sections == {"allegro": set(), "allegro_mlp": {"hidden_mlp"}, "allegro_qdi": {"qdi"}}[variant]
        assert "test" not in content["data"] and content["training"]["max_epochs"] == 8
        if variant == "allegro_mlp":
            assert content["model"]["hidden_mlp"]["widths"] == [8, values["model.hidden_mlp.widths.1"]]
        assert check_point(config.space, values) is None
    assert seen == {"allegro", "allegro_mlp", "allegro_qdi"} and "qdi" in config.base["model"]


def test_points_outside_the_space_are_told_from_those_inside(tmp_path: Path) -> None:
    base = tuning_content(tmp_path)["base"]
    base["model"] |= {"hidden_mlp": {"widths": [8, 8]}}
    space = check_tuning(tuning_content(tmp_path, base=base, space=CONDITIONAL), "tune.yaml").space
    assert "outside" in check_point(space, {"model.variant": "allegro_qdi", "model.qdi.width": 17})
    assert "has no model.qdi.width" in check_point(space, {"model.variant": "allegro_qdi"})
    assert "is not of the space" in check_point(space, {"model.variant": "allegro", "model.l_max": 1, "model.qdi.width": 8})
    assert "outside" in check_point(space, {"model.variant": "other", "model.l_max": 1})


def test_documentation_lists_every_key_as_it_is() -> None:
    table = markdown_table(tuning_keys())
    assert table in DOCS.read_text(), "docs/tuning.md must hold this table:\n" + table


def test_configurations_of_the_documentation_are_valid(tmp_path: Path) -> None:
    blocks = [yaml.safe_load(block.split("```")[0]) for block in DOCS.read_text().split("```yaml\n")[1:]]
    assert len(blocks) >= 2
    for block in blocks:
        load_tuning(write_config(tmp_path / "tune.yaml", {**blocks[0], **block}))


@pytest.mark.parametrize("preset", ["paper_allegro", "paper_mlp", "paper_qdi"])
@pytest.mark.parametrize("name", ["cu_li", "aspirin"])
def test_configurations_that_come_with_the_source_are_valid_for_every_variant(name: str, preset: str) -> None:
    config = load_tuning(CONFIGS / f"{name}.yaml", [f"preset={preset}"])
    shared = list(load_tuning(CONFIGS / f"{name}.yaml").space)
    # Starting points go by the order of variables, which must be one for all variants to be the same.
    assert list(config.space)[: len(shared)] == shared


def test_the_small_study_is_valid() -> None:
    assert load_tuning(CONFIGS / "cu_tiny.yaml").trials == 30
