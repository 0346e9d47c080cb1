"""One run of LAMMPS a layout of ranks evaluates every model on every system; the tests look at its results."""

import pytest

from lammps_models import MODELS, systems
from lammps_runner import LAYOUTS, observe_lines, run_well, system_lines, write_data
from lammps_systems import NAMES


@pytest.fixture(scope="session")
def model_files(tmp_path_factory):
    """name -> path of the exported file of every entry of MODELS."""
    folder = tmp_path_factory.mktemp("models")
    return {name: model.write(folder / f"{name}.qallegro.pth") for name, model in MODELS.items()}


@pytest.fixture(scope="session")
def toy(model_files):
    return model_files["toy"]


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory, model_files):
    """layout -> folder with the dumps and the log `in.log` of all static evaluations, labelled MODEL-SYSTEM."""
    folders = {}

    def run(layout: str):
        if layout not in folders:
            folders[layout] = folder = tmp_path_factory.mktemp(f"static-{layout}")
            ranks, processors = LAYOUTS[layout]
            script = ""
            for name, atoms in systems().items():
                write_data(folder / f"{name}.data", atoms, NAMES)
            for model, path in model_files.items():
                for name, atoms in systems().items():
                    script += system_lines(atoms, f"{name}.data", before_box=processors)
                    script += f"pair_style qallegro\npair_coeff * * {path} Cu Li\n"
                    script += observe_lines(f"{model}-{name}") + "run 0\n"
            run_well(script, folder, ranks)
        return folders[layout]

    return run
