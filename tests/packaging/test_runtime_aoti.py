"""The AOTInductor engine: a package compiled on this machine gives the numbers of TorchScript, in Python and alone in a process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from qallegro.export.exporter import export_model
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import save_model
from qallegro.model.config import ModelConfig
from qallegro_ase import _runtime
from toy_runtime import pair_arguments, toy_structures

#: float64 networks, the same sums in another order
TOLERANCE = 1e-11
EVERYTHING = {"want_per_atom_virial": True, "want_edge_gradients": True}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One small model in both formats (the compilation takes about 20 s)."""
    folder = tmp_path_factory.mktemp("aoti")
    config = ModelConfig(
        atom_types=["Cu", "Li"],
        r_max=4.0,
        l_max=1,
        num_layers=1,
        num_scalar_features=4,
        num_tensor_features=2,
        avg_num_neighbors=20.0,
        dtype="float64",
    )
    save_model(folder / "model.pth", build_potential(config, seed=1), {})
    return {kind: str(export_model(folder / "model.pth", format=kind).path) for kind in ("torchscript", "aoti")}


def test_packages_give_the_numbers_of_torchscript(files):
    compiled, scripted = (_runtime.Potential(files[kind], engine=kind) for kind in ("aoti", "torchscript"))
    assert compiled.description.startswith("aoti on cpu, float64 network, 1 thread")
    for atoms in toy_structures().values():
        arguments = pair_arguments(atoms, 4.5)
        results, expected = compiled.evaluate_pairs(**arguments, **EVERYTHING), scripted.evaluate_pairs(**arguments, **EVERYTHING)
        for name, value in expected.items():
            np.testing.assert_allclose(results[name], value, rtol=0, atol=TOLERANCE, err_msg=name)


def test_a_package_runs_in_a_process_without_python_torch(files):
    program = (
        "import sys, numpy as np\n"
        "from qallegro_ase import _runtime\n"
        f"p = _runtime.Potential({files['aoti']!r}, engine='aoti')\n"
        "r = p.evaluate(np.arange(2, dtype='i4'), np.array([0, 1, 2]), np.array([1, 0], dtype='i4'), [[2.5, 0, 0], [-2.5, 0, 0]],\n"
        "               np.zeros(2, dtype='i4'), 2)\n"
        "print(np.isfinite(r['forces']).all(), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [({"engine": "torchscript"}, "runs files of kind `torchscript`"), ({"device": "cuda"}, "was compiled for `cpu`")],
)
def test_options_that_do_not_fit_a_package(files, options, words):
    with pytest.raises(_runtime.Error, match=words):
        _runtime.Potential(files["aoti"], **options)


def test_a_package_for_a_better_processor_is_refused(files):
    program = f"from qallegro_ase import _runtime\nprint(_runtime.Potential({files['aoti']!r}, engine='aoti').description)"
    here, lesser = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment)
        for environment in ({}, {"ATEN_CPU_CAPABILITY": "default"})
    )
    assert here.returncode == 0
    assert lesser.returncode == 1 and "was compiled for a processor with AVX" in lesser.stderr.splitlines()[-1]
