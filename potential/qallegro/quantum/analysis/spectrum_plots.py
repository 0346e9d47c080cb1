"""Plots of Fourier coefficients and of gradient variances."""

from typing import Any

import numpy as np

from qallegro.quantum.analysis.fourier import ZERO
from qallegro.quantum.analysis.style import BLUE, GRAY, INK, ORANGE, STYLE, plt
from qallegro.quantum.circuit import pauli_strings
from qallegro.quantum.config import CircuitConfig

#: frequencies whose distribution is drawn one by one
_MAX_VIOLINS = 60
_MAX_OUTPUTS_SHOWN = 10


def plot_fourier(config: CircuitConfig, arrays: dict[str, Any]) -> Any:
    """Distribution of coefficients over random angles: by frequency for the output with most of them, and sizes for all outputs."""
    if "one_feature" in arrays:
        return _plot_one_feature(config, arrays["one_feature"])
    samples, vectors = arrays["samples"], arrays["vectors"]
    half = arrays["half"][np.lexsort((arrays["half"], np.abs(vectors[arrays["half"]]).sum(1)))]
    sizes = np.abs(samples).max(0)
    output = int((sizes > ZERO).sum(1).argmax())
    paulis = pauli_strings(config)
    shown = half[:_MAX_VIOLINS]
    names = [",".join(str(k).replace("-", "−") for k in vectors[f]) for f in shown]
    trained = arrays.get("trained")
    with plt.rc_context(STYLE):
        rows_height = 0.3 * min(len(paulis), _MAX_OUTPUTS_SHOWN) + 0.4
        size = (max(7.0, 0.28 * len(shown) + 2.0), 7.0 + rows_height)
        figure, axes = plt.subplots(3, 1, figsize=size, height_ratios=[2.7, 2.7, rows_height], sharex=True)
        for axis, part, color in ((axes[0], "real", BLUE), (axes[1], "imag", ORANGE)):
            values = getattr(samples[:, output][:, shown], part)
            alive = np.flatnonzero(np.abs(values).max(0) > ZERO)
            if len(alive):
                bodies = axis.violinplot(values[:, alive], alive, widths=0.85, showextrema=False)["bodies"]
                for body in bodies:
                    body.set(facecolor=color, alpha=0.55)
            if trained is not None:
                axis.plot(np.arange(len(shown)), getattr(trained[output, shown], part), "_", ms=9, mew=2, color=INK, label="trained angles")
                axis.legend()
            axis.axhline(0.0, color=GRAY, lw=0.8)
            axis.set(ylabel=f"{'real' if part == 'real' else 'imaginary'} part of $c_k$")
            axis.grid(True, axis="y")
        note = "" if len(shown) == len(half) else f" (the first {len(shown)} of {len(half)})"
        axes[0].set_title(f"coefficients of <{paulis[output]}> over random angles, one of each pair k, −k{note}")
        rows = np.sqrt((np.abs(samples[:, :_MAX_OUTPUTS_SHOWN][:, :, shown]) ** 2).mean(0))
        logs = np.where(sizes[:_MAX_OUTPUTS_SHOWN][:, shown] > ZERO, np.log10(np.maximum(rows, 1e-300)), np.nan)
        image = axes[2].imshow(logs, aspect="auto", cmap="viridis")
        axes[2].set_facecolor("#f3f4f6")
        axes[2].set_yticks(range(len(rows)), paulis[: len(rows)], family="monospace")
        axes[2].set_xticks(range(len(shown)), names, rotation=90, fontsize=7)
        axes[2].set(xlabel="frequency k (grey: identically zero)")
        figure.colorbar(image, ax=axes[2], label="log10 of rms size", aspect=12)
        return figure


def _plot_one_feature(config: CircuitConfig, found: list[np.ndarray]) -> Any:
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(8.0, 4.4))
        for feature, sizes in enumerate(found):
            rms = np.sqrt((sizes**2).mean((0, 1)))
            axis.plot(np.arange(len(rms)), np.maximum(rms, 1e-16), marker="o", ms=4, label=f"x{feature}" if len(found) <= 12 else None)
        axis.set(title="series in one feature, the others at random", xlabel="frequency", ylabel="rms size of $c_k$", yscale="log")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(True)
        if len(found) <= 12:
            axis.legend(ncols=2, fontsize=9)
        return figure


def plot_plateaus(section: dict[str, Any]) -> Any:
    """Variance of gradients against qubits and against depth."""
    panels = [("by_qubits", "num_qubits", "qubits"), ("by_depth", "depth", "layers of a trainable block")]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), sharey=True)
        for axis, (key, name, label) in zip(axes, panels, strict=True):
            rows = section[key]
            x = np.array([row[name] for row in rows])
            for kind, color, text in (("own", BLUE, "its own observables"), ("global", ORANGE, "one on all qubits")):
                y = np.array([row[kind]["variance"] for row in rows])
                error = np.array([row[kind]["bootstrap_error"] for row in rows])
                rate = section.get("rates_per_qubit", {}).get(kind) if key == "by_qubits" else None
                note = f": $2^{{-({rate['rate']:.2f} \\pm {rate['error']:.2f})\\,n}}$" if rate else ""
                axis.errorbar(x, y, error, color=color, marker="o", ms=5, capsize=3, ls="" if rate else "-", label=text + note)
                if rate:
                    middle = np.log2(y).mean() + rate["rate"] * x.mean()
                    axis.plot(x, 2.0 ** (middle - rate["rate"] * x), color=color, lw=1.0)
            axis.set(xlabel=label, yscale="log", xticks=x)
            axis.grid(True)
            axis.legend(fontsize=9)
        axes[0].set(title="gradient variance, mean over angles that act", ylabel="variance of d<P>/dθ (per rad²)")
        return figure
