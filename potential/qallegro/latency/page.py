"""Reports as one HTML page that needs nothing beside itself, and as a Markdown table."""

import base64
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from qallegro.latency.phase_plots import phase_bars, rank_bars
from qallegro.latency.phases import color, label
from qallegro.latency.plot_style import png
from qallegro.latency.reports import shown_phases

_CSS = """
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1f2937; background: #f9fafb; margin: 0; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 32px 48px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; } p { margin: 4px 0 12px; color: #4b5563; }
section { background: white; border: 1px solid #e5e7eb; border-radius: 8px; padding: 4px 20px 16px; margin-top: 20px; }
section h2 { margin-top: 14px; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: #4b5563; border-bottom: 2px solid #d1d5db; vertical-align: bottom; }
td, th { padding: 5px 10px 5px 0; } td { border-bottom: 1px solid #e5e7eb; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { color: #6b7280; } .key { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px; }
img { max-width: 100%; display: block; margin: 8px 0; } pre { background: #f3f4f6; padding: 12px; overflow-x: auto; font-size: 12.5px; }
"""

#: heading, value of a report
_COLUMNS = (
    ("ranks x threads", lambda r: f"{r['ranks']} x {r['threads']}"),
    ("atoms", lambda r: f"{r['atoms']}"),
    ("steps", lambda r: f"{r['steps']}"),
    ("median step (ms)", lambda r: f"{1e3 * r['step']['median']:.4g}"),
    ("p99 (ms)", lambda r: f"{1e3 * r['step']['p99']:.4g}"),
    ("atom-steps/s", lambda r: f"{r['atom_steps_per_second']:.4g}"),
    ("ns/day", lambda r: "–" if r["ns_per_day"] is None else f"{r['ns_per_day']:.4g}"),
    ("peak memory (MiB)", lambda r: f"{r['peak_memory_bytes'] / 2**20:.0f}"),
)


def html_page(reports: list[dict[str, Any]], names: list[str]) -> str:
    """The page: runs, phases, ranks, statistics of each phase, machine, and the table for papers.

    Args:
        reports: at least one, checked.
        names: of their files.
    """
    parts = [
        _section("Runs", f'<div class="scroll">{_runs(reports, names)}</div>'),
        _section("Phases", _image(phase_bars(reports), "stacked bars of phases for every run")),
    ]
    for number, report in enumerate(reports, 1):
        title = f"Run {number}: {escape(Path(report['model']).name)}, {escape(report['engine'])} in {escape(report['source'])}"
        content = f'<div class="scroll">{_statistics(report)}</div>'
        if report["ranks"] > 1 and len(report["per_rank"]) > 1:
            content += _image(rank_bars(report, f"Run {number}"), f"time of every rank by phase in run {number}")
        parts.append(_section(title, content))
    parts.append(_section("Versions and machine", f'<div class="scroll">{_origins(reports)}</div>'))
    parts.append(_section("Markdown", f"<pre>{escape(markdown_table(reports))}</pre>"))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>qallegro: where the time goes</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n<main>\n<h1>Where the time goes</h1>\n<p>{_summary(reports)}</p>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def markdown_table(reports: list[dict[str, Any]]) -> str:
    """One row a run: what ran, its speed and memory, and the share of every phase that took time."""
    phases = shown_phases(reports)
    heads = ["model", "engine", "in", *(head for head, _ in _COLUMNS), *(f"{label(name)} (%)" for name in phases)]
    rows = []
    for report in reports:
        sums = sum(values["mean"] for values in report["phases"].values())
        shares = [100.0 * report["phases"].get(name, {}).get("mean", 0.0) / sums if sums else 0.0 for name in phases]
        texts = [Path(report["model"]).name, report["engine"], report["source"]]
        rows.append([text.replace("|", "\\|") for text in texts] + [value(report) for _, value in _COLUMNS] + [f"{s:.1f}" for s in shares])
    rules = [":--"] * 3 + ["--:"] * (len(heads) - 3)
    return "".join("| " + " | ".join(row) + " |\n" for row in (heads, rules, *rows))


def _runs(reports: list[dict[str, Any]], names: list[str]) -> str:
    heads = "".join(f"<th>{head}</th>" for head in ("", "model", "engine")) + "".join(f'<th class="n">{head}</th>' for head, _ in _COLUMNS)
    rows = ""
    for number, (report, name) in enumerate(zip(reports, names, strict=True), 1):
        form = f", surrogate {report['surrogate']}" if report.get("surrogate") else ""
        rows += f"<tr><td>{number}</td><td>{escape(Path(report['model']).name)}<br><small>{escape(name)}</small></td>"
        rows += (
            f"<td>{escape(report['engine'])} in {escape(report['source'])}<br><small>{escape(report['description'] + form)}</small></td>"
        )
        rows += "".join(f'<td class="n">{escape(value(report))}</td>' for _, value in _COLUMNS) + "</tr>\n"
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table>"


def _statistics(report: dict[str, Any]) -> str:
    keys = ("mean", "median", "p95", "p99", "max")
    heads = "<th>phase (ms a step)</th>" + "".join(f'<th class="n">{key}</th>' for key in (*keys, "share (%)"))
    sums = sum(values["mean"] for values in report["phases"].values())
    rows = ""
    for name, values in [*((name, report["phases"][name]) for name in shown_phases([report])), ("step", report["step"])]:
        key = f'<span class="key" style="background:{color(name)}"></span>{label(name)}' if name != "step" else "<b>step</b>"
        share = 100.0 * values["mean"] / sums if sums else 0.0
        cells = [f"{1e3 * values[k]:.4g}" for k in keys] + [f"{share:.1f}"]
        rows += f"<tr><td>{key}</td>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>\n"
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table>"


def _origins(reports: list[dict[str, Any]]) -> str:
    rows = ""
    for number, report in enumerate(reports, 1):
        versions = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
        machine = f"{report['machine'].get('processor', 'unknown')}, {report['machine'].get('cores', 'unknown number of')} cores"
        rows += f"<tr><td>{number}</td><td>{escape(versions)}</td><td>{escape(machine)}</td><td>{escape(report['dtype'])}</td></tr>\n"
    return f"<table><thead><tr><th></th><th>versions</th><th>machine</th><th>network</th></tr></thead><tbody>\n{rows}</tbody></table>"


def _summary(reports: list[dict[str, Any]]) -> str:
    count = f"{len(reports)} runs" if len(reports) > 1 else "One run"
    return f"{count}. Times of phases are means over steps and ranks; steps of the warmup do not count."


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>"


def _image(figure: Figure, description: str) -> str:
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{base64.b64encode(png(figure)).decode()}">'
