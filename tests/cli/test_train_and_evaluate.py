"""`qallegro train` and `qallegro evaluate` from the outside: files, numbers, messages, exit codes."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
import yaml

from qallegro.model.checkpoint import load_model
from reference_frames import emt_frames, tiny_run, write_config, write_frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    write_frames(folder / "train.xyz", emt_frames(24))
    write_frames(folder / "test.xyz", emt_frames(6, seed=1))
    config = tiny_run(Path("train.xyz"), data__test="test.xyz", training__max_epochs=5, trainer__plots=True, trainer__progress="lines")
    write_config(folder / "run.yaml", config)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[Path, str]:
    done = subprocess.run(
        [sys.executable, "-m", "qallegro.cli.main", "train", folder / "run.yaml", "-o", folder / "run"],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_run_folder_holds_what_is_needed_to_understand_and_repeat_it(trained: tuple[Path, str], folder: Path, qallegro) -> None:
    run, out = trained
    expected = {
        "config.yaml",
        "versions.json",
        "splits.json",
        "statistics.json",
        "metrics.csv",
        "last.ckpt",
        "model.pth",
        "test_metrics.json",
        "plots",
    }
    assert {p.name for p in run.iterdir()} == expected
    assert {p.name for p in (run / "plots").iterdir()} == {"training.png", "parity_validation.png", "parity_test.png"}
    versions = json.loads((run / "versions.json").read_text())
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["atom_types"] == ["Cu", "Au"] and config["training"]["optimizer"]["learning_rate"] == 1e-2
    with open(run / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["epoch"]) for r in rows] == list(range(5)) and all(float(r["validation_forces_mae"]) > 0 for r in rows)
    # The resolved configuration is one: the same run again, from it alone.
    assert qallegro("train", run / "config.yaml", "-o", folder / "again", "trainer.progress=none", "trainer.plots=false").code == 0
    first, second = (load_model(f / "model.pth")[0].state_dict() for f in (run, folder / "again"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert "val F" in out and "best weights, of epoch" in out


def test_model_carries_its_provenance(trained: tuple[Path, str]) -> None:
    potential, provenance = load_model(trained[0] / "model.pth")
    assert torch.load(trained[0] / "model.pth", weights_only=True)["format"] == "qallegro-model"
    statistics = provenance["statistics"]
    assert potential.config.avg_num_neighbors == statistics["avg_num_neighbors"]
    assert potential.config.per_type_energy_shifts == statistics["reference_energies"]
    assert potential.config.per_type_energy_scales == statistics["forces_rms"]
    assert provenance["frames"] == {"train": 20, "validation": 4, "test": 6} and provenance["trained_with"]["torch"]
    assert {name: tuple(tensor.shape)[:1] for name, tensor in provenance.pop("novelty").items()} == {
        name: (len(potential.config.atom_types),) for name in ("mean", "whitening", "reach")
    }
    json.dumps(provenance, allow_nan=False)


def test_best_weights_are_those_of_the_best_validation(trained: tuple[Path, str]) -> None:
    run = trained[0]
    with open(run / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    best = min(rows, key=lambda r: float(r["validation_loss"]))
    metrics = json.loads((run / "test_metrics.json").read_text())
    assert metrics["epoch"] == int(best["epoch"])
    # The table in metrics.csv has eight digits.
    assert metrics["validation"]["forces"]["mae_meV_per_angstrom"] == pytest.approx(1e3 * float(best["validation_forces_mae"]), rel=1e-6)
    assert metrics["validation"]["energy"]["rmse_meV_per_atom"] == pytest.approx(1e3 * float(best["validation_energy_rmse"]), rel=1e-6)


def test_evaluate_equals_the_test_of_the_run(trained: tuple[Path, str], folder: Path, qallegro) -> None:
    done = qallegro(
        "evaluate", trained[0] / "model.pth", folder / "test.xyz", "--json", folder / "errors.json", "--plots", folder / "plots"
    )
    assert done.code == 0 and "meV/Å" in done.out and "on Au" in done.out
    errors = json.loads((folder / "errors.json").read_text())
    metrics = json.loads((trained[0] / "test_metrics.json").read_text())["test"]
    for quantity in ("energy", "forces", "stress"):
        species = errors[quantity].pop("per_species", {}), metrics[quantity].pop("per_species", {})
        assert errors[quantity] == pytest.approx(metrics[quantity], rel=1e-9)
        assert species[0].keys() == species[1].keys() and all(species[0][s] == pytest.approx(species[1][s], rel=1e-9) for s in species[0])
    assert (folder / "plots" / "parity.png").stat().st_size > 10_000


def test_evaluate_with_other_keys_units_and_a_slice(trained: tuple[Path, str], folder: Path, tmp_path: Path, qallegro) -> None:
    frames = ase.io.read(folder / "test.xyz", ":3")
    for atoms in frames:
        atoms.info["E"], atoms.arrays["F"] = 1e3 * atoms.get_potential_energy(), 1e3 * atoms.get_forces()
        atoms.calc = None
    write_frames(tmp_path / "meV.xyz", frames)
    model = trained[0] / "model.pth"
    words = ["--energy-key", "E", "--forces-key", "F", "--energy-unit", "meV", "--json", tmp_path / "a.json"]
    assert qallegro("evaluate", model, tmp_path / "meV.xyz", *words).code == 0
    assert qallegro("evaluate", model, f"{folder / 'test.xyz'}@:3", "--json", tmp_path / "b.json").code == 0
    a, b = (json.loads((tmp_path / f"{x}.json").read_text()) for x in "ab")
    # Files have eight decimals of a meV/Å.
    assert a["forces"]["mae_meV_per_angstrom"] == pytest.approx(b["forces"]["mae_meV_per_angstrom"], rel=1e-6)
    assert "stress" in b and "stress" not in a


def test_exported_file_gives_the_errors_of_its_checkpoint(trained: tuple[Path, str], folder: Path, qallegro) -> None:
    pytest.importorskip("qallegro_ase._runtime", reason="needs the compiled runtime")
    model, exported = trained[0] / "model.pth", folder / "exported.qallegro.pth"
    assert qallegro("export", model, "-o", exported).code == 0
    for name, file in (("a", model), ("b", exported)):
        assert qallegro("evaluate", file, folder / "test.xyz", "--json", folder / f"{name}.json").code == 0
    a, b = (json.loads((folder / f"{x}.json").read_text()) for x in "ab")
    # Single precision networks on the same edges, summed in another order.
    for quantity, name in (("energy", "mae_meV_per_atom"), ("forces", "rmse_meV_per_angstrom"), ("stress", "mae_meV_per_angstrom3")):
        assert a[quantity][name] == pytest.approx(b[quantity][name], rel=1e-4)


def test_training_lowers_the_error(folder: Path, qallegro, tmp_path: Path) -> None:
    words = ["training.max_epochs=40", "training.optimizer.learning_rate=0.02", "trainer.progress=none", "trainer.plots=false"]
    assert qallegro("train", folder / "run.yaml", "-o", tmp_path / "long", *words).code == 0
    forces = np.concatenate([a.get_forces() for a in ase.io.read(folder / "test.xyz", ":")])
    metrics = json.loads((tmp_path / "long" / "test_metrics.json").read_text())
    # A potential that learned nothing predicts zero forces.
    assert metrics["test"]["forces"]["mae_meV_per_angstrom"] < 0.5 * 1e3 * np.abs(forces).mean()


def test_energies_alone(tmp_path: Path, qallegro) -> None:
    write_frames(tmp_path / "train.xyz", emt_frames(12, forces=False, stress=False))
    write_config(tmp_path / "run.yaml", tiny_run(Path("train.xyz")))
    done = qallegro("train", tmp_path / "run.yaml", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "run" / "test_metrics.json").read_text())["validation"]
    assert "energy" in metrics and "forces" not in metrics
    potential, provenance = load_model(tmp_path / "run" / "model.pth")
    assert potential.config.per_type_energy_scales == provenance["statistics"]["energy_rms"]


@pytest.mark.parametrize(
    "words",
    [
        ["training.schedule.kind=plateau", "training.schedule.patience=1"],
        ["training.schedule={over: time, warmup_steps: 1}", "training.max_time=1h"],
        ["training.ema.decay=0", "training.schedule.kind=constant"],
        ["training.loss.function=huber", "training.optimizer.amsgrad=true", "training.gradient_clip=1.0"],
        ["training.optimizer.kind=muon", "training.schedule.cycles=2", "training.ema.decay=0"],
        ["training.optimizer.kind=schedule_free", "training.schedule.kind=constant", "training.loss.final.energy=10"],
        ["training.validate_every=3", "training.monitor=forces_mae"],
        ["model.per_type_energy_scales_trainable=true", "model.per_type_energy_shifts_trainable=true", "training.optimizer.weight_decay=0.1"],
        ["data.energy_scale=forces_rms_per_type", "data.avg_num_neighbors=per_type", "model.dtype=float64"],
        ["model.per_edge_type_cutoff={Cu: {Au: 3.0}}", "model.pair_potential=zbl", "data.reference_energies=none"],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_options(words: list[str], folder: Path, tmp_path: Path, qallegro) -> None:
    if "training.optimizer.kind=schedule_free" in words:
        pytest.importorskip("schedulefree")
    done = qallegro(
        "train",
        folder / "run.yaml",
        "-o",
        tmp_path / "run",
        "training.max_epochs=2",
        "trainer.progress=none",
        "trainer.plots=false",
        *words,
    )
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "run" / "test_metrics.json").read_text())
    assert np.isfinite(metrics["test"]["forces"]["mae_meV_per_angstrom"])


#: sizes that make a preset's network train in a second
SMALL = [
    "model={r_max: 4.0, l_max: 1, num_layers: 1, num_scalar_features: 8, num_tensor_features: 4}",
    "training.max_epochs=2",
    "trainer.progress=none",
    "trainer.plots=false",
]


def test_preset_trains_from_files_alone(folder: Path, tmp_path: Path, qallegro) -> None:
    words = ["train", "--preset", "quick", f"{folder / 'train.xyz'}@:20", folder / "test.xyz", "-o", tmp_path / "run", *SMALL]
    done = qallegro(*words)
    assert done.code == 0, done.err
    splits = json.loads((tmp_path / "run" / "splits.json").read_text())
    assert [sum(len(entry["frames"]) for entry in splits[s]) for s in ("train", "validation")] == [25, 1]
    # The same command goes on with the run, and so does the configuration that it left.
    assert qallegro(*words, "training.max_epochs=3", "--resume").code == 0
    again = qallegro("train", tmp_path / "run" / "config.yaml", "-o", tmp_path / "run", "training.max_epochs=4", "--resume")
    assert again.code == 0, again.err


def test_print_config_is_a_configuration(folder: Path, tmp_path: Path, qallegro) -> None:
    done = qallegro("train", "--preset", "quick", "--print-config", "training.batch_size=3")
    assert done.code == 0 and yaml.safe_load(done.out)["training"]["batch_size"] == 3, done.err
    (tmp_path / "kept.yaml").write_text(done.out.replace("DATA.xyz", str(folder / "train.xyz")))
    assert qallegro("train", tmp_path / "kept.yaml", "-o", tmp_path / "run", *SMALL).code == 0
    below = yaml.safe_load(qallegro("train", "--preset", "accurate", folder / "run.yaml", "--print-config").out)
    own = yaml.safe_load((folder / "run.yaml").read_text())
    assert below["model"]["l_max"] == own["model"]["l_max"] and below["training"]["max_time"] == "6h"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--preset", "fast", "set.xyz"], 1, "`--preset` must be one of accurate, quick, got 'fast'"),
        (["--preset", "quick"], 2, "--preset with files of structures"),
        ([], 2, "a configuration must be given"),
        (["--preset", "quick", "set.xyz", "training.bach_size=3"], 1, "nearest valid key is `training.batch_size`"),
        (["--preset", "quick", "none.xyz"], 1, "data file must exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failures_of_presets(words: list[str], code: int, message: str, tmp_path: Path, qallegro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = qallegro("train", *words)
    assert done.code == code and message in " ".join(done.err.split()) and "Traceback" not in done.err, done.err


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (["training.max_steps=7", "training.max_epochs=50"], lambda n: n == 7),
        (["training.max_time=1s", "training.max_epochs=100000"], lambda n: 0 < n < 100000),
        (["training.early_stopping.patience=1", "training.max_epochs=500", "training.optimizer.learning_rate=1.0"], lambda n: n < 500),
    ],
    ids=["steps", "time", "patience"],
)  # fmt: skip
def test_limits(words: list[str], steps, folder: Path, tmp_path: Path, qallegro) -> None:
    done = qallegro("train", folder / "run.yaml", "-o", tmp_path / "run", "trainer.progress=none", "trainer.plots=false", *words)
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "run" / "test_metrics.json").read_text())
    assert steps(metrics["steps"]) and (tmp_path / "run" / "model.pth").is_file()


def test_tensorboard(folder: Path, tmp_path: Path, qallegro) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    words = ["trainer.tensorboard=true", "training.max_epochs=2", "trainer.progress=none", "trainer.plots=false"]
    assert qallegro("train", folder / "run.yaml", "-o", tmp_path / "run", *words).code == 0
    events = reader.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert {"train/loss", "validation/forces_mae", "learning_rate"} <= set(events.Tags()["scalars"])
    assert [e.step for e in events.Scalars("train/loss")] == [5, 10]


# words after `train CONFIG` -> exit code, part of the message
FAILURES = {
    "unknown key": (["training.bach_size=3"], 1, "nearest valid key is `training.batch_size`"),
    "no key=value": (["resume"], 2, "KEY=VALUE"),
    "unknown option": (["--fast"], 2, "No such option"),
    "missing data": (["data.train=none.xyz"], 1, "data file must exist"),
    "too many frames": (["data.split.validation=24"], 1, "no more than the 24 frames"),
    "loss becomes NaN": (["training.optimizer.learning_rate=1e30"], 1, "`loss` must be finite, got nan at step"),
    "too many devices": (["trainer.accelerator=cuda", "trainer.devices=99"], 1, "`trainer` must suit this machine"),
    "model does not fit the data": (["model.avg_num_neighbors={Cu: 12.0}"], 1, "`avg_num_neighbors` must have one entry for each of"),
    "scale without labels": (["data.energy_scale=forces_rms", "data.train=energies.xyz", "data.test=null"], 1, "`data.energy_scale` must suit the labels"),
    "long change": (["training.bach_size=[" + "1, " * 100 + "1]"], 1, "nearest valid key is `training.batch_size`"),
    "cache that cannot be": (["data.cache=/proc/none"], 1, "`data.cache` must be a folder that can be written to"),
    "monitor without labels": (["training.monitor=forces_mae", "data.train=energies.xyz", "data.test=null"], 1, "`training.monitor` must be a quantity"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failures_of_train(name: str, folder: Path, tmp_path: Path, qallegro) -> None:
    words, code, message = FAILURES[name]
    write_frames(folder / "energies.xyz", emt_frames(12, forces=False, stress=False))
    done = qallegro("train", folder / "run.yaml", "-o", tmp_path / "run", "trainer.progress=none", "trainer.plots=false", *words)
    assert done.code == code, done.err
    assert message in done.err and "Traceback" not in done.err
    # The folder is free for the corrected run.
    if code == 1 and name != "monitor without labels":
        assert (
            qallegro(
                "train",
                folder / "run.yaml",
                "-o",
                tmp_path / "run",
                "training.max_epochs=1",
                "trainer.progress=none",
                "trainer.plots=false",
            ).code
            == 0
        )


def test_run_folder_that_cannot_be_made(folder: Path, qallegro) -> None:
    done = qallegro("train", folder / "run.yaml", "-o", "/proc/none/run", "trainer.progress=none")
    assert done.code == 1 and "run folder must be one that can be made" in done.err and "Traceback" not in done.err


def test_failures_of_evaluate(trained: tuple[Path, str], folder: Path, tmp_path: Path, qallegro) -> None:
    model, data = trained[0] / "model.pth", folder / "test.xyz"
    atoms = emt_frames(1)[0]
    atoms.symbols[0] = "Fe"
    iron = write_frames(tmp_path / "iron.xyz", [atoms])
    bare = emt_frames(1)[0]
    bare.calc = None
    unlabelled = write_frames(tmp_path / "bare.xyz", [bare])
    together = emt_frames(1)[0]
    together.positions[1] = together.positions[0]
    coincident = write_frames(tmp_path / "coincident.xyz", [together])
    cases = [
        ([tmp_path / "none.pth", data], 1, "model file must exist"),
        ([data, data], 1, "model file must be"),
        ([model, tmp_path / "none.xyz"], 1, "data file must exist"),
        ([model, iron], 1, "species must be among ['Cu', 'Au'] (the species of the model), got Fe"),
        ([model, unlabelled], 1, "must have labels"),
        ([model, data, "--energy-unit", "kcal"], 1, "`energy`: must be 'eV'"),
        ([model, data, "--energy-key", "E0"], 1, "`data.keys.energy` must name a label in the file, got 'E0'"),
        ([model, data, "--json", tmp_path / "no" / "x.json"], 1, "`--json` must lead into a folder that can be written to"),
        ([model, data, "--plots", "/proc/none"], 1, "`--plots` must lead into a folder that can be written to"),
        ([model, data, "--device", "gpu"], 1, "`device` must be cpu, cuda or cuda:N, got 'gpu'"),
        ([model, coincident], 1, "atoms must be at least 0.001 Å apart"),
        ([model], 2, "Missing argument"),
    ]
    if not torch.cuda.is_available():
        cases.append(([model, data, "--device", "cuda"], 1, "`device` must be present on this machine"))
    for words, code, message in cases:
        done = qallegro("evaluate", *words)
        assert done.code == code and message in done.err and "Traceback" not in done.err, (words, done.err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_and_resumed(number: signal.Signals, folder: Path, tmp_path: Path, qallegro) -> None:
    words = ["train", folder / "run.yaml", "-o", tmp_path / "run", "trainer.plots=false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "qallegro.cli.main", *words, "training.max_epochs=100000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for line in process.stdout:
        if line.split()[:1] == ["3"]:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "training was stopped by a signal" in err and "--resume" in err and "Traceback" not in err
    assert (tmp_path / "run" / "model.pth").is_file()
    done = qallegro(*words, "training.max_epochs=5", "trainer.progress=none", "--resume")
    assert done.code == 0 and (tmp_path / "run" / "test_metrics.json").is_file(), done.err


def test_help_starts_neither_torch_nor_lightning() -> None:
    code = (
        "import sys; from qallegro.cli.main import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'lightning', 'ase', 'matplotlib', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in ("train", "evaluate", "export", "info", "import"))


def test_version_and_no_arguments(qallegro) -> None:
    from qallegro import __version__

    assert qallegro("--version").out.strip() == f"qallegro {__version__}"
    module = subprocess.run([sys.executable, "-m", "qallegro", "--version"], capture_output=True, text=True, check=True)
    assert module.stdout.strip() == f"qallegro {__version__}"
    assert qallegro().code == 2


@pytest.mark.parametrize("launcher", ["lightning", "torchrun"])
def test_two_processes_give_the_weights_of_one(launcher: str, tmp_path: Path, qallegro) -> None:
    write_frames(tmp_path / "train.xyz", emt_frames(18))
    config = tiny_run(Path("train.xyz"), data__split={"validation": 3}, model__dtype="float64", training__max_epochs=2)
    write_config(tmp_path / "run.yaml", config)
    assert qallegro("train", tmp_path / "run.yaml", "-o", tmp_path / "one").code == 0
    program = [sys.executable, "-m"]
    program += (
        ["qallegro.cli.main"] if launcher == "lightning" else ["torch.distributed.run", "--nproc-per-node=2", "-m", "qallegro.cli.main"]
    )
    words = ["train", tmp_path / "run.yaml", "-o", tmp_path / "two", "trainer.devices=2", "trainer.strategy=ddp"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    one, two = (torch.load(tmp_path / f / "last.ckpt", weights_only=True)["state_dict"] for f in ("one", "two"))
    for name, tensor in one.items():
        # Float64; the same sums in another order, ten steps long.
        torch.testing.assert_close(two[name], tensor, rtol=1e-10, atol=1e-10)
