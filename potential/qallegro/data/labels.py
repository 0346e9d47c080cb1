"""Energy, forces and stress of an ASE structure, wherever a file format has put them."""

from typing import Any

import ase
import numpy as np

from qallegro.data.config import Keys, Units
from qallegro.data.frame import Frame
from qallegro.data.units import ENERGY, LENGTH, PRESSURE
from qallegro.errors import DataError

_FULL_TO_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))

# Reference stresses are symmetric to the digits printed; more than this is a file in another layout.
STRESS_ASYMMETRY = 1e-2


class Factors:
    """Multipliers from a file's units to eV and Å."""

    def __init__(self, units: Units, energy: str = "eV", length: str = "angstrom") -> None:
        self.energy = ENERGY[units.energy or energy]
        self.length = LENGTH[units.length or length]
        forces_energy = ENERGY[units.forces_energy] if units.forces_energy else self.energy
        forces_length = LENGTH[units.forces_length] if units.forces_length else self.length
        self.forces = forces_energy / forces_length
        stress = PRESSURE[units.stress] if units.stress else self.energy / self.length**3
        self.stress = stress if units.stress_positive == "tension" else -stress


class Labels:
    """Reads labels by their configured names and remembers what it met, for the message when nothing was found."""

    def __init__(self, keys: Keys, units: Units) -> None:
        self.keys = keys
        self.factors = Factors(units)
        self.found: set[str] = set()
        self.available: set[str] = set()

    def frame(self, atoms: ase.Atoms, source: str, index: int) -> Frame:
        """One structure in eV and Å.

        Raises:
            DataError: a label has the wrong shape or is no number.
        """
        n = len(atoms)
        where = f"`{source}`, frame {index}"
        if n == 0:
            raise DataError(f"frame must hold atoms, got none in {where}; remove the frame")
        tables = _tables(atoms)
        for table in tables:
            self.available.update(table)
        energy = self._numbers("energy", tables, where)
        if energy is not None and energy.size != 1:
            raise DataError(f"`energy` must be one number, got shape {energy.shape} in {where}")
        forces = self._numbers("forces", tables, where)
        if forces is not None and forces.shape != (n, 3):
            raise DataError(f"`forces` must have shape ({n}, 3) for {n} atoms, got {forces.shape} in {where}")
        cell = np.array(atoms.cell, dtype=np.float64) * self.factors.length
        return Frame(
            numbers=np.array(atoms.numbers, dtype=np.int64),
            positions=np.array(atoms.positions, dtype=np.float64) * self.factors.length,
            cell=cell,
            pbc=np.array(atoms.pbc, dtype=bool),
            energy=float("nan") if energy is None else float(energy.reshape(())) * self.factors.energy,
            forces=np.full((n, 3), np.nan) if forces is None else forces * self.factors.forces,
            stress=self._stress(tables, cell, where),
            source=source,
            index=index,
            config_type=str(atoms.info.get("config_type", "")),
            split=str(atoms.info.get("split", "")),
        )

    def check_found(self, source: str) -> None:
        """Refuse a name that the user gave and that no frame of the file has.

        Raises:
            DataError: names the key and those that the file does hold.
        """
        for quantity in ("energy", "forces", "stress", "virial"):
            key = getattr(self.keys, quantity)
            if key is not None and quantity not in self.found:
                raise DataError(
                    f"`data.keys.{quantity}` must name a label in the file, got {key!r}, which no frame of `{source}` has; "
                    f"it holds {sorted(self.available)}"
                )

    def _numbers(self, quantity: str, tables: list[dict[str, Any]], where: str) -> np.ndarray | None:
        key = getattr(self.keys, quantity) or quantity
        for table in tables:
            value = table.get(key)
            if value is None:
                continue
            try:
                numbers = np.array(value, dtype=np.float64)
            except (TypeError, ValueError):
                raise DataError(f"`{quantity}` (key {key!r}) must be numbers, got {value!r} in {where}") from None
            self.found.add(quantity)
            return numbers
        return None

    def _stress(self, tables: list[dict[str, Any]], cell: np.ndarray, where: str) -> np.ndarray:
        if self.keys.virial is None:
            value = self._numbers("stress", tables, where)
            return np.full((3, 3), np.nan) if value is None else full_stress(value, "stress", where) * self.factors.stress
        value = self._numbers("virial", tables, where)
        if value is None:
            return np.full((3, 3), np.nan)
        volume = abs(float(np.linalg.det(cell)))
        if volume == 0.0:
            raise DataError(f"`virial` must come with a periodic cell, got a cell without volume in {where}; remove the label")
        return -full_stress(value, "virial", where) * self.factors.energy / volume


def _tables(atoms: ase.Atoms) -> list[dict[str, Any]]:
    """Places where readers leave labels: the calculator (ASE's own names), then info, arrays, and the columns of a database."""
    tables: list[dict[str, Any]] = [] if atoms.calc is None else [atoms.calc.results]
    tables += [atoms.info, atoms.arrays]
    for nested in ("key_value_pairs", "data"):
        if isinstance(atoms.info.get(nested), dict):
            tables.append(atoms.info[nested])
    return tables


def full_stress(value: np.ndarray, name: str, where: str) -> np.ndarray:
    """A (3, 3) symmetric tensor from 6 Voigt numbers (xx, yy, zz, yz, xz, xy), 9 numbers, or 3x3.

    Raises:
        DataError: another size, or not symmetric.
    """
    if value.shape == (6,):
        full = np.empty((3, 3))
        for (a, b), number in zip(_FULL_TO_VOIGT, value, strict=True):
            full[a, b] = full[b, a] = number
        return full
    if value.shape not in ((9,), (3, 3)):
        raise DataError(f"`{name}` must hold 6 (Voigt) or 9 numbers, got shape {value.shape} in {where}")
    full = value.reshape(3, 3)
    asymmetry = np.abs(full - full.T).max()
    if asymmetry > STRESS_ASYMMETRY * np.abs(full).max():
        raise DataError(f"`{name}` must be symmetric, got {full.tolist()} in {where}; check the order of its components")
    return 0.5 * (full + full.T)
