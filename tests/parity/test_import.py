"""`qallegro import` on real files of nequip-allegro 0.8.3, and on files that must be refused.

tests/parity/files was written by `peer_files.py --without-code`: models trained for two epochs, and the numbers of the peer's calculator.
"""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from import_numbers import check_against_peer
from qallegro.cli.import_ import import_model as import_command
from qallegro.errors import ModelError
from qallegro.export.exporter import export_model
from qallegro.export.nequip_import import import_model, potential_from_file
from qallegro.export.peer_file import read_peer_file
from qallegro.model.checkpoint import load_model
from systems import make_batch, tiny_cell

FILES = Path(__file__).parent / "files"
CHECKPOINT = FILES / "bessel_float32.ckpt"
PACKAGE = FILES / "bessel_float32.nequip.zip"
PEER_FILES = sorted(path for pattern in ("*.ckpt", "*.nequip.zip") for path in FILES.glob(pattern))


def stem(path):
    return path.name.removesuffix(".ckpt").removesuffix(".nequip.zip")


def edited(tmp_path, change, source=CHECKPOINT):
    """A copy of a real checkpoint after `change(content)`."""
    content = torch.load(source, weights_only=True)
    change(content)
    path = tmp_path / "edited.ckpt"
    torch.save(content, path)
    return path


def repacked(tmp_path, replace, source=PACKAGE):
    """A copy of a real package with members replaced (None: left out)."""
    path = tmp_path / "edited.nequip.zip"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            data = replace.get(name.split("/", 1)[1], old.read(name))
            if data is not None:
                new.writestr(name, data)
    return path


def model_of(content):
    return content["hyper_parameters"]["info_dict"]["training_module"]["model"]


def test_there_are_files_of_both_kinds():
    assert {path.name.split(".", 1)[1] for path in PEER_FILES} == {"ckpt", "nequip.zip"}


@pytest.mark.parametrize("path", PEER_FILES, ids=lambda path: path.name)
def test_imported_model_gives_the_peers_numbers(path, tmp_path):
    imported = import_model(path, tmp_path / "model.pth")
    check_against_peer(imported.potential, FILES / f"{stem(path)}.npz")
    loaded, provenance = load_model(tmp_path / "model.pth")
    assert provenance == imported.provenance
    assert loaded.config == imported.potential.config
    check_against_peer(loaded, FILES / f"{stem(path)}.npz")


@pytest.mark.parametrize("path", [p for p in PEER_FILES if p.suffix == ".zip"], ids=lambda path: path.name)
def test_package_and_checkpoint_hold_the_same_model(path):
    ours, _ = potential_from_file(read_peer_file(path))
    theirs, _ = potential_from_file(read_peer_file(FILES / f"{stem(path)}.ckpt"))
    assert ours.config == theirs.config
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


def test_averaged_weights_are_taken_and_differ_from_the_raw_ones(tmp_path):
    def drop_averages(content):
        for name in [name for name in content["state_dict"] if name.startswith("ema.")]:
            del content["state_dict"][name]

    averaged = import_model(CHECKPOINT, tmp_path / "model.pth")
    raw = import_model(edited(tmp_path, drop_averages), tmp_path / "raw.pth")
    assert averaged.provenance["imported_from"]["weights"] == "ema"
    assert raw.provenance["imported_from"]["weights"] == "raw"
    batch = make_batch([tiny_cell()], averaged.potential.config.model_copy(update={"atom_types": ["Cu", "Li"]}))
    difference = averaged.potential.predict(batch).energy - raw.potential.predict(batch).energy
    assert abs(float(difference)) > 1e-3  # two epochs with a decay of 0.6 leave the average well behind


def test_trainable_scales_and_frequencies_come_from_the_averages(tmp_path):
    source = FILES / "three_layers_trainable.ckpt"
    potential = import_model(source, tmp_path / "model.pth").potential
    state = torch.load(source, weights_only=True)["state_dict"]
    prefix = "model.sole_model.model.func."
    scales = state[f"{prefix}per_type_energy_scale_shift.scales"].flatten()
    assert not torch.equal(potential.network.scales, scales)
    assert torch.allclose(potential.network.scales, scales, atol=0.1)
    assert potential.network.scales.requires_grad and potential.network.radial_embed.frequencies.requires_grad


def test_provenance_tells_the_source(tmp_path):
    source = import_model(CHECKPOINT, tmp_path / "model.pth").provenance["imported_from"]
    assert source["file"] == "bessel_float32.ckpt" and source["kind"] == "checkpoint" and source["weights"] == "ema"
    assert source["versions"]["allegro"] == "0.8.3" and source["versions"]["nequip"] == "0.19.1"
    assert source["epoch"] == 1 and source["global_step"] == 6
    json.dumps(source, allow_nan=False)


