"""One page of a study with plots to point at: a file that needs nothing else, not even a network."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io

from qallegro.latency.plot_style import SERIES
from qallegro.tuning.front import Results
from qallegro.tuning.objectives import heading
from qallegro.tuning.outcome import record_of
from qallegro.tuning.plots import is_logarithmic

#: values of a variable that all get a tick
_FEW_VALUES = 6
#: of logarithmic axes
_TICKS = [float(f"{digit}e{power}") for power in range(-4, 8) for digit in (1, 2, 5)]
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;color:#1f2937;max-width:1100px;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse;font-size:13px}}td,th{{padding:3px 9px;border-bottom:1px solid #e5e7eb;text-align:right}}
td:last-child,th:last-child{{text-align:left}}h2{{margin-top:2em}}code{{background:#f3f4f6;padding:1px 4px}}</style></head>
<body><h1>{title}</h1><p>{summary}</p>
{sections}
</body></html>
"""


def page(records: Mapping[str, dict[str, Any]], studies: Mapping[str, Results], shares: Mapping[str, Mapping[str, float]]) -> str:
    """The page as HTML.

    Args:
        records: name -> content of `front.json`.
        studies: name -> results.
        shares: objective -> variable -> importance, of the first study.
    """
    figures = {"Trade-off": _trade_off(studies), "Hypervolume": _hypervolume(studies)}
    first = next(iter(studies.values()))
    figures["Variables and objectives"] = _parallel(first)
    if shares:
        figures["Importance"] = _importance(shares)
    sections = []
    for number, (title, figure) in enumerate(figures.items()):
        figure.update_layout(template="plotly_white", margin={"l": 60, "r": 30, "t": 30, "b": 50}, font={"size": 13})
        # The library is part of the page, once.
        part = plotly.io.to_html(figure, include_plotlyjs=number == 0, full_html=False, div_id=f"figure-{number}")
        sections.append(f"<h2>{html.escape(title)}</h2>\n{part}")
    for name, record in records.items():
        sections.append(
            f"<h2>Front of {html.escape(name)}</h2>\n{_table(record)}<p>Made by <code>{html.escape(record['command'])}</code></p>"
        )
    parts = [
        f"{html.escape(name)}: {record['trials']['trained_to_the_end']} models trained to the end, of {record['trials']['ended']} trials; "
        f"sampler {record['sampler']}, seed {record['seed']}; hypervolume {record['hypervolume']:.4f}"
        for name, record in records.items()
    ]
    return _PAGE.format(title=html.escape(f"Study {', '.join(records)}"), summary="<br>".join(parts), sections="\n".join(sections))


def _words(found: Results) -> list[str]:
    texts = []
    for trial in found.trials:
        record = record_of(trial)
        lines = [f"trial {trial.number}", *(f"{heading(n)}: {v:.4g}" for n, v in record["objectives"].items())]
        lines += [f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}" for name, value in record["values"].items()]
        texts.append("<br>".join(html.escape(line) for line in lines))
    return texts


