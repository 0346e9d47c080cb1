"""Models with random weights as exported files."""

from pathlib import Path
from typing import NamedTuple

from models import make_potential
from qallegro.export.exporter import export_model
from qallegro.model.checkpoint import save_model

#: of the circuit in an exported file
FORMS = ["auto", "fourier", "unitary", "gates"]


class ExportedModel(NamedTuple):
    """A file and what became of the circuit in it."""

    path: Path
    form: str | None


def export(folder: Path, case: str, size: str, head: str, dtype: str, form: str | None) -> ExportedModel:
    """Write one model. Args: form: of the circuit; None for a model without."""
    checkpoint = folder / f"{case}_{size}_{head}.pth"
    save_model(checkpoint, make_potential(case, size, head, dtype), {})
    output = folder / f"{case}_{size}_{head}_{form or 'plain'}.qallegro.pth"
    exported = export_model(checkpoint, output)
    return ExportedModel(exported.path, None)
