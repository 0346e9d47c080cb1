"""Files that the exporter wrote: native = TorchScript = eager, and `auto` takes the fastest engine that runs a file."""

import numpy as np
import pytest

from native_files import EdgeResult, check_agreement, eager_result, native_result, random_potential, random_rows
from qallegro.export.exporter import export_model
from qallegro.model.checkpoint import save_model
from qallegro_ase import QAllegroCalculator, _runtime
from systems import alloy, tiny_config
from tolerances import CALCULATOR, PARITY
from toy_export import write_toy_file

COUNTS = [0, 1, 2, 7, 16, 17, 40, 3, 33]
MODELS = [
    ("default", "float64"),
    ("default", "float32"),
    ("typed_cutoffs", "float64"),
    ("mlp", "float32"),
    ("qdi", "float64"),
    ("rff", "float32"),
]


@pytest.fixture(scope="module", params=MODELS, ids="-".join)
def model(request, tmp_path_factory):
    """Potential and exported file."""
    name, dtype = request.param
    folder = tmp_path_factory.mktemp("exports")
    potential = random_potential(tiny_config(name, dtype=dtype))
    save_model(folder / "model.pth", potential, {"made_by": "tests"})
    return potential, str(export_model(folder / "model.pth", folder / "model.qallegro.pth").path)


def test_three_engines_agree(model):
    potential, path = model
    rows = random_rows(potential.config, COUNTS)
    eager = eager_result(potential.network, rows)
    for engine in ("native", "torchscript"):
        opened = _runtime.Potential(path, engine=engine)
        assert opened.description.startswith(engine)
        check_agreement(native_result(opened, rows), eager, PARITY[potential.config.dtype], engine)


def test_samples_in_the_record(model):
    """What the file itself says an engine must find."""
    potential, path = model
    samples = _runtime.read_record(path)["samples"]
    assert samples
    from ase import Atoms

    for sample in samples:
        atoms = Atoms(sample["symbols"], positions=sample["positions"], calculator=QAllegroCalculator(path, engine="native"))
        found = EdgeResult(atoms.get_potential_energies(), atoms.get_forces())
        expected = EdgeResult(np.array(sample["per_atom_energy"]), np.array(sample["forces"]).reshape(-1, 3))
        check_agreement(found, expected, CALCULATOR[potential.config.dtype])


def test_native_is_the_default(model):
    _, path = model
    assert _runtime.Potential(path).description.startswith("native on cpu")
    assert _runtime.Potential(path, device="cpu").description.startswith("native on cpu")
    atoms = alloy()
    atoms.calc = QAllegroCalculator(path)
    assert atoms.calc.description.startswith("native on cpu")
    assert np.isfinite(atoms.get_potential_energy())


def test_auto_takes_torchscript_where_native_knows_nothing(tmp_path):
    path = str(write_toy_file(tmp_path / "toy.qallegro.pth"))
    assert _runtime.Potential(path).description.startswith("torchscript")
    with pytest.raises(
        _runtime.Error, match="`engine` `native` needs a record that describes an Allegro network .*use engine `torchscript`"
    ):
        _runtime.Potential(path, engine="native")
