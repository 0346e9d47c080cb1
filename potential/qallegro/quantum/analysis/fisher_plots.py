"""Plots of Fisher information."""

from typing import Any

import numpy as np

from qallegro.quantum.analysis.fisher import KINDS
from qallegro.quantum.analysis.style import BLUE, GRAY, INK, ORANGE, STYLE, TEAL, plt

_COLORS = {"classical": BLUE, "quantum": TEAL, "outputs": ORANGE}
_LABELS = {"classical": "classical, p(y|x, θ)", "quantum": "quantum", "outputs": "outputs <P>"}
#: eigenvalues below are drawn as zero
_FLOOR = 1e-8


def plot_fisher(section: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Eigenvalue histograms, mean matrices, rank against layers, effective dimension."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(14.0, 8.0))
        _histogram(axes[0, 0], arrays["eigenvalues_one_input"], None, "eigenvalues at one input")
        _histogram(axes[0, 1], arrays["eigenvalues"], arrays.get("trained"), f"eigenvalues, mean over {section['inputs']} inputs")
        _effective_dimension(axes[0, 2], section)
        for axis, kind in ((axes[1, 0], "classical"), (axes[1, 1], "quantum")):
            matrix = arrays["mean"][kind].numpy()
            limit = np.abs(matrix).max()
            image = axis.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.set(title=f"mean {kind} information (per rad²)", xlabel="angle", ylabel="angle")
            axis.locator_params(nbins=8, integer=True)
            figure.colorbar(image, ax=axis, shrink=0.85)
        if section.get("by_depth"):
            _ranks(axes[1, 2], section)
        else:
            axes[1, 2].set_visible(False)
        return figure


def _histogram(axis: Any, eigenvalues: dict[str, Any], trained: dict[str, Any] | None, title: str) -> None:
    top = max(float(values.max()) for values in eigenvalues.values())
    edges = np.concatenate([[-np.inf], np.linspace(np.log10(_FLOOR), np.log10(top) + 1e-9, 25)])
    width = edges[2] - edges[1]
    # Zeros get a bar of their own, left of the axis break.
    zero = edges[1] - 2 * width
    centers = np.concatenate([[zero], (edges[1:-1] + edges[2:]) / 2])
    for k, kind in enumerate(KINDS):
        logs = np.log10(np.maximum(eigenvalues[kind].numpy(), 1e-300))
        share = np.histogram(logs, edges)[0] / len(logs)
        axis.bar(centers + (k - 1) * width * 0.3, share, width * 0.3, color=_COLORS[kind], label=_LABELS[kind])
        if trained is not None:
            values = trained[kind]["eigenvalues"].numpy()
            own = np.where(values > _FLOOR, np.log10(np.maximum(values, _FLOOR)), zero)
            axis.plot(own, np.full(len(own), -0.012 * (k + 1)), "|", ms=5, color=_COLORS[kind], clip_on=False)
    ticks = [t for t in (-6, -4, -2, 0, 2) if np.log10(_FLOOR) <= t <= edges[-1] + 0.5]
    axis.set_xticks([zero, *ticks], ["0", *(f"$10^{{{t}}}$" for t in ticks)])
    axis.set(title=title + (" (marks: trained)" if trained is not None else ""), xlabel="eigenvalue (per rad²)", ylabel="share")
    axis.grid(True, axis="y")
    axis.legend(fontsize=9)


def _ranks(axis: Any, section: dict[str, Any]) -> None:
    layers = [row["layers"] for row in section["by_depth"]]
    axis.plot(layers, [row["angles"] for row in section["by_depth"]], color=GRAY, ls=":", label="angles")
    for kind in ("quantum", "classical", "outputs"):
        for which, style in (("at_one_input", "--"), ("over_inputs", "-")):
            values = [row[kind][which] for row in section["by_depth"]]
            marker = {"quantum": "s", "classical": "o", "outputs": "^"}[kind]
            axis.errorbar(
                layers,
                [v["mean"] for v in values],
                [v["std"] for v in values],
                color=_COLORS[kind],
                ls=style,
                marker=marker,
                ms={"quantum": 9, "classical": 6, "outputs": 3}[kind],
                mfc="white" if which == "at_one_input" else None,
                capsize=2,
                label=f"{kind}, {which.replace('_', ' ')}",
            )
    axis.set(title="rank of the information", xlabel="trainable layers", ylabel="rank")
    axis.set_xticks(layers)
    axis.grid(True)
    axis.legend(fontsize=8)


def _effective_dimension(axis: Any, section: dict[str, Any]) -> None:
    items = [(int(count), value) for count, value in section["effective_dimension"].items()]
    counts = [count for count, _ in items]
    means, errors = [v["mean"] for _, v in items], [v["std"] for _, v in items]
    axis.errorbar(counts, means, errors, color=INK, marker="o", capsize=3)
    axis.axhline(section["angles"], color=GRAY, ls=":")
    axis.annotate("angles", (counts[-1], section["angles"]), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=9, color=INK)
    rank = section["classical"]["rank_over_inputs"]["mean"]
    axis.axhline(rank, color=BLUE, ls=":")
    axis.annotate("rank over inputs", (counts[-1], rank), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=9, color=BLUE)
    axis.set(title="effective dimension (Abbas et al., γ = 1)", xlabel="number of data", ylabel="effective dimension", xscale="log")
    axis.set_ylim(0, 1.12 * max(section["angles"], *means))
    axis.grid(True)
