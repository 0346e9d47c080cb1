"""What a benchmark moves: crystals of a model's species, or a given structure, repeated to a size."""

from pathlib import Path
from typing import Any, NamedTuple

import ase
import ase.io
import numpy as np
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii

from qallegro.errors import ConfigError, DataError

SEED = 4711
#: Å, between neighbors: twice the covalent radius, but no less than what makes 0.1 atoms/Å^3, as dense as organic solids are
LEAST_DISTANCE = 2.4
#: Å, so that a molecule does not see its images while its atoms swing
MARGIN = 1.0


class System(NamedTuple):
    """A structure of one file's species."""

    file: Path
    record: dict[str, Any]
    sites: Path
    atoms: int


def base_structure(record: dict[str, Any], path: Path | None, source: Path) -> ase.Atoms:
    """The cell that is repeated: a cubic fcc cell of the first species, or what a file holds.

    Args:
        record: of the model.
        path: structure to take, any format of ASE; None for the fcc cell.
        source: file of the model, for messages.

    Returns:
        Periodic in three directions; a structure that is not gets a box so large that it does not see its images.

    Raises:
        ConfigError: species that the model does not know or that are not chemical elements.
        DataError: no structure can be read.
    """
    names = record["atom_types"]
    if path is None:
        foreign = [name for name in names if name not in atomic_numbers]
        if foreign:
            raise ConfigError(f"species of `{source}` must be elements to make a crystal of, got {', '.join(foreign)}; give `--structure`")
        radius = float(np.mean([covalent_radii[atomic_numbers[name]] for name in names]))
        return bulk(names[0], "fcc", a=np.sqrt(2.0) * max(2.0 * radius, LEAST_DISTANCE), cubic=True)
    try:
        atoms = ase.io.read(path)
    except Exception as error:  # readers of ASE raise whatever they meet
        raise DataError(f"`--structure` must be a file that ASE can read, got `{path}`: {error}") from error
    foreign = sorted(set(atoms.get_chemical_symbols()) - set(names))
    if foreign or len(atoms) == 0:
        raise ConfigError(
            f"`--structure` must hold atoms of the model's species {', '.join(names)}, `{path}` holds {', '.join(foreign) or 'none'}"
        )
    atoms = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if not atoms.pbc.all():
        atoms.center(vacuum=0.5 * record["r_max"] + MARGIN)
        atoms.pbc = True
    return atoms


def repeated(base: ase.Atoms, repeats: tuple[int, int, int], names: list[str], mix: bool) -> ase.Atoms:
    """`base` repeated; with `mix` its sites take all species in a seeded random pattern, in equal parts."""
    atoms = base * repeats
    if mix:
        pattern = np.resize(np.array(names), len(atoms))
        np.random.default_rng(SEED).shuffle(pattern)
        atoms.symbols = pattern
    return atoms


def repeats_for(base: ase.Atoms, n_atoms: int) -> tuple[int, int, int]:
    """Repeats that make about `n_atoms` atoms in a box as near to a cube as can be."""
    cells = max(n_atoms / len(base), 1.0)
    lengths = base.cell.lengths()
    # Sides are equal at n_k = s / length_k, with s from the number of cells; each may be rounded to either side.
    ideal = (cells * lengths.prod()) ** (1.0 / 3.0) / lengths
    choices = [(max(int(np.floor(n)), 1), max(int(np.ceil(n)), 1)) for n in ideal]
    combinations = [(a, b, c) for a in choices[0] for b in choices[1] for c in choices[2]]
    return min(combinations, key=lambda n: (round(abs(np.log(np.prod(n) / cells)), 9), n))
