"""Every rule of the configuration: a wrong key or value names itself, the rule, and what would be right."""
# ruff: noqa: E501 - tables of cases read best with one case a line

from pathlib import Path
from typing import Any

import pytest
import yaml

from qallegro.errors import ConfigError
from qallegro.training import presets
from qallegro.training.config import parse_duration
from qallegro.training.load_config import check_config, load_config
from qallegro.training.reference import config_keys, markdown_table
from reference_frames import tiny_run, write_config


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return write_config(tmp_path / "run.yaml", tiny_run(Path("set.xyz")))


# override -> parts of the message
REFUSED: dict[str, tuple[str, ...]] = {
    "training.optimizer.lerning_rate=1e-3": ("`training.optimizer.lerning_rate`: unknown key", "nearest valid key is `training.optimizer.learning_rate`"),
    "learning_rate=1e-3": ("`learning_rate`: unknown key", "nearest valid key is `training.optimizer.learning_rate`"),
    "training.bach_size=3": ("`training.bach_size`", "nearest valid key is `training.batch_size`"),
    "data.keys.energi=E": ("`data.keys.energi`", "nearest valid key is `data.keys.energy`", "known here: energy, forces, stress, virial"),
    "data.train=[{path: a.xyz, indx: 3}]": ("`data.train.0.indx`", "`data.train.0.index`"),
    "model.lmax=2": ("`model.lmax`", "nearest valid key is `model.l_max`"),
    "model.radial_embedding={kind: bessel, num_besels: 3}": ("`model.radial_embedding.num_besels`", "`model.radial_embedding.num_bessels`"),
    "model.readout_mlp.widht=3": ("`model.readout_mlp.widht`", "`model.readout_mlp.width`"),
    "model.l_max=-1": ("`model.l_max`: must be greater than or equal to 0, got -1",),
    "model.r_max=null": ("`model.r_max`: must be a valid number, got None",),
    "model.atom_types=[Q]": ("`model.atom_types`", "chemical symbols, got 'Q'"),
    "model={l_max: 1}": ("`model.r_max`: must be given",),
    "model=3": ("`model`: must be a table, got 3",),
    "data.train=null": ("`data.train",),
    "data.train=[]": ("`data.train`: ", "at least 1"),
    "data.units.energy=kcal": ("`data.units.energy`: must be 'eV', 'meV', 'kcal/mol'", "got 'kcal'"),
    "data.reference_energies=lsq": ("`data.reference_energies`: must be 'least_squares', 'isolated_atoms' or 'none', got 'lsq'",),
    "data.reference_energies={H: low}": ("`data.reference_energies.H`: must be a valid number, got 'low'",),
    "data.keys={stress: S, virial: V}": ("must not both be given",),
    "data.split.validation=1.5": ("`data.split.validation`: must be a count of frames (1 or more) or a fraction between 0 and 1, got 1.5",),
    "data.split.validation=0": ("a count of frames (1 or more)", "got 0"),
    "data.split={}": ("validation frames must be given",),
    "data.validation=b.xyz": ("from `data.validation` or from `data.split.validation`, not from both",),
    "data.min_distance=-1": ("`data.min_distance`: must be greater than or equal to 0",),
    "data.allow_missing=[energy]": ("`data.allow_missing.0`: must be 'forces' or 'stress', got 'energy'",),
    "training.batch_size=0": ("`training.batch_size`: must be greater than or equal to 1, got 0",),
    "training.batch_size=5.5": ("`training.batch_size`: must be a valid integer",),
    "training.max_time=soon": ("`training.max_time`", "\"18m\"", "got 'soon'"),
    "training.schedule={over: time}": ("`max_time` must be given where `schedule.over` is time",),
    "training.schedule.kind=linear": ("`training.schedule.kind`: must be 'cosine', 'plateau' or 'constant', got 'linear'",),
    "training.loss.forces=many": ("`training.loss.forces`: must be a valid number or 'auto', got 'many'",),
    "training.loss.forces=-1.0": ("`training.loss.forces`: must be 0 or larger, or auto, got -1.0",),
    "training.loss={energy: 0, forces: 0, stress: 0}": ("at least one of the weights",),
    "training.optimizer.betas=[0.9, 1.0]": ("each of `betas` must be in [0, 1)",),
    "training.ema.decay=1": ("`training.ema.decay`: must be in [0, 1), or auto, got 1",),
    "training.ema.decay=off": ("`training.ema.decay`",),
    "training.loss={energy: 1, final: {energy: 0, forces: 0, stress: 0}}": ("must be larger than 0 at the end of the run, got 0 for all",),
    "training.loss={course: geometric, final: {energy: 0}}": ("must not be 0 at one of its ends; use `course: linear`",),
    "training.loss.between=[0.5, 0.2]": ("0 <= first < second <= 1, got [0.5, 0.2]",),
    "training.loss.final.force=3": ("nearest valid key is `training.loss.final.forces`",),
    "training.optimizer.kind=adam": ("`training.optimizer.kind`: must be 'adamw', 'muon' or 'schedule_free', got 'adam'",),
    "training.optimizer={kind: muon, amsgrad: true}": ("`amsgrad` must be false unless `kind` is adamw, got true with muon",),
    "training.optimizer={kind: schedule_free, betas: [0.0, 0.9]}": ("the first of `betas` must be larger than 0",),
    "training={optimizer: {kind: schedule_free}, ema: {decay: 0.99}}": ("`ema.decay` must be 0 or auto where `optimizer.kind` is schedule_free",),
    "training.schedule.cycles=0": ("`training.schedule.cycles`: must be greater than or equal to 1",),
    "training.schedule.cycle_growth=0": ("`training.schedule.cycle_growth`: must be greater than 0",),
    "training.early_stopping={}": ("`training.early_stopping.patience`: must be given",),
    "trainer.devices=two": ("`trainer.devices`: must be a valid integer", "or 'auto', got 'two'"),
    "trainer.accelerator=tpu": ("`trainer.accelerator`: must be",),
    "seed=-1": ("`seed`: must be greater than or equal to 0",),
    "seed.x=3": ("an override must name a key of a table, `seed` is a value",),
    "data.train.5=b.xyz": ("an override must name a key of a table, `data.train` is",),
    "seed": ("an override must look like `training.batch_size=8`, got 'seed'",),
    "seed=[1": ("the value of an override must be YAML, got '[1'",),
}  # fmt: skip


