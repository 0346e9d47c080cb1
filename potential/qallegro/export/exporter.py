"""`qallegro export`: from a checkpoint to one self-describing file that was read back and compared before it got its name."""

import copy
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from qallegro.data.config import Source
from qallegro.data.frame import Frame
from qallegro.data.readers import read_frames
from qallegro.devices import device_complaint
from qallegro.errors import ExportError
from qallegro.export import verify
from qallegro.export.forms import InFileForm, Options, in_file_form
from qallegro.export.record import NOVELTY_FILE, RECORD_FILE, WEIGHTS_FILE, dump_record, make_record, read_record
from qallegro.export.samples import Sample, make_samples
from qallegro.export.structures import from_frames, from_samples, sample_frames
from qallegro.model.checkpoint import load_model
from qallegro.model.potential import EdgeGradients, Potential
from qallegro.model.readout import PeriodicHead
from qallegro.whole_file import whole_file

#: --format -> suffix of the file
SUFFIXES = {"torchscript": ".qallegro.pth", "aoti": ".qallegro.pt2"}


class Exported(NamedTuple):
    """What an export gave."""

    path: Path
    record: dict[str, Any]
    comparisons: list[verify.Comparison]


def export_model(
    model: str | Path,
    output: str | Path | None = None,
    *,
    dtype: str | None = None,
    format: str = "torchscript",
    device: str = "cpu",
    surrogate: str = "auto",
    surrogate_tolerance: float | None = None,
    data: str | None = None,
    step: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Export a checkpoint.

    Args:
        model: `model.pth`.
        output: file to write; the checkpoint's name with `.qallegro.pth` or `.qallegro.pt2` if not given.
        dtype: "float32" or "float64" network; as trained if not given.
        format: "torchscript" or "aoti".
        device: "cpu" or "cuda": where an AOTInductor package is to run (TorchScript files run on either), and where the forms of a circuit
            are timed.
        surrogate: form that a circuit takes: "fourier", "unitary", "gates", or "auto" for the fastest.
        surrogate_tolerance: how far its outputs may be off anywhere; exact if not given.
        data: file of structures, with an optional slice after `@`, that a circuit is checked on instead of the checkpoint's few.
        step: told what is being done.

    Raises:
        ModelError: the checkpoint cannot be read.
        DataError: `data` cannot be read.
        ExportError: a bad option, an unwritable place, or a file that does not agree with the model (then none is left).
    """
    if format not in SUFFIXES:
        raise ExportError(f"`format` must be one of {sorted(SUFFIXES)}, got {format!r}")
    if dtype not in (None, "float32", "float64"):
        raise ExportError(f"`dtype` must be float32 or float64, got {dtype!r}")
    if complaint := device_complaint(device):
        raise ExportError(f"`device` {complaint}")
    model = Path(model)
    original, provenance = load_model(model)
    potential = with_dtype(original, dtype or original.config.dtype)
    path = Path(output) if output is not None else model.with_name(model.name.removesuffix(".pth") + SUFFIXES[format])
    if not path.name.endswith(SUFFIXES[format].rsplit(".", 1)[1]):
        raise ExportError(f"output name must end in `{SUFFIXES[format]}` for format {format}, got `{path.name}`")
    if path.resolve() == model.resolve():
        raise ExportError(f"output must not be the checkpoint itself, got `{path}`; choose another name with -o")
    if not path.parent.is_dir():
        raise ExportError(f"folder of the output must exist, got `{path.parent}`; create it first")
    samples = make_samples(potential.config)
    frames = _frames_of(data) if data is not None else sample_frames(provenance)
    provenance.pop("sample_frames", None)
    novelty = provenance.pop("novelty", {})
    clusters = from_samples(samples, potential.config.r_max)
    options = Options(surrogate, surrogate_tolerance, device)
    form = in_file_form(original, potential, options, from_frames(frames, potential.config), clusters, step)
    step(f"writing {path.name}")
    return _write(potential, form, samples, provenance, novelty, path, format, device)


def with_dtype(potential: Potential, dtype: str) -> Potential:
    """The same weights in a network of another precision, gradients of weights off."""
    config = potential.config.model_copy(update={"dtype": dtype})
    converted = Potential(config)
    dtypes = {name: tensor.dtype for name, tensor in converted.state_dict().items()}
    converted.load_state_dict({name: tensor.to(dtypes[name]) for name, tensor in potential.state_dict().items()})
    return converted.requires_grad_(False).eval()


def file_weights(potential: Potential) -> dict[str, Tensor]:
    """Tensors of `weights.safetensors`. What divides the features of a head is in their scale: an engine need not know of it."""
    network = potential.network
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    if isinstance(network.readout, PeriodicHead):
        tensors["readout.feature_scale"] = tensors["readout.feature_scale"] / network.readout.feature_norm
    return tensors


def _write(
    potential: Potential,
    form: InFileForm,
    samples: list[Sample],
    provenance: dict[str, Any],
    novelty: dict[str, Tensor],
    path: Path,
    format: str,
    device: str,
) -> Exported:
    weights = file_weights(form.potential)
    # Where a form was allowed to deviate, that deviation is the surrogate's affair; the file has to be the form to rounding.
    truth = potential if form.exact else form.potential
    arguments = {
        "kind": format,
        "device": device,
        "provenance": provenance,
        "versions": _versions(),
        "samples": verify.reference_results(truth, samples),
        "tensors": {name: list(tensor.shape) for name, tensor in weights.items()},
        "surrogate": form.surrogate,
    }
    tolerance = verify.TOLERANCES[potential.config.dtype]
    try:
        with whole_file(path) as temporary:
            writer = _WRITERS[format](EdgeGradients(form.potential.network), temporary, device)
            # The record holds the outcome of the comparison, so the file is compared once without it and once more as it stays.
            comparisons = verify.compare(writer({}), truth, samples, device)
            verification = {
                "against": "eager model of the same dtype, same weights" + ("" if form.exact else ", with the surrogate"),
                "energy_tolerance": tolerance.energy,
                "forces_tolerance": tolerance.forces,
                "samples": [c._asdict() for c in comparisons],
            }
            record = make_record(potential.config, verification=verification, **arguments)
            extra = {RECORD_FILE: dump_record(record), WEIGHTS_FILE: safetensors_bytes(weights)}
            function = writer(extra | ({NOVELTY_FILE: safetensors_bytes(novelty)} if novelty else {}))
            verify.compare(function, truth, samples, device)
            record = read_record(temporary)
    except OSError as error:
        raise ExportError(f"output must be writable, got `{path}`: {error.strerror or error}") from error
    return Exported(path, record, comparisons)


def _frames_of(data: str) -> list[Frame]:
    path, at, index = data.rpartition("@")
    source = Source(path=path, index=index) if at and not Path(data).exists() else Source(path=data)
    return read_frames(source)


def _torchscript_writer(module: EdgeGradients, path: Path, device: str) -> Callable[[dict[str, Any]], verify.Function]:
    from qallegro.export.torchscript import TorchScriptFunction, write_torchscript

    def write(extra: dict[str, Any]) -> verify.Function:
        write_torchscript(module, path, extra)
        return TorchScriptFunction(path, device)

    return write


def _aoti_writer(module: EdgeGradients, path: Path, device: str) -> Callable[[dict[str, Any]], verify.Function]:
    from qallegro.export.aoti import AOTIFunction, add_extra_files, compile_aoti

    def write(extra: dict[str, Any]) -> verify.Function:
        if not path.exists():
            compile_aoti(copy.deepcopy(module).to(device), path, device)
        add_extra_files(path, extra)
        return AOTIFunction(path)

    return write


_WRITERS = {"torchscript": _torchscript_writer, "aoti": _aoti_writer}


def _versions() -> dict[str, str]:
    try:
        own = version("qallegro")
    except PackageNotFoundError:
        from qallegro import __version__ as own
    return {
        "qallegro": own,
        "torch": torch.__version__,
        "e3nn": version("e3nn"),
        "python": platform.python_version(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