def test_type_names_become_chemical_symbols(tmp_path):
    config = import_model(FILES / "zbl_typed_cutoffs_raw.ckpt", tmp_path / "model.pth").potential.config
    assert config.atom_types == ["Cu", "Au"]
    assert config.cutoffs() == [[3.6, 3.6], [3.5, 4.0]]
    assert config.per_type_energy_shifts == {"Cu": 0.05, "Au": -0.35}


def test_fine_tuned_model_finds_the_file_that_it_started_from(tmp_path):
    shutil.copy(FILES / "fine_tuned.ckpt", tmp_path)
    with pytest.raises(ModelError, match=r"fine-tuned from .*spline_float64.nequip.zip.*--base"):
        import_model(tmp_path / "fine_tuned.ckpt", tmp_path / "model.pth")
    potential = import_model(tmp_path / "fine_tuned.ckpt", tmp_path / "model.pth", base=FILES / "spline_float64.ckpt").potential
    check_against_peer(potential, FILES / "fine_tuned.npz")
    assert potential.network.shifts[0] == -3.25  # set by the peer's modifier when fine-tuning began
    assert potential.network.scales.requires_grad
    with pytest.raises(ModelError, match="`base` is for models that were fine-tuned"):
        import_model(CHECKPOINT, tmp_path / "model.pth", base=PACKAGE)


def test_imported_model_can_be_exported(tmp_path):
    import_model(FILES / "zbl_typed_cutoffs_raw.ckpt", tmp_path / "model.pth")
    exported = export_model(tmp_path / "model.pth")
    assert exported.record["provenance"]["imported_from"]["program"] == "nequip-allegro"


def test_command_line(tmp_path):
    app = typer.Typer()
    app.command()(import_command)
    result = CliRunner().invoke(app, [str(CHECKPOINT), "-o", str(tmp_path / "model.pth")])
    assert result.exit_code == 0, result.output
    assert "Cu Au" in result.output and "ema" in result.output and "0.8.3" in result.output
    potential, _ = load_model(tmp_path / "model.pth")
    assert potential.config.l_max == 2


def test_species_given_by_hand(tmp_path):
    def without_map(content):
        for transform in content["hyper_parameters"]["info_dict"]["data"]["transforms"]:
            transform.pop("chemical_species_to_atom_type_map", None)

    path = edited(tmp_path, without_map, FILES / "zbl_typed_cutoffs_raw.ckpt")
    with pytest.raises(ModelError, match=r"one chemical species, got \['my_Cu'\].*--species"):
        import_model(path, tmp_path / "model.pth")
    with pytest.raises(ModelError, match="`species` must name one chemical symbol for each"):
        import_model(path, tmp_path / "model.pth", species=["Cu"])
    with pytest.raises(ModelError, match="chemical_species"):  # the repulsion of the file is between other elements
        import_model(path, tmp_path / "model.pth", species=["Au", "Cu"])
    potential = import_model(path, tmp_path / "model.pth", species=["Cu", "Au"]).potential
    check_against_peer(potential, FILES / "zbl_typed_cutoffs_raw.npz")


def set_model(**values):
    return lambda content: model_of(content).update(values)


def set_weight(name, change):
    def edit(content):
        state = content["state_dict"]
        (full,) = [key for key in state if key.endswith(name)]
        state[full] = change(state[full])

    return edit


def drop_weight(name):
    def edit(content):
        state = content["state_dict"]
        for key in [key for key in state if key.endswith(name) or key.startswith("ema.")]:
            del state[key]

    return edit


def set_versions(**values):
    return lambda content: content["hyper_parameters"]["info_dict"].update(versions=values)


def set_training_module(name):
    return lambda content: content["hyper_parameters"]["info_dict"]["training_module"].update(_target_=name)


def second_model(content):
    state = content["state_dict"]
    for key in [key for key in state if key.startswith("model.sole_model.")]:
        state[key.replace("sole_model", "other")] = state[key]
    for key in [key for key in state if key.startswith("ema.")]:
        del state[key]


def nan_weights(content):
    for key in [key for key in content["state_dict"] if key.startswith("ema.")]:
        del content["state_dict"][key]
    set_weight("edge_readout.mlp_module.mlp.2.weight", lambda w: w * torch.nan)(content)


LENNARD_JONES = {"_target_": "nequip.nn.pair_potential.LennardJones", "lj_sigma": 2.0}
BUILDER = {"_target_": "allegro.model.AllegroModel"}
MODIFIED = {"_target_": "nequip.model.modify", "modifiers": [{"modifier": "add_charges"}], "model": BUILDER}

