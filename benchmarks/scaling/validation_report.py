"""Table and plot of `validate.py`."""

from pathlib import Path
from typing import Any

QUANTITIES = {
    "ghosts": "ghost atoms a rank",
    "edges": "edges a rank",
    "messages": "messages a rank and step",
    "bytes": "bytes a rank and step",
}


def markdown(result: dict[str, Any]) -> str:
    """Measured / model of all counts, and times."""
    lines = [
        f"{result['atoms']:,} atoms, {result['density']:.4g} atoms/Å^3, r_max {result['r_max']:g} Å, skin {result['skin']:g} Å, "
        f"model {result['model']}, {result['cores']} cores. Measured / model:",
        "",
        "| structure | ranks | " + " | ".join(QUANTITIES.values()) + " |",
        "|---|---|" + "---|" * len(QUANTITIES),
    ]
    for row in result["counts"]:
        cells = [_compared(row[name]) for name in QUANTITIES]
        lines.append(f"| {row['structure']} | {row['ranks']} | " + " | ".join(cells) + " |")
    lines += ["", "| scaling | ranks | atoms | ms a step, measured / model | efficiency, measured / model |", "|---|---|---|---|---|"]
    for row in result["times"]:
        ms, model_ms = 1e3 * row["measured"], 1e3 * row["model"]
        efficiency = f"{row['measured_efficiency']:.0%} / {row['efficiency']:.0%}"
        what = f"{row['scaling']} | {row['ranks']} | {row['atoms']:,}"
        lines.append(f"| {what} | {ms:.3g} / {model_ms:.3g} ({ms / model_ms - 1:+.0%}) | {efficiency} |")
    return "\n".join(lines) + "\n"


def draw(result: dict[str, Any], path: Path) -> None:
    """Counts against ranks, lines for the model and marks for what was measured; times as bars."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = ("ghosts", "edges", "bytes")
    figure, axes = plt.subplots(1, len(shown) + 1, figsize=(14, 3.6), layout="constrained")
    for axis, name in zip(axes, shown, strict=False):
        for structure, mark in (("crystal", "s"), ("disordered", "o")):
            rows = [row for row in result["counts"] if row["structure"] == structure]
            ranks = [row["ranks"] for row in rows]
            axis.plot(ranks, [row[name]["measured"] for row in rows], mark, fillstyle="none", label=f"LAMMPS, {structure}")
        axis.plot(ranks, [row[name]["model"] for row in rows], "k-", linewidth=1, label="model")
        axis.set(xscale="log", xlabel="MPI ranks", ylabel=QUANTITIES[name], ylim=(0, None))
        axis.set_xticks(ranks, [str(n) for n in ranks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False, fontsize=8)
    last = axes[-1]
    strong = [row for row in result["times"] if row["scaling"] == "strong"]
    for k, row in enumerate(strong):
        last.bar(k - 0.2, 1e3 * row["measured"], 0.38, color="C0", label="LAMMPS" if k == 0 else None)
        last.bar(k + 0.2, 1e3 * row["model"], 0.38, color="0.6", label="model" if k == 0 else None)
    last.set_xticks(range(len(strong)), [str(row["ranks"]) for row in strong])
    last.set(xlabel="MPI ranks", ylabel="ms a step")
    last.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _compared(values: dict[str, float]) -> str:
    measured, model = values["measured"], values["model"]
    if not model:
        return f"{measured:,.0f} / 0"
    digits = ",.1f" if model < 100 else ",.0f"
    return f"{measured:{digits}} / {model:{digits}} ({measured / model - 1:+.1%})"