def _trade_off(studies: Mapping[str, Results]) -> go.Figure:
    figure = go.Figure()
    for k, (label, found) in enumerate(studies.items()):
        words, color = _words(found), SERIES[k % len(SERIES)]
        for on, name in ((False, "dominated"), (True, "front")):
            chosen = [i for i in range(len(words)) if found.on_front[i] == on]
            columns = [found.values[chosen, c] for c in (range(3) if len(found.names) == 3 else (1, 0))]
            marker = {"size": 9 if on else 6, "color": color, "opacity": 1.0 if on else 0.35}
            shared = {
                "mode": "markers",
                "marker": marker,
                "name": f"{label}: {name}",
                "hoverinfo": "text",
                "text": [words[i] for i in chosen],
            }
            if len(found.names) == 3:
                figure.add_trace(go.Scatter3d(x=columns[0], y=columns[1], z=columns[2], **shared))
                continue
            figure.add_trace(go.Scatter(x=columns[0], y=columns[1], **shared))
            if on:
                order = np.argsort(columns[0])
                stairs = {"shape": "hv", "color": color, "width": 1.2}
                line = go.Scatter(x=columns[0][order], y=columns[1][order], mode="lines", line=stairs, hoverinfo="skip", showlegend=False)
                figure.add_trace(line)
    names = next(iter(studies.values())).names
    if len(names) == 3:
        titles = dict(zip(("xaxis_title", "yaxis_title", "zaxis_title"), map(heading, names), strict=True))
        return figure.update_layout(scene=titles, height=650)
    every = np.concatenate([found.values for found in studies.values()])
    for axis, column in (("xaxis", 1), ("yaxis", 0)):
        if is_logarithmic(every[:, column]):
            figure.update_layout({axis: {"type": "log", "tickvals": _TICKS}})
    return figure.update_layout(xaxis_title=heading(names[1]), yaxis_title=heading(names[0]), height=520)


def _hypervolume(studies: Mapping[str, Results]) -> go.Figure:
    figure = go.Figure()
    for k, (label, found) in enumerate(studies.items()):
        history = [found.hypervolume(n) for n in range(1, len(found.trials) + 1)]
        x = list(range(1, len(history) + 1))
        figure.add_trace(go.Scatter(x=x, y=history, line={"shape": "hv", "color": SERIES[k % len(SERIES)]}, name=label))
    return figure.update_layout(xaxis_title="trials trained to the end", yaxis_title="hypervolume (share of the box)", height=360)


def _parallel(found: Results) -> go.Figure:
    """One line a trial through its variables and objectives."""
    records = [record_of(trial) for trial in found.trials]
    variables = list(dict.fromkeys(name for record in records for name in record["values"]))
    dimensions = []
    for name in variables:
        column = [record["values"].get(name) for record in records]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
            few = sorted(set(column)) if len(set(column)) <= _FEW_VALUES else None
            ticks = {} if few is None else {"tickvals": few, "ticktext": [f"{value:g}" for value in few]}
            dimensions.append({"label": name.removeprefix("model.").removeprefix("training."), "values": column, **ticks})
        else:
            texts = sorted({str(value) for value in column})
            ticks = {"tickvals": list(range(len(texts))), "ticktext": texts}
            dimensions.append({"label": name.removeprefix("model."), "values": [texts.index(str(value)) for value in column], **ticks})
    for k, name in enumerate(found.names):
        dimensions.append({"label": heading(name), "values": found.values[:, k]})
    line = {
        "color": found.values[:, 0],
        "colorscale": "Viridis",
        "showscale": True,
        "colorbar": {"title": heading(found.names[0]), "x": 1.06},
    }
    # Slanted labels need room above the lines.
    lines = go.Parcoords(line=line, dimensions=dimensions, labelangle=-15, domain={"y": [0.0, 0.8]})
    return go.Figure(lines).update_layout(height=520)


def _importance(shares: Mapping[str, Mapping[str, float]]) -> go.Figure:
    figure = go.Figure()
    for k, (name, table) in enumerate(shares.items()):
        figure.add_trace(go.Bar(x=list(table.values()), y=list(table), orientation="h", name=heading(name), marker_color=SERIES[k]))
    return figure.update_layout(xaxis_title="share of the variance", yaxis={"autorange": "reversed"}, height=420, barmode="group")


def _table(record: dict[str, Any]) -> str:
    titles = ["trial", *map(heading, record["objectives"]), "weights", "exported file"]
    rows = []
    for model in record["models"]:
        cells = [
            model["trial"],
            *(f"{model['objectives'][name]:.4g}" for name in record["objectives"]),
            f"{model['weights']:,}",
            model["exported"],
        ]
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return "<table><tr>" + "".join(f"<th>{html.escape(title)}</th>" for title in titles) + "</tr>" + "".join(rows) + "</table>"