@pytest.mark.parametrize("override", REFUSED)
def test_refused(override: str, config_file: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(config_file, [override])
    for part in REFUSED[override]:
        assert part in str(error.value)


BAD_FILES = {
    "missing": (None, "configuration must be a readable file"),
    "no YAML": ("a: [1", "configuration must be YAML"),
    "a list": ("- 1", "must be a table of sections such as `data` and `model`, got list"),
    "empty": ("", "must be a table of sections"),
    "a key twice": ("data: {}\nseed: 1\nseed: 2\n", "a key must be given once, got `seed` twice, again in line 3"),
    "binary": ("\x00\x01", "configuration must be YAML"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(name: str, tmp_path: Path) -> None:
    text, message = BAD_FILES[name]
    if text is not None:
        (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "run.yaml")


def test_all_errors_are_listed_at_once(config_file: Path) -> None:
    with pytest.raises(ConfigError, match="has 3 errors") as error:
        load_config(config_file, ["seed=x", "model.lmax=2", "training.batch_size=0"])
    assert all(key in str(error.value) for key in ("`seed`", "`model.lmax`", "`training.batch_size`"))


ACCEPTED: dict[str, Any] = {
    "training.optimizer.learning_rate=1e-3": lambda c: c.training.optimizer.learning_rate == 1e-3,
    "training.optimizer.weight_decay=1E-4": lambda c: c.training.optimizer.weight_decay == 1e-4,
    "training.loss.forces=10": lambda c: c.training.loss.forces == 10.0,
    "training.loss.final.energy=10": lambda c: (
        c.training.loss.ends("energy") == (1.0, 10.0) and c.training.loss.ends("forces") == ("auto", "auto")
    ),
    "training.optimizer.kind=muon": lambda c: c.training.ema_decay == 0.999,
    "training.optimizer.kind=schedule_free": lambda c: c.training.ema_decay == 0.0,
    "training.ema.decay=0.9": lambda c: c.training.ema_decay == 0.9,
    "training.early_stopping.patience=7": lambda c: c.training.early_stopping.patience == 7,
    "training.max_time=1h 30m": lambda c: c.training.max_seconds == 5400.0,
    "data.train=[a.xyz, {path: b.xyz, index: ':5'}]": lambda c: [s.index for s in c.data.train] == [None, ":5"],
    "data.split.validation=0.25": lambda c: c.data.split.validation == 0.25,
    "data.reference_energies={H: -13.6, C: -1030}": lambda c: c.data.reference_energies["C"] == -1030.0,
    "data.reference_energies={path: atoms.xyz}": lambda c: c.data.reference_energies.path == "atoms.xyz",
    "model.avg_num_neighbors={Cu: 12.5, Au: 13}": lambda c: c.model["avg_num_neighbors"]["Au"] == 13,
    "trainer.devices=[0, 1]": lambda c: c.trainer.devices == [0, 1],
    "trainer.devices=auto": lambda c: c.trainer.devices == "auto",
}


@pytest.mark.parametrize("override", ACCEPTED)
def test_accepted(override: str, config_file: Path) -> None:
    assert ACCEPTED[override](load_config(config_file, [override]))


def test_paths_start_from_the_file_or_the_given_root(config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config(config_file).data.root == str(config_file.parent.resolve())
    config = yaml.safe_load(config_file.read_text())
    config["data"]["root"] = "../sets"
    write_config(config_file, config)
    assert load_config(config_file).data.root == str((config_file.parent / "../sets").resolve())
    monkeypatch.chdir(tmp_path)
    assert load_config(config_file, ["data.root=here"]).data.root == str(tmp_path / "here")


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("18m", 1080), ("1h30m", 5400), ("2d 1h", 176400), ("0.5s", 0.5), ("3 min", 180)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "10", "5x", "m", "-3m", "1m2h"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a duration must look like"):
        parse_duration(text)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_configurations_that_come_with_the_project(path: Path) -> None:
    config = load_config(path)
    assert config.data.train and config.model["r_max"] > 0


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "configs" / "quick").glob("*.yaml")), ids=lambda p: p.stem)
def test_quick_configurations_stand_above_the_preset(path: Path) -> None:
    config = load_config(path, preset="quick")
    assert config.data.train and config.data.test and config.training.max_seconds <= 1800 and config.training.optimizer.kind == "muon"


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_whole_configurations_but_for_the_files(name: str) -> None:
    preset = presets.load_preset(name)
    config = check_config(presets.content_for_files(name, ["set.xyz@:100", "more.xyz"]), name)
    assert preset.about and config.training.max_time
    assert [(s.path, s.index) for s in config.data.train] == [("set.xyz", ":100"), ("more.xyz", None)]
    assert config.data.split.validation == presets.VALIDATION


def test_preset_holds_below_the_file_and_the_file_below_the_command_line(config_file: Path) -> None:
    plain = load_config(config_file)
    config = load_config(config_file, ["training.optimizer.learning_rate=0.5"], preset="quick")
    preset = presets.load_preset("quick").training
    assert config.training.optimizer.learning_rate == 0.5
    assert config.training.batch_size == plain.training.batch_size != preset["batch_size"]
    assert config.training.schedule.warmup_steps == plain.training.schedule.warmup_steps
    assert config.training.schedule.over == preset["schedule"]["over"] != plain.training.schedule.over
    assert config.training.gradient_clip == preset["gradient_clip"]
    assert config.data == plain.data


def test_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="`--preset` must be one of accurate, quick, got 'fast'"):
        presets.load_preset("fast")


def test_documentation_lists_every_key_as_it_is() -> None:
    table = markdown_table(config_keys())
    assert table in (Path(__file__).parents[2] / "docs" / "training.md").read_text(), "docs/training.md must end in this table:\n" + table


def test_configuration_of_the_tutorial_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    blocks = [yaml.safe_load(block.split("```")[0]) for block in text.split("```yaml\n")[1:]]
    assert len(blocks) == 3
    first = load_config(write_config(tmp_path / "a.yaml", blocks[0]))
    assert first.training.max_seconds == 1080.0
    second = load_config(write_config(tmp_path / "b.yaml", blocks[0] | {"data": blocks[0]["data"] | blocks[1]["data"]}))
    assert second.data.train[2].keys.energy == "REF_energy"
    third = load_config(write_config(tmp_path / "c.yaml", blocks[0] | {"training": blocks[2]["training"]}))
    assert third.training.loss.ends("energy") == (1.0, 100.0)
