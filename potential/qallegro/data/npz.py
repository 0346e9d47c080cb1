"""`.npz` trajectories of one molecule in the layout of MD17 and rMD17."""

from pathlib import Path

import numpy as np

from qallegro.data.config import Keys, Units
from qallegro.data.frame import Frame
from qallegro.data.labels import Factors
from qallegro.errors import DataError

#: quantity -> names it goes by: rMD17, MD17, others
_NAMES = {
    "numbers": ("nuclear_charges", "z", "atomic_numbers", "numbers"),
    "positions": ("coords", "R", "positions"),
    "energy": ("energies", "E", "energy"),
    "forces": ("forces", "F"),
}


def read_npz(path: Path, keys: Keys, units: Units) -> list[Frame]:
    """Frames of an rMD17-style archive; kcal/mol and Å unless `units` says otherwise.

    Raises:
        DataError: an array is missing or has the wrong shape.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise DataError(f"data file must be an archive of plain arrays, got `{path}`: {error}") from error
    numbers = _array(arrays, "numbers", None, path)
    positions = _array(arrays, "positions", None, path)
    energies = _array(arrays, "energy", keys.energy, path)
    forces = _array(arrays, "forces", keys.forces, path, required=False)
    n_frames, n_atoms = positions.shape[0], numbers.size
    energies = energies.reshape(-1)
    for name, array, shape in (
        ("positions", positions, (n_frames, n_atoms, 3)),
        ("energy", energies, (n_frames,)),
        ("forces", forces, (n_frames, n_atoms, 3)),
    ):
        if array is not None and array.shape != shape:
            raise DataError(f"`{name}` must have shape {shape} for {n_frames} frames of {n_atoms} atoms, got {array.shape} in `{path}`")
    factors = Factors(units, energy="kcal/mol")
    missing = np.full((n_atoms, 3), np.nan)
    return [
        Frame(
            numbers=numbers.astype(np.int64).reshape(-1),
            positions=positions[i].astype(np.float64) * factors.length,
            cell=np.zeros((3, 3)),
            pbc=np.zeros(3, dtype=bool),
            energy=float(energies[i]) * factors.energy,
            forces=missing if forces is None else forces[i].astype(np.float64) * factors.forces,
            stress=np.full((3, 3), np.nan),
            source=str(path),
            index=i,
        )
        for i in range(n_frames)
    ]


def _array(arrays: dict[str, np.ndarray], quantity: str, key: str | None, path: Path, required: bool = True) -> np.ndarray | None:
    names = (key,) if key is not None else _NAMES[quantity]
    for name in names:
        if name in arrays:
            return arrays[name]
    if required or key is not None:
        raise DataError(f"`{quantity}` must be in the archive as one of {list(names)}, got only {sorted(arrays)} in `{path}`")
    return None