BAD_CHECKPOINTS = {
    "other architecture": (set_model(_target_="nequip.model.NequIPGNNModel"), "must be an Allegro.*NequIPGNNModel"),
    "newer release": (set_versions(allegro="0.9.0", nequip="0.20.0"), "written by nequip-allegro 0.8, got 0.9.0"),
    "no release": (set_versions(nequip="0.19.1"), "without `allegro`"),
    "unknown hyperparameter": (set_model(num_experts=4), r"unknown \['num_experts'\]"),
    "missing hyperparameter": (lambda c: model_of(c).pop("r_max"), r"must hold \['r_max'\]"),
    "unknown pair potential": (set_model(pair_potential=LENNARD_JONES), "pair potential must be.*LennardJones"),
    "unknown activation": (set_model(allegro_mlp_nonlinearity="tanh"), "nonlinearity"),
    "unknown modifier": (lambda c: c["hyper_parameters"]["info_dict"]["training_module"].update(model=MODIFIED), "add_charges"),
    "missing weight": (drop_weight("allegro.tps.1.weights"), r"must hold `allegro.tps.1.weights`"),
    "left-over weight": (lambda c: c["state_dict"].update({"model.sole_model.model.func.extra.bias": torch.ones(3)}), "averaged weights"),
    "another shape": (set_model(num_scalar_features=16), "must fit the peer's hyperparameters"),
    "averages of another shape": (set_weight("ema.ema_weight_3", lambda w: w[:, :-1]), "averaged weights .* shapes"),
    "averages with a gap": (lambda c: c["state_dict"].pop("ema.ema_weight_3"), "numbered without gaps"),
    "swapped averages": (lambda c: c["state_dict"]["ema._extra_state"].update(is_holding_ema_weights=False), "must not be swapped"),
    "another cutoff": (set_model(r_max=4.5), r"cutoffs must be those of its hyperparameters"),
    "schedule-free training": (set_training_module("nequip.train.ScheduleFreeLightningModule"), "nequip-package build"),
    "two models": (second_model, "must hold one `tensor_embed"),
    "weights that are no numbers": (nan_weights, "must be finite"),
    "no hyperparameters": (lambda c: c.pop("hyper_parameters"), "has no `hyper_parameters"),
}


@pytest.mark.parametrize("case", BAD_CHECKPOINTS)
def test_checkpoint_that_cannot_be_taken_over_is_refused(case, tmp_path):
    change, message = BAD_CHECKPOINTS[case]
    path = edited(tmp_path, change)
    with pytest.raises(ModelError, match=message):
        import_model(path, tmp_path / "model.pth")
    assert not (tmp_path / "model.pth").exists()


BAD_PACKAGES = {
    "format": ({"model/package_metadata.txt": b"package_version_id: 3\nversions: {allegro: 0.8.3}\n"}, "package format .* got 3"),
    "metadata": ({"model/package_metadata.txt": b"{"}, "cannot be read"),
    "configuration": ({"model/config.yaml": b"data: {}\n"}, "has no `training_module`"),
    "model": ({"model/eager_model.pkl": None}, "holds no `model/eager_model.pkl`"),
    "pickle": ({"model/eager_model.pkl": b"not a pickle"}, "whole pickle"),
    "tensor": ({".data/18.storage": b"123"}, "must hold 32 bytes, got 3|must hold .* bytes, got 3"),
    "byte order": ({"byteorder": b"big"}, "little-endian"),
}


@pytest.mark.parametrize("case", BAD_PACKAGES)
def test_package_that_cannot_be_read_is_refused(case, tmp_path):
    replace, message = BAD_PACKAGES[case]
    with pytest.raises(ModelError, match=message):
        import_model(repacked(tmp_path, replace), tmp_path / "model.pth")


def test_files_of_other_programs_are_refused(tmp_path):
    def refused(path, message):
        with pytest.raises(ModelError, match=message):
            import_model(path, tmp_path / "out.pth")

    refused(tmp_path / "absent.ckpt", "must exist")
    (tmp_path / "text.ckpt").write_text("r_max: 5.0\n")
    refused(tmp_path / "text.ckpt", "no whole zip archive")
    (tmp_path / "cut.ckpt").write_bytes(CHECKPOINT.read_bytes()[:50_000])
    refused(tmp_path / "cut.ckpt", "no whole zip archive")
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", "has no `hyper_parameters")
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "plain.zip", "holds neither")
    import_model(CHECKPOINT, tmp_path / "model.pth")
    refused(tmp_path / "model.pth", "is a model of qallegro already")
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "compiled.nequip.pth")
    refused(tmp_path / "compiled.nequip.pth", "compiled model")


def test_output_is_checked_first(tmp_path):
    with pytest.raises(ModelError, match="folder of the output must exist"):
        import_model(CHECKPOINT, tmp_path / "absent" / "model.pth")
    shutil.copy(CHECKPOINT, tmp_path / "model.ckpt")
    with pytest.raises(ModelError, match="must not be the peer's file itself"):
        import_model(tmp_path / "model.ckpt", tmp_path / "model.ckpt")
