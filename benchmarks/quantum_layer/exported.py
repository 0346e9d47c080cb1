"""Models with random weights as exported files."""

from pathlib import Path
from typing import NamedTuple

from models import make_potential
from qallegro.export.exporter import export_model
from qallegro.model.checkpoint import save_model

#: of the circuit in an exported file, as for `qallegro export --surrogate`
FORMS = ("auto", "fourier", "unitary", "gates")


class ExportedModel(NamedTuple):
    """A file and the form of the circuit in it."""

    path: Path
    form: str | None


def export(folder: Path, case: str, size: str, head: str, dtype: str, form: str = "auto") -> ExportedModel:
    """Write one model. Args: form: of the circuit, if the model has one."""
    checkpoint = folder / f"{case}_{size}_{head}.pth"
    save_model(checkpoint, make_potential(case, size, head, dtype), {})
    exported = export_model(checkpoint, folder / f"{case}_{size}_{head}_{form}.qallegro.pth", surrogate=form)
    return ExportedModel(exported.path, exported.record.get("surrogate", {}).get("form"))
