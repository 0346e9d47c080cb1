"""The native engine's periodic layer next to the modules that files are made of: values, derivatives, exact zeros, refusals.

The C++ program of cpp/tests/native_layer.cpp reads files as the engine does, for every instruction set that the processor here has.
"""

import json
import os
import platform
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from qallegro.model.random_fourier import RandomFourier
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.surrogates.coefficients import fourier_coefficients
from qallegro.quantum.surrogates.costs import FORMS
from qallegro.quantum.surrogates.fourier import FourierForm, describe_groups, make_groups
from qallegro.quantum.surrogates.pruning import prune
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import GatesForm, UnitaryForm
from random_circuits import NAMED, random_circuits, random_point
from systems import tiny_config
from tolerances import CIRCUIT

CPP = Path(__file__).parents[2] / "cpp"
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
#: as cpp/src/native compiles them
ISAS = {
    "plain": (16, []),
    "avx2": (32, ["-mavx2", "-mfma"]),
    "avx512": (64, ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mavx512cd", "-mfma"]),
}
#: tiles of three, two and one vector of every width, and a padded one
EDGES = 101
READERS = [
    *(f"native/{name}.cpp" for name in ("surrogate_reader", "fourier_form", "phase_table", "state_vector_form", "periodic_layer")),
    *("native/tensor_header.cpp", "native/tensor_file.cpp", "native_layer.cpp"),
]
DTYPES = {"double": torch.float64, "single": torch.float32}

#: every axis and entangler among them, some without any rotation between an encoding and an entangler
RANDOM = {name: config for k, (name, config) in enumerate(random_circuits().items()) if k % 3 == 0 and config.num_qubits <= 6}
CIRCUITS = {name: CircuitConfig(**keys) for name, keys in NAMED.items()} | RANDOM
#: coefficients of form F that a test makes
FEW = 20000
CASES = [
    (form, name)
    for name in CIRCUITS
    for form in FORMS
    if form != "fourier" or sum(c.num_coefficients * len(c.outputs) for c in light_cones(CIRCUITS[name])) <= FEW
]

pytestmark = pytest.mark.skipif(not COMPILER, reason="needs a C++ compiler")


def available_isas() -> list[str]:
    if platform.machine() not in ("x86_64", "AMD64"):
        return ["plain"]
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    needed = {"plain": [], "avx2": ["avx2", "fma"], "avx512": ["avx512f", "avx512dq", "avx512vl", "avx512bw", "avx512cd", "fma"]}
    return [isa for isa, words in needed.items() if all(f" {word} " in f"{flags} ".replace("\n", " ") for word in words)]


class Program:
    """native_layer for every instruction set that this kind of processor may have."""

    def __init__(self, folder: Path):
        import nlohmann_json

        self.folder, self.path = folder, folder / "native_layer"
        include = [f"-I{CPP / 'src'}", f"-I{CPP / 'include'}", f"-I{CPP / 'tests'}", f"-I{Path(nlohmann_json.__path__[0]) / 'include'}"]
        compiler = [*COMPILER.split(), "-std=c++20", "-fvisibility=hidden", *include]
        x86 = ["-DQALLEGRO_X86_KERNELS"] if platform.machine() in ("x86_64", "AMD64") else []
        # The readers in one piece and not optimized: most of the time goes into the headers of JSON.
        jobs = {"readers": (["-O0", *x86], "".join(f'#include "{name}"\n' for name in READERS))}
        jobs["zip_file"] = (["-O1"], '#include "artefact/zip_file.cpp"\n')
        for isa, (size, flags) in ISAS.items():
            if isa == "plain" or x86:
                macros = [f"-DQALLEGRO_ISA={isa}", f"-DQALLEGRO_VECTOR_BYTES={size}"]
                jobs[isa] = (["-O1", *flags, *macros], '#include "native_layer_kernel.cpp"\n')
        running = []
        for name, (flags, text) in jobs.items():
            (folder / f"{name}.cpp").write_text(text)
            command = [*compiler, *flags, "-c", str(folder / f"{name}.cpp"), "-o", str(folder / f"{name}.o")]
            running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        for process in running:
            errors = process.communicate()[1]
            assert process.returncode == 0, errors
        objects = [str(folder / f"{name}.o") for name in jobs]
        linked = subprocess.run([*compiler, *objects, "-o", str(self.path)], capture_output=True, text=True)
        assert linked.returncode == 0, linked.stderr

    def __call__(self, file, isa, precision, x, g_out) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (E, O) and the gradient (E, F) of features (E, F)."""
        arrays = [np.array([len(x)], dtype=np.float64), x.double().numpy().ravel(), g_out.double().numpy().ravel()]
        np.concatenate(arrays).tofile(self.folder / "input")
        self.run(file, isa, precision)
        out = np.fromfile(self.folder / "output")
        return out[: g_out.numel()].reshape(g_out.shape), out[g_out.numel() :].reshape(x.shape)

    def run(self, file, isa="plain", precision="double") -> None:
        """Raises RuntimeError with the text of the program's error."""
        command = [self.path, file, isa, precision, 1, self.folder / "input", self.folder / "output"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            assert done.returncode == 1, f"ended with {done.returncode}: {done.stderr}"
            raise RuntimeError(done.stderr)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return Program(tmp_path_factory.mktemp("native_layer"))


def surrogate_record(config, form, module, groups=()) -> dict:
    """What a reader of the layer needs of `surrogate`."""
    record = {"module": "readout.layer", "form": form, "circuit": config.model_dump(mode="json")}
    record |= {"degrees": [1] * config.num_features, "observables": ["-"] * config.num_outputs}
    if form == "fourier":
        record["groups"] = describe_groups(groups)
    if isinstance(module, GatesForm):
        record["steps"] = module.describe()
    return record


def write_file(path, record, weights) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/extra/qallegro.json", json.dumps(record))
        archive.writestr("model/extra/weights.safetensors", save({name: tensor.contiguous() for name, tensor in weights.items()}))
    return path


def form_file(path, config, form, module, groups=(), change=lambda surrogate, weights: None) -> Path:
    weights = {f"readout.layer.{name}": buffer for name, buffer in module.named_buffers()}
    surrogate = surrogate_record(config, form, module, groups)
    change(surrogate, weights)
    return write_file(path, {"model": {"variant": "allegro_qdi"}, "surrogate": surrogate}, weights)


def made_form(form, name, dtype, budget=2.0**-53):
    """(module, groups) of a circuit with random angles."""
    config = CIRCUITS[name]
    angles = random_point(config, seed=len(name))[0].detach()
    if form != "fourier":
        return (UnitaryForm if form == "unitary" else GatesForm)(config, angles, dtype), ()
    groups = make_groups([prune(fourier_coefficients(config, angles, cone), budget) for cone in light_cones(config)])
    return FourierForm(groups, config.num_features, config.num_outputs, dtype), groups


def inputs(module, num_features, num_outputs, dtype):
    """Features, some of them zero, a gradient by the outputs, and what the module makes of them."""
    generator = torch.Generator().manual_seed(num_features)
    x = (2.0 * torch.rand(EDGES, num_features, generator=generator, dtype=torch.float64) - 1.0) * torch.pi
    x[::4] = 0.0
    x = x.to(dtype).requires_grad_(True)
    g_out = torch.randn(EDGES, num_outputs, generator=generator, dtype=torch.float64).to(dtype)
    out = module(x)
    (g_x,) = torch.autograd.grad((out * g_out).sum(), x) if out.requires_grad else (torch.zeros_like(x),)
    return x.detach(), g_out, out.detach().double().numpy(), g_x.double().numpy()


def check(program, file, module, shape, precision, reference=None) -> None:
    """`reference` is the module in float64 where the compared one is in float32: both then differ from it by rounding."""
    dtype = DTYPES[precision]
    x, g_out, out, g_x = inputs(module, *shape, dtype)
    if reference is not None:
        x64 = x.double().requires_grad_(True)
        exact = reference(x64)
        out = exact.detach().numpy()
        g_x = torch.autograd.grad((exact * g_out.double()).sum(), x64)[0].numpy() if exact.requires_grad else np.zeros(x.shape)
    assert np.abs(out).max() > 0.01, "outputs must matter, or this test says nothing"
    tolerance = CIRCUIT[str(dtype).removeprefix("torch.")]
    for isa in available_isas():
        found, gradient = program(file, isa, precision, x, g_out)
        assert np.all(found[::4] == 0.0) and np.all(found[1::4].any(0) == out[1::4].any(0)), isa
        np.testing.assert_allclose(found, out, rtol=0.0, atol=tolerance * max(1.0, np.abs(out).max()), err_msg=isa)
        np.testing.assert_allclose(gradient, g_x, rtol=0.0, atol=tolerance * max(1.0, np.abs(g_x).max()), err_msg=isa)


def test_there_are_enough_cases():
    assert {form for form, _ in CASES} == set(FORMS) and len(RANDOM) >= 8
    assert {1, 2, 3, 4, 5, 6} <= {CIRCUITS[name].num_qubits for _, name in CASES}
    assert sum(form == "fourier" for form, _ in CASES) >= 12


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("form,name", CASES)
def test_values_and_derivatives_are_those_of_the_module(form, name, precision, program, tmp_path):
    config = CIRCUITS[name]
    module, groups = made_form(form, name, DTYPES[precision])
    reference = made_form(form, name, torch.float64)[0] if precision == "single" else None
    file = form_file(tmp_path / "m.pth", config, form, module, groups)
    check(program, file, module, (config.num_features, config.num_outputs), precision, reference)


@pytest.mark.parametrize("name", ["reuploaded", "paper_y", "ranges"])
@pytest.mark.parametrize("tolerance", [0.05, 0.3])
def test_pruned_fourier_form(name, tolerance, program, tmp_path):
    """Functions, products and outputs are missing in part."""
    config = CIRCUITS[name]
    module, groups = made_form("fourier", name, torch.float64, tolerance)
    full = made_form("fourier", name, torch.float64)[1]
    assert sum(np.count_nonzero(g.tensor) for g in groups) < sum(np.count_nonzero(g.tensor) for g in full)
    file = form_file(tmp_path / "m.pth", config, "fourier", module, groups)
    check(program, file, module, (config.num_features, config.num_outputs), "double")


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 17, 3), (1, 1, 2)])
def test_random_fourier(shape, precision, program, tmp_path):
    torch.manual_seed(5)
    module = RandomFourier(*shape, torch.float64)
    stored = RandomFourier(*shape, DTYPES[precision])
    stored.load_state_dict(module.state_dict())
    module.load_state_dict(stored.state_dict())
    weights = {f"readout.layer.{name}": buffer for name, buffer in stored.named_buffers()}
    file = write_file(tmp_path / "m.pth", {"model": {"variant": "allegro_rff"}}, weights)
    check(program, file, stored, shape[:2], precision, module if precision == "single" else None)


@pytest.mark.parametrize("name", [pytest.param("qdi_reuploading", marks=pytest.mark.slow), "rff"])
def test_whole_exported_file(name, program, tmp_path):
    from qallegro.export.exporter import export_model
    from qallegro.model.build import build_potential
    from qallegro.model.checkpoint import save_model

    potential = build_potential(tiny_config(name), seed=3)
    save_model(tmp_path / "model.pth", potential, {})
    file = export_model(tmp_path / "model.pth", tmp_path / "m.qallegro.pth", dtype="float64").path
    layer = potential.network.readout.layer
    check(program, file, layer, layer_shape(layer), "double")


def layer_shape(layer) -> tuple[int, int]:
    if isinstance(layer, RandomFourier):
        return tuple(layer.frequencies.shape)
    return layer.config.num_features, layer.config.num_outputs
