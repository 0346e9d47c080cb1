"""What the plots of an analysis share."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - the backend must be chosen first
from matplotlib.figure import Figure  # noqa: E402

BLUE, ORANGE, GRAY, INK, TEAL = "#1d4ed8", "#c2410c", "#9ca3af", "#1f2937", "#0f766e"
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def close(figure: Figure) -> None:
    """Forget a figure; pyplot would keep it."""
    plt.close(figure)
