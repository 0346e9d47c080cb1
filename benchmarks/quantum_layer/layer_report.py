"""Tables and plot of `layer.py`."""

from pathlib import Path
from typing import Any

from timing import shown_ms, shown_ratio

#: goals of this project, for the paper's circuit on 5000 edges
GOALS = {"forward": 10.0, "double backward": 4.0}
TITLES = {
    "forward": "Values",
    "gradient": "Values and derivatives with respect to the features (forces in MD)",
    "double backward": "Training: derivatives of a loss of those derivatives with respect to angles and features",
}


def markdown(record: dict[str, Any]) -> str:
    """The report for people."""
    here, settings = record["machine"], record["settings"]
    lines = [
        "# Time of the quantum layer",
        "",
        f"{here['processor']}, 1 thread, load average {here['load_average'][0]:.2f} at the start, {record['date']}. {settings['dtype']}. "
        "Medians over turns, the methods one after the other within a turn; quartiles in brackets. "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + ".",
        "",
        *_headline(record["headline"]),
    ]
    methods = settings["methods"]
    for what, title in TITLES.items():
        lines += ["", f"## {title}", "", "µs an edge."]
        for family in record["families"]:
            shown = [m for m in methods if any(m in c["measures"][what] for c in family["circuits"])]
            lines += ["", f"{family['title']}:", "", "| " + " | ".join([family["axis"], *shown]) + " |", "|---" * (1 + len(shown)) + "|"]
            for circuit in family["circuits"]:
                cells = [cell(circuit, what, method, settings["edges"]) for method in shown]
                lines.append("| " + " | ".join([str(circuit["number"]), *cells]) + " |")
    lines += [
        "",
        f"Bold: the form that export picks for the circuit. Times are taken on {settings['edges']} edges, or on as many as memory and time "
        f"allow, given in brackets. memory: not even 64 edges fit into {settings['memory']:g} GiB. time: 64 edges take longer than "
        f"{settings['time_limit']:g} s. too large: export refuses the form. †: the form's bound is above that of exact forms, so that "
        "export takes it only within a given tolerance.",
    ]
    return "\n".join(lines) + "\n"


def _headline(headline: dict[str, Any]) -> list[str]:
    measures = headline["measures"]
    methods = [m for m in dict.fromkeys(name for entries in measures.values() for name in entries)]
    edges = max(entry["edges"] for entries in measures.values() for entry in entries.values() if "edges" in entry)
    lines = [
        f"Paper's circuit (4 qubits, 4 features, depth 1, RZ, Y) on {edges} edges, ms:",
        "",
        "| | " + " | ".join([*methods, "TorchLayer / training layer", "goal"]) + " |",
        "|---" * (len(methods) + 3) + "|",
    ]
    for what, entries in measures.items():
        cells = [
            (f"**{shown_ms(entries[m])}**" if m == headline["picked"] else shown_ms(entries[m])) if "seconds" in entries.get(m, {}) else "-"
            for m in methods
        ]
        goal = f"{GOALS[what]:g}" if what in GOALS else ""
        gained = shown_ratio(headline["ratios"][what]) if what in headline["ratios"] else "-"
        lines.append("| " + " | ".join([what, *cells, gained, goal]) + " |")
    return lines


def cell(circuit: dict[str, Any], what: str, method: str, edges: int) -> str:
    """One time in µs an edge, or why there is none; `edges` is the usual number of them."""
    entry = circuit["measures"][what].get(method)
    if entry is None:
        return "-"
    if "skipped" in entry:
        return entry["skipped"]
    text = f"{1e6 * entry['median'] / entry['edges']:.3g}"
    text = f"**{text}**" if method == circuit["picked"] else text + ("†" if method in circuit["inexact"] else "")
    return text if entry["edges"] == edges else f"{text} [{entry['edges']}]"


def draw(record: dict[str, Any], path: Path) -> None:
    """Time per edge: a row for what is computed, a column for each family of circuits. Rings mark the form that export picks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = {"gradient": "values and derivatives", "double backward": "double backward"}
    families = record["families"]
    figure, axes = plt.subplots(
        len(rows), len(families), figsize=(4.6 * len(families), 7.6), sharey="row", sharex="col", squeeze=False, layout="constrained"
    )
    for line, (what, title) in zip(axes, rows.items(), strict=True):
        for axis, family in zip(line, families, strict=True):
            for number, method in enumerate(record["settings"]["methods"]):
                points = [(c, c["measures"][what].get(method, {})) for c in family["circuits"]]
                points = [(c, entry) for c, entry in points if "median" in entry]
                if not points:
                    continue
                x = [c["number"] for c, _ in points]
                y = [1e6 * entry["median"] / entry["edges"] for _, entry in points]
                axis.plot(x, y, "o-", color=f"C{number}", markersize=4, label=method)
                picked = [(a, b) for a, b, (c, _) in zip(x, y, points, strict=True) if c["picked"] == method]
                axis.plot(*zip(*picked, strict=True) if picked else ([], []), "o", color="none", markeredgecolor="black", markersize=10)
            axis.set_yscale("log")
            axis.grid(alpha=0.3, which="both", linewidth=0.5)
            axis.set_xticks([c["number"] for c in family["circuits"]])
        line[0].set_ylabel(f"{title}\ntime per edge (µs)")
    for axis, family in zip(axes[0], families, strict=True):
        axis.set_title(family["title"], fontsize=10)
    for axis, family in zip(axes[-1], families, strict=True):
        axis.set_xlabel(family["axis"])
    axes[0, 0].plot([], [], "o", color="none", markeredgecolor="black", markersize=10, label="picked by export")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=140)
    plt.close(figure)
