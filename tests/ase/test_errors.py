"""Every mistake gets an error that names quantity, rule, value and remedy; each is a row."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError, InputError, PropertyNotImplementedError

from qallegro_ase import EvaluationError, NoStressError, QAllegroCalculator, SetupError, StructureError
from systems import alloy, slab
from toy_export import write_toy_file


def nan_position():
    atoms = alloy()
    atoms.positions[5, 1] = np.nan
    return atoms


def infinite_cell():
    atoms = alloy()
    atoms.cell[2, 2] = np.inf
    return atoms


def twins():
    atoms = alloy()
    atoms.positions[7] = atoms.positions[4] + [0.0, 3e-3, 0.0]
    return atoms


def twins_across_the_boundary():
    atoms = alloy()
    atoms.positions[7] = atoms.positions[4] + atoms.cell[0]
    return atoms


def flat_cell():
    return Atoms("Cu", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True)


def no_height():
    atoms = slab()
    atoms.cell[2] = 0.0
    atoms.pbc = True
    return atoms


STRUCTURES = {
    "unknown species": (lambda: molecule("H2O"), r"those of the model, \['Cu', 'Li'\], .* \['H', 'O'\] \(first: atom 0\).*=\{'H': 'Cu'\}`"),
    "NaN position": (nan_position, r"`positions` must be finite, atom 5 \((Cu|Li)\) is at \(.*, nan, .*\) Å"),
    "infinite cell": (infinite_cell, r"`cell` must be finite, it is .*inf"),
    "atoms on top of one another": (twins, r"at least 0.01 Å apart, atom 4 \(.*\) and atom 7 \(.*\) are 0.003 Å apart.*move or remove"),
    "atom on the image of another": (twins_across_the_boundary, r"atom 4 .* and atom 7 .* \(its periodic image by \[-1, 0, 0\] cells\)"),
    "no cell": (lambda: Atoms("Cu", pbc=True), r"must have a cell vector, `pbc` is .* and cell vector 0 is zero; set the cell"),
    "a cell vector too few": (no_height, r"and cell vector 2 is zero"),
    "flat cell": (flat_cell, r"must not lie in a plane or on a line"),
}  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURES)
def test_structures_are_refused(case, model):
    make, message = STRUCTURES[case]
    calc = QAllegroCalculator(model)
    with pytest.raises(StructureError, match=message) as caught:
        calc.get_property("forces", make())
    assert isinstance(caught.value, InputError)
    assert np.isfinite(calc.get_potential_energy(alloy()))  # the calculator stays in order


def test_atoms_that_meet_between_builds_of_the_list_are_refused(model):
    calc = QAllegroCalculator(model, skin=5.0)
    atoms = alloy()
    calc.get_potential_energy(atoms)
    near = atoms.get_distances(0, range(1, len(atoms)), mic=True).argmin() + 1
    atoms.positions[near] += atoms.get_distance(near, 0, mic=True, vector=True)
    with pytest.raises(StructureError, match=rf"atom 0 .* and atom {near} .* on top of one another"):
        calc.get_potential_energy(atoms)
    assert calc.timings["neighbor_list_builds"] == 1


@pytest.mark.parametrize("name", ["stress", "stresses"])
def test_stress_without_a_volume_is_refused(name, model):
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [2, 0, 0]])
    calc = QAllegroCalculator(model)
    with pytest.raises(NoStressError, match="a stress needs a volume, the cell is .*; set three cell vectors") as caught:
        calc.get_property(name, atoms)
    assert isinstance(caught.value, PropertyNotImplementedError)
    assert calc.get_property("stress", atoms, allow_calculation=False) is None
    assert np.isfinite(calc.get_potential_energy(atoms))


def test_nan_from_an_exported_file(tmp_path):
    calc = QAllegroCalculator(write_toy_file(tmp_path / "broken.pth", nan_below=2.0))
    atoms = Atoms("CuLiCu", positions=[[0, 0, 0], [0, 0, 5], [0, 1.9, 5]])
    with pytest.raises(EvaluationError, match=r"must be finite, those of atom 1 .*`.*broken.pth`") as caught:
        calc.get_potential_energy(atoms)
    assert isinstance(caught.value, CalculationFailed)
    atoms.positions[2, 1] = 2.1
    assert np.isfinite(calc.get_potential_energy(atoms))


def test_nan_from_a_checkpoint(checkpoints, tmp_path):
    content = torch.load(checkpoints(), weights_only=True)
    name = next(name for name, tensor in content["state"].items() if tensor.is_floating_point() and tensor.numel() > 1)
    content["state"][name][:] = np.nan
    torch.save(content, tmp_path / "broken.pth")
    with pytest.raises(EvaluationError, match="from the model must be finite, those of atom 0 are not"):
        QAllegroCalculator(tmp_path / "broken.pth").get_potential_energy(alloy())


def truncated(path, folder, share):
    content = path.read_bytes()
    copy = folder / "cut.pth"
    copy.write_bytes(content[: int(len(content) * share)])
    return copy


def foreign_zip(folder):
    with zipfile.ZipFile(folder / "foreign.pth", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    return folder / "foreign.pth"


def foreign_checkpoint(folder):
    torch.save({"weights": torch.zeros(3)}, folder / "weights.pth")
    return folder / "weights.pth"


def plain_torchscript(folder):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), folder / "plain.pth")
    return folder / "plain.pth"


def text_file(folder):
    (folder / "model.pth").write_text("a model")
    return folder / "model.pth"


FILES = {
    "missing": (lambda folder, exported, checkpoint: folder / "none.pth", r"`.*none.pth`"),
    "a folder": (lambda folder, exported, checkpoint: folder, r"`.*`"),
    "truncated export": (lambda folder, exported, checkpoint: truncated(exported, folder, 0.7), r"`.*cut.pth`"),
    "truncated checkpoint": (lambda folder, exported, checkpoint: truncated(checkpoint, folder, 0.7), r"`.*cut.pth`"),
    "empty": (lambda folder, exported, checkpoint: truncated(exported, folder, 0.0), r"`.*cut.pth`"),
    "text": (lambda folder, exported, checkpoint: text_file(folder), r"`.*model.pth`"),
    "foreign zip": (lambda folder, exported, checkpoint: foreign_zip(folder), r"`.*foreign.pth` .*not an exported potential"),
    "foreign checkpoint": (lambda folder, exported, checkpoint: foreign_checkpoint(folder), r"format `qallegro-model`.*weights.pth"),
    "foreign TorchScript": (lambda folder, exported, checkpoint: plain_torchscript(folder), r"`.*plain.pth` .*not an exported potential"),
    "unknown version": (
        lambda folder, exported, checkpoint: write_toy_file(folder / "new.pth", record_changes={"format_version": 99}),
        r"`format_version` must be 1, it is 99",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_files_are_refused(case, exported, checkpoints, tmp_path):
    make, message = FILES[case]
    with pytest.raises(SetupError, match=message) as caught:
        QAllegroCalculator(make(tmp_path, exported(), checkpoints()))
    assert isinstance(caught.value, CalculatorSetupError)


def test_a_file_that_has_gone_is_missed_when_a_copy_opens_it(toy, tmp_path):
    path = tmp_path / "model.qallegro.pth"
    path.write_bytes(toy.read_bytes())
    calc = QAllegroCalculator(path)
    copied = pickle.loads(pickle.dumps(calc))
    path.unlink()
    assert np.isfinite(calc.get_potential_energy(alloy()))
    with pytest.raises(SetupError, match="model.qallegro.pth"):
        copied.get_potential_energy(alloy())


OPTIONS = {
    "unknown engine": ({"engine": "jax"}, r"`engine` must be one of `auto`, `native`, `torchscript`, .*it is `jax`"),
    "engine of another kind of file": ({"engine": "aoti"}, r"`engine` `aoti` runs files of kind `aoti`"),
    "engine is no name": ({"engine": 3}, r"`engine` must be a name or None, it is 3"),
    "unknown device": ({"device": "tpu"}, r"`device` must be `cpu`, `cuda`, `cuda:N` or `auto`, it is `tpu`"),
    "device that is not there": ({"device": "cuda:99"}, r"`device` is `cuda:99`, but"),
    "negative skin": ({"skin": -0.1}, r"`skin` must be a length in Å, 0 or more, it is -0.1"),
    "NaN skin": ({"skin": np.nan}, r"`skin` must be a length in Å, 0 or more, it is nan"),
    "skin is no number": ({"skin": "1"}, r"`skin` must be a length in Å, 0 or more, it is '1'"),
    "no threads": ({"threads": 0}, r"`threads` must be a whole number of 1 or more, or None for OMP_NUM_THREADS, it is 0"),
    "half a thread": ({"threads": 1.5}, r"`threads` must be a whole number"),
    "species is a list": ({"species": ["Cu"]}, r"`species` must map symbols to species, like \{'X': 'Cu'\}, it is \['Cu'\]"),
    "species that the model lacks": ({"species": {"X": "Fe"}}, r"must name species of the model, \['Cu', 'Li'\], 'X' is to be 'Fe'"),
    "symbol that ASE lacks": ({"species": {"D": "Cu"}}, r"must name symbols that ASE knows, one is 'D'"),
    "model is no path": ({"model": 7}, r"`model` must be the path of a file, it is 7"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
def test_options_are_refused(case, toy):
    options, message = OPTIONS[case]
    with pytest.raises(SetupError, match=message):
        QAllegroCalculator(**{"model": toy} | options)


CHECKPOINT_OPTIONS = {
    "engine of exported files": ({"engine": "torchscript"}, r"`engine` must be `eager` for a checkpoint, it is `torchscript`"),
    "threads": ({"threads": 2}, r"`threads` must not be given for a checkpoint, it is 2 .*`torch.set_num_threads`"),
    "unknown device": ({"device": "gpu"}, r"`device` must be `cpu`, `cuda`, `cuda:N` or `auto`, it is `gpu`"),
    "device that is not there": ({"device": "cuda:99"}, r"`device` must exist, it is `cuda:99`, and torch finds \d+ CUDA devices"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHECKPOINT_OPTIONS)
def test_options_are_refused_for_a_checkpoint(case, checkpoints):
    options, message = CHECKPOINT_OPTIONS[case]
    with pytest.raises(SetupError, match=message):
        QAllegroCalculator(checkpoints(), **options)


def test_wrong_option_later_leaves_the_calculator_as_it_was(toy):
    calc = QAllegroCalculator(toy)
    energy = calc.get_potential_energy(bulk("Cu"))
    with pytest.raises(SetupError, match="`skin`"):
        calc.set(skin=-1.0)
    assert calc.get_potential_energy(bulk("Cu")) == energy


def test_missing_runtime_is_said(toy, monkeypatch):
    import sys

    import qallegro_ase

    monkeypatch.delattr(qallegro_ase, "_runtime", raising=False)
    monkeypatch.setitem(sys.modules, "qallegro_ase._runtime", None)
    with pytest.raises(SetupError, match="the C\\+\\+ runtime .*install qallegro anew"):
        QAllegroCalculator(toy)


def test_missing_model_code_is_said(checkpoints, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "qallegro.model.checkpoint", None)
    with pytest.raises(SetupError, match="a checkpoint needs the model code.*use an exported file"):
        QAllegroCalculator(checkpoints())
