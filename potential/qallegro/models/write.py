"""From the package to a file of the user's: a checkpoint, or an exported file."""

import tempfile
from pathlib import Path

from qallegro.errors import ModelError
from qallegro.export.exporter import SUFFIXES, export_model
from qallegro.model.checkpoint import save_model
from qallegro.models import store


def get_model(name: str, output: Path) -> Path:
    """Write a model of the package: a checkpoint, or an exported file where the name ends as that of one.

    Args:
        name: of the model.
        output: `X.pth`, `X.qallegro.pth` or `X.qallegro.pt2`.

    Raises:
        ModelError: there is no such model, it is damaged, or the place cannot be written to.
        ExportError: as in `export_model`.
    """
    stored = store.find(name)
    format = next((kind for kind, suffix in SUFFIXES.items() if output.name.endswith(suffix)), None)
    if format is None and output.suffix != ".pth":
        endings = " or ".join(SUFFIXES.values())
        raise ModelError(f"output name must end in `.pth` for a checkpoint, or in {endings} for an exported file, got `{output.name}`")
    if not output.parent.is_dir():
        raise ModelError(f"folder of the output must exist, got `{output.parent}`; create it first")
    potential, provenance = store.load(stored)
    try:
        if format is None:
            save_model(output, potential, provenance)
        else:
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = Path(folder) / f"{name}.pth"
                save_model(checkpoint, potential, provenance)
                export_model(checkpoint, output, format=format)
    except OSError as error:
        raise ModelError(f"output must be a file that can be written, got `{output}`: {error.strerror}") from error
    return output
