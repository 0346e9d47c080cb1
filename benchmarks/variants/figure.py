"""One point a run, a bar for the mean of the seeds."""

from pathlib import Path

import numpy as np

from outcome import QUANTITIES, Outcome, by_seed
from settings import DATA_SETS, VARIANTS


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Write a PNG: a row for each data set, a column for each quantity. Lines join the runs of a seed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sets = list(dict.fromkeys(o.data_set for o in outcomes))
    figure, axes = plt.subplots(len(sets), len(QUANTITIES), figsize=(11.0, 3.9 * len(sets)), squeeze=False, layout="constrained")
    for row, data_set in zip(axes, sets, strict=True):
        present = [v for v in VARIANTS if by_seed(outcomes, data_set, v, "seed")]
        seeds = sorted({o.seed for o in outcomes if o.data_set == data_set})
        for axis, (quantity, (field, unit)) in zip(row, QUANTITIES.items(), strict=True):
            for number, seed in enumerate(seeds):
                places, values = [], []
                for place, variant in enumerate(present):
                    value = by_seed(outcomes, data_set, variant, field).get(seed)
                    if value is not None:
                        places.append(place)
                        values.append(value)
                axis.plot(places, values, "o-", color=f"C{number}", linewidth=0.6, alpha=0.8, markersize=6, label=f"seed {seed}")
            for place, variant in enumerate(present):
                mean = np.mean(list(by_seed(outcomes, data_set, variant, field).values()))
                axis.hlines(mean, place - 0.28, place + 0.28, color="black", linewidth=2.5, label="mean" if place == 0 else None)
            axis.set_xticks(range(len(present)), [VARIANTS[v].label for v in present])
            axis.set_ylabel(f"{quantity} of test files ({unit})")
            axis.set_title(DATA_SETS[data_set].title)
            axis.set_ylim(bottom=0.0)
            axis.grid(axis="y", alpha=0.3)
    axes[0, 0].legend(fontsize=9)
    figure.savefig(path, dpi=140)
    plt.close(figure)
