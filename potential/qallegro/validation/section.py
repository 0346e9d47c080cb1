"""What a workflow has to say: rows, warnings, numbers for JSON and pictures. The command line and the report card show it."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from matplotlib.figure import Figure

from qallegro.validation.references import Reference


@dataclass(frozen=True)
class Row:
    """One number, with what the literature says."""

    quantity: str
    value: float
    unit: str = ""
    references: list[Reference] = field(default_factory=list)

    @property
    def deviation(self) -> float | None:
        """Relative to the first reference, if there is one."""
        return None if not self.references or self.references[0].value == 0 else self.value / self.references[0].value - 1.0


@dataclass
class Section:
    """The face of one result."""

    name: str  #: of the verb
    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    data: Any = None

    def record(self) -> dict[str, Any]:
        """Everything but pictures, ready for JSON; what is no number is null."""
        rows = [
            {"quantity": r.quantity, "value": r.value, "unit": r.unit, "references": [x._asdict() for x in r.references]} for r in self.rows
        ]
        return {
            "name": self.name,
            "title": self.title,
            "rows": plain(rows),
            "notes": self.notes,
            "warnings": self.warnings,
            "data": plain(self.data),
        }


def to_json(record: dict[str, Any]) -> str:
    """Text of a JSON file."""
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """Numbers, strings, lists and tables of what results are made of; structures as species, cell and positions; others are left out."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, ase.Atoms):
        return {"species": value.get_chemical_symbols(), "cell": value.cell.array.tolist(), "positions": value.positions.tolist()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if _known(item)}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value if _known(item)]
    raise TypeError(f"no plain form of {type(value)}")


def _known(value: Any) -> bool:
    kinds = (str, bool, int, float, np.integer, np.floating, np.bool_, np.ndarray, ase.Atoms, dict, list, tuple)
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict") and value and isinstance(value[0], ase.Atoms) and len(value) > 3:
        return False  # a trajectory
    return value is None or isinstance(value, kinds)
