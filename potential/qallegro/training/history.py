"""`metrics.csv`: one row an epoch, in eV and Å, and the same numbers for TensorBoard."""

import csv
from pathlib import Path

from qallegro.errors import ConfigError
from qallegro.whole_file import whole_file

COLUMNS = [
    "epoch",
    "step",
    "seconds",
    "learning_rate",
    "train_loss",
    "train_energy_mae",
    "train_forces_mae",
    "validation_loss",
    "validation_energy_mae",
    "validation_energy_rmse",
    "validation_forces_mae",
    "validation_forces_rmse",
    "validation_stress_mae",
]


class CsvHistory:
    """Appends rows to a CSV file.

    Args:
        path: the file; what it holds beyond `first_step` is dropped, for it will be made again.
        first_step: where this part of the run starts.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        self.path = path
        rows = [row for row in read_history(path) if row["step"] <= first_step] if path.is_file() else []
        with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({name: _shown(name, value) for name, value in row.items()} for row in rows)

    def __call__(self, row: dict[str, float]) -> None:
        """Append one row."""
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow({name: _shown(name, value) for name, value in row.items()})


def _shown(name: str, value: float) -> str:
    return str(int(value)) if name in ("epoch", "step") else f"{value:.8g}"


def read_history(path: Path) -> list[dict[str, float]]:
    """Rows of `metrics.csv`; empty cells are left out. A last line cut off by a kill is skipped."""
    with open(path, newline="") as file:
        rows = []
        for row in csv.DictReader(file):
            try:
                rows.append({name: float(value) for name, value in row.items() if name is not None and value})
            except (TypeError, ValueError):
                continue
    return [row for row in rows if "epoch" in row and "train_loss" in row]


class TensorBoardHistory:
    """The same rows as TensorBoard scalars.

    Args:
        folder: where event files go.
        first_step: where this part of the run starts; later points of an earlier part are hidden.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "`trainer.tensorboard` needs the package tensorboard, which is not installed; run `pip install tensorboard`"
            ) from error
        self._writer = SummaryWriter(str(folder), purge_step=first_step or None)

    def __call__(self, row: dict[str, float]) -> None:
        """Write one row."""
        for name, value in row.items():
            if name not in ("epoch", "step"):
                group, _, rest = name.partition("_")
                tag = f"{group}/{rest}" if group in ("train", "validation") else name
                self._writer.add_scalar(tag, value, int(row["step"]))
        self._writer.flush()
