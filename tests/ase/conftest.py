"""Models for the ASE tests: tiny random Allegros, as checkpoints and exported, and the toy crystal potential."""

import pytest

from systems import tiny_config
from toy_export import write_toy_file


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Name of a configuration (and "-float32") -> a checkpoint with random weights, made once."""
    from qallegro.model.build import build_potential
    from qallegro.model.checkpoint import save_model

    folder = tmp_path_factory.mktemp("checkpoints")

    def make(name: str = "default"):
        path = folder / f"{name}.pth"
        if not path.exists():
            configuration, _, dtype = name.partition("-")
            save_model(path, build_potential(tiny_config(configuration, dtype=dtype or "float64"), seed=3), {"made_by": "tests"})
        return path

    return make


@pytest.fixture(scope="session")
def exported(checkpoints):
    """Name of a configuration -> an exported TorchScript file of the checkpoint with this name."""
    from qallegro.export.exporter import export_model

    def make(name: str = "default"):
        path = checkpoints(name).with_name(f"{name}.qallegro.pth")
        return path if path.exists() else export_model(checkpoints(name), path).path

    return make


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """An exported file of the toy potential for Cu and Li, which binds crystals (a random Allegro does not)."""
    return write_toy_file(tmp_path_factory.mktemp("toy") / "toy.qallegro.pth")


@pytest.fixture(params=["exported", "eager"])
def model(request, exported, checkpoints):
    """The same random Allegro as an exported file and as a checkpoint."""
    return exported() if request.param == "exported" else checkpoints()
