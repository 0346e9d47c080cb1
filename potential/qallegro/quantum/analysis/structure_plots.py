"""Plots of light cones and of ZX diagrams."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from qallegro.quantum.analysis.light_cones import LightCone
from qallegro.quantum.analysis.style import BLUE, INK, ORANGE, STYLE, TEAL, plt
from qallegro.quantum.analysis.zx_diagram import STATE, UNITARY, Reduction
from qallegro.quantum.circuit import gates
from qallegro.quantum.config import CircuitConfig

#: names of parameters on spiders are readable up to so many
_MAX_LABELS = 60
_MAX_TERMS = 3


def plot_light_cones(config: CircuitConfig, cones: list[LightCone]) -> Any:
    """Observables against rotations in the order of the circuit: outside the cone, inside without effect, acting."""
    rotations = [(g, gate) for g, gate in enumerate(gates(config)) if len(gate.qubits) == 1]
    table = np.zeros((len(cones), len(rotations)))
    for row, cone in enumerate(cones):
        inside, angles, features = set(cone.gates), set(cone.acting_angles), set(cone.acting_features)
        for column, (g, gate) in enumerate(rotations):
            acts = gate.angle in angles if gate.angle is not None else gate.feature in features
            table[row, column] = 2 if acts else int(g in inside)
    names = [f"θ{gate.angle}" if gate.angle is not None else f"x{gate.feature}" for _, gate in rotations]
    colors = ["#f3f4f6", "#fdba74", TEAL]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(min(max(6.0, 0.3 * len(rotations) + 1.5), 40.0), 1.6 + 0.3 * len(cones)))
        axis.pcolormesh(table, cmap=ListedColormap(colors), vmin=-0.5, vmax=2.5, edgecolors="white", linewidth=1.0)
        axis.set_yticks(np.arange(len(cones)) + 0.5, [cone.pauli for cone in cones], family="monospace")
        axis.invert_yaxis()
        axis.set_xticks(np.arange(len(rotations)) + 0.5, names, rotation=90, fontsize=8)
        axis.set(xlabel="rotations, in the order of the circuit", ylabel="observable")
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
        labels = ("outside the light cone", "inside, no effect", "acts")
        handles = [Patch(color=color, label=label) for color, label in zip(colors, labels, strict=True)]
        axis.legend(handles=handles, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=9)
        return figure


def plot_diagrams(config: CircuitConfig, reductions: dict[str, Reduction], checked: Callable[[str], bool]) -> Any:
    """Before and after, of the unitary, of the state, and of the first expectation value.

    Args:
        config: the circuit.
        reductions: by name.
        checked: whether a reduction's equality was confirmed.
    """
    first = next(name for name in reductions if name not in (UNITARY, STATE))
    rows = [(UNITARY, "unitary U"), (STATE, "state U|0>"), (first, f"expectation value <{first}>")]
    count = config.num_angles + config.num_features
    width = min(max(12.0, 0.36 * count), 40.0)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, 2, figsize=(width, 0.9 * config.num_qubits + 7.5), width_ratios=[1.1, 1.0])
        for (name, title), (left, right) in zip(rows, axes, strict=True):
            reduction = reductions[name]
            before, after = reduction.generic_phases
            verdict = "checked equal" if checked(name) else "equality not confirmed"
            _draw(left, reduction.before, {})
            left.set_title(f"{title}: {before} generic phases", pad=18)
            _draw(right, reduction.after, _labels(config, reduction))
            right.set_title(f"reduced: {after} generic phases ({verdict})", pad=18)
        handles = [
            plt.Line2D([], [], marker="o", ls="", color=_GREEN, label="Z spider"),
            plt.Line2D([], [], marker="o", ls="", color=_RED, label="X spider"),
            plt.Line2D([], [], marker="o", ls="", color=ORANGE, label="spider with a generic phase, and its angles θ and features x"),
            plt.Line2D([], [], color=BLUE, ls="--", lw=1.0, label="Hadamard edge"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)
        return figure


_GREEN, _RED = "#86efac", "#fca5a5"


def _draw(axis: Axes, graph: Any, labels: dict[Any, str]) -> None:
    from pyzx.utils import EdgeType, VertexType

    # Columns of a reduced diagram lie anywhere; evenly spaced they leave room for names.
    columns = {row: k for k, row in enumerate(sorted({graph.row(v) for v in graph.vertices()}))}
    place = {v: (columns[graph.row(v)], -float(graph.qubit(v))) for v in graph.vertices()}
    for kind, color, dashes in ((EdgeType.SIMPLE, "#6b7280", "-"), (EdgeType.HADAMARD, BLUE, "--")):
        ends = [graph.edge_st(edge) for edge in graph.edges() if graph.edge_type(edge) == kind]
        axis.add_collection(LineCollection([[place[u], place[v]] for u, v in ends], colors=color, linestyles=dashes, lw=0.7, zorder=1))
    vertices = list(place)
    boundary = [graph.type(v) == VertexType.BOUNDARY for v in vertices]
    colors = [INK if b else _color(graph, v) for v, b in zip(vertices, boundary, strict=True)]
    sizes = [8 if b else 34 for b in boundary]
    axis.scatter(*zip(*place.values(), strict=True), s=sizes, c=colors, edgecolor=INK, lw=0.4, zorder=2)
    for v, label in labels.items():
        axis.annotate(label, place[v], xytext=(1, 4), textcoords="offset points", rotation=55, fontsize=6.5, zorder=3)
    axis.margins(0.04, 0.12)
    axis.axis("off")


def _color(graph: Any, vertex: Any) -> str:
    from pyzx.utils import VertexType

    if (graph.phase(vertex) * 2) % 1 != 0:
        return ORANGE
    return _RED if graph.type(vertex) == VertexType.X else _GREEN


def _labels(config: CircuitConfig, reduction: Reduction) -> dict[Any, str]:
    """Sums of parameters on the spiders of a reduced diagram."""
    if reduction.coefficients is None or len(reduction.places) > _MAX_LABELS:
        return {}
    names = [f"θ{k}" for k in range(config.num_angles)] + [f"x{k}" for k in range(config.num_features)]
    labels = {}
    for place, row in zip(reduction.places, reduction.coefficients, strict=True):
        used = np.flatnonzero(row)
        if isinstance(place, int) and len(used):
            terms = "".join(f"{'-' if row[k] < 0 else '+'}{_factor(row[k])}{names[k]}" for k in used[:_MAX_TERMS])
            labels[place] = terms.removeprefix("+").replace("-", "−") + ("…" if len(used) > _MAX_TERMS else "")
    return labels


def _factor(coefficient: float) -> str:
    return "" if abs(coefficient) == 1 else f"{abs(coefficient):g}·"
