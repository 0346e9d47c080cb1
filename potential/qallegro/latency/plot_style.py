"""How plots of latencies look, and how they become files and parts of pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qallegro.whole_file import whole_file

INK = "#1f2937"
SERIES = ("#1d4ed8", "#c2410c", "#0f766e", "#a21caf", "#ca8a04", "#dc2626", "#0ea5e9", "#65a30d")
MARKERS = "osD^vP*X"

_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Figures made in this block look like ours."""
    with matplotlib.rc_context(_STYLE):
        yield


def png(figure: Figure) -> bytes:
    """The picture as a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the picture, whole or not at all."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def horizontal(axis: Axes) -> None:
    """Bars that lie need lines for their lengths alone."""
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
