"""Plot of `engine_speed.py`: who takes how long, and how time and memory go with the number of atoms."""

from pathlib import Path
from typing import Any

from engine_candidates import CANDIDATES, ONE
from engine_report import short

#: colors of bars and lines by what runs them
COLORS = {"native": "C0", "torchscript": "C1", "ase": "C2", "snap": "C7", "peer": "C3"}


def draw(record: dict[str, Any], path: Path) -> None:
    """A column for each size; the first precision of the run. Bars: fewest atoms, all layouts.

    Lines, where there are several numbers of atoms: one rank, one thread.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    dtype = record["groups"][0]["dtype"]
    groups = [group for group in record["groups"] if group["dtype"] == dtype]
    sizes = list(dict.fromkeys(group["size"] for group in groups))
    heights = [0.26 * max(len(group["arms"]) for group in groups) + 1.2]
    if len({group["atoms"] for group in groups}) > 1:
        heights += [3.6, 3.2]
    figure, axes = plt.subplots(
        len(heights),
        len(sizes),
        figsize=(6.8 * len(sizes), sum(heights) + 0.4 * len(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for column, size in zip(axes.T, sizes, strict=True):
        chosen = [group for group in groups if group["size"] == size]
        _bars(column[0], chosen[0])
        column[0].set_title(f"size {size}, {dtype}, {chosen[0]['atoms']:,} atoms", fontsize=10)
        if len(column) == 1:
            continue
        _lines(column[1], chosen, lambda arm: 1e6 * arm["loop"]["median"])
        column[1].set_ylabel("time per atom and step (µs)")
        _lines(column[2], chosen, lambda arm: arm["peak_memory"] / 1e6 if arm["peak_memory"] else None)
        column[2].set_ylabel("peak memory (MB)")
    handles = {label: handle for axis in axes[1:2].flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=8, title="one rank, one thread")
    figure.savefig(path, dpi=140)
    plt.close(figure)


def color(name: str) -> str:
    """Of a candidate."""
    candidate = CANDIDATES[name]
    return COLORS[candidate.engine if candidate.runs_in == "lammps" else candidate.runs_in]


def _bars(axis: Any, group: dict[str, Any]) -> None:
    arms = group["arms"]
    values = [1e6 * arm["loop"]["median"] for arm in arms]
    spread = [[1e6 * abs(arm["loop"]["quartiles"][k] - arm["loop"]["median"]) for arm in arms] for k in (0, 1)]
    labels = [f"{CANDIDATES[arm['candidate']].title}, {arm['layout']}" for arm in arms]
    axis.barh(labels, values, xerr=spread, color=[color(arm["candidate"]) for arm in arms], error_kw={"linewidth": 1.0, "capsize": 2})
    for place, (value, above) in enumerate(zip(values, spread[1], strict=True)):
        axis.text(value + above, place, f"  {short(value)}", va="center", fontsize=7)
    axis.set_xscale("log")
    axis.margins(x=0.25, y=0.01)
    axis.tick_params(axis="y", labelsize=7)
    axis.set_xlabel("time per atom and step (µs), quartiles; layout: ranks x threads")
    axis.grid(axis="x", alpha=0.3, linewidth=0.5)
    if arms:
        axis.invert_yaxis()


def _lines(axis: Any, groups: list[dict[str, Any]], value: Any) -> None:
    styles, markers = ("-", "--", ":", "-."), "osD^v"
    seen: dict[str, int] = {}
    for name, candidate in CANDIDATES.items():
        points = [
            (group["atoms"], value(arm))
            for group in groups
            for arm in group["arms"]
            if (arm["candidate"], arm["layout"]) == (name, str(ONE))
        ]
        points = [(x, y) for x, y in points if y is not None]
        if points:
            number = seen.setdefault(color(name), 0)
            seen[color(name)] += 1
            axis.plot(
                *zip(*points, strict=True),
                linestyle=styles[number % len(styles)],
                marker=markers[number % len(markers)],
                markersize=4,
                color=color(name),
                label=candidate.title,
            )
    atoms = [group["atoms"] for group in groups]
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(atoms, [f"{n:,}" for n in atoms])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("atoms")
    axis.grid(alpha=0.3, which="both", linewidth=0.5)
