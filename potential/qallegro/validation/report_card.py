"""All results of one potential on one page that needs nothing beside itself."""

import base64
from collections.abc import Sequence
from html import escape

from matplotlib.figure import Figure

from qallegro.latency.plot_style import png
from qallegro.validation.section import Row, Section

_CSS = """
body { font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1f2937; background: #f9fafb; margin: 0; }
main { max-width: 1240px; margin: 0 auto; padding: 20px 28px 40px; }
h1 { font-size: 24px; margin: 0 0 2px; } h2 { font-size: 16px; margin: 10px 0 6px; } p { margin: 2px 0 8px; color: #4b5563; }
.cards { columns: 2; column-gap: 16px; } @media (max-width: 900px) { .cards { columns: 1; } }
section { break-inside: avoid; background: white; border: 1px solid #e5e7eb; border-radius: 8px; padding: 2px 16px 12px; margin: 0 0 16px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
td, th { padding: 3px 8px 3px 0; border-bottom: 1px solid #e5e7eb; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } th { color: #4b5563; }
.warning { background: #fef3c7; border-left: 4px solid #d97706; padding: 4px 10px; margin: 6px 0; color: #78350f; }
.good { color: #047857; } .fair { color: #b45309; } .poor { color: #b91c1c; }
img { max-width: 100%; display: block; margin: 8px auto; } small { color: #6b7280; } footer { font-size: 12px; color: #6b7280; }
"""
#: relative deviations up to which a number counts as good and as fair
GOOD, FAIR = 0.05, 0.15


#: px on the page for an inch of a figure
PIXELS_PER_INCH = 68.0


def number(value: float) -> str:
    """Four digits, or a dash."""
    return f"{value:.4g}" if value == value else "–"


def grade(deviation: float) -> str:
    """`good`, `fair` or `poor`, for a relative deviation."""
    return "good" if abs(deviation) <= GOOD else "fair" if abs(deviation) <= FAIR else "poor"


def report_card(title: str, about: Sequence[str], sections: Sequence[Section], skipped: Sequence[tuple[str, str]]) -> str:
    """The page.

    Args:
        title: heading.
        about: lines on the potential and the crystal.
        sections: results in order.
        skipped: workflows that could not be run, and why.
    """
    sources = list(dict.fromkeys(reference.source for part in sections for row in part.rows for reference in row.references))
    cards = "\n".join(_card(part, sources) for part in sections)
    if skipped:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(reason)}</td></tr>" for name, reason in skipped)
        cards += f"\n<section><h2>Not done</h2><table>{rows}</table></section>"
    warned = sum(len(part.warnings) for part in sections)
    lead = "".join(f"<p>{escape(line)}</p>" for line in about)
    state = f'<div class="warning">{warned} warning{"s" if warned != 1 else ""}: see the cards below.</div>' if warned else ""
    notes = "".join(f"<li>{escape(source)}</li>" for source in sources)
    foot = f"<footer><p>References</p><ol>{notes}</ol>" if sources else "<footer>"
    foot += f"<p>Deviations from the first reference: up to {GOOD:.0%} green, up to {FAIR:.0%} amber, beyond red.</p></footer>"
    head = f'<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>{_CSS}</style>'
    body = f'<h1>{escape(title)}</h1>\n{lead}\n{state}\n<div class="cards">\n{cards}\n</div>\n{foot}'
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'


def _card(part: Section, sources: list[str]) -> str:
    referenced = any(row.references for row in part.rows)
    head = '<tr><th></th><th class="n">potential</th><th>unit</th>'
    head += '<th class="n">reference</th><th class="n">deviation</th></tr>' if referenced else "</tr>"
    rows = "".join(_row(row, sources, referenced) for row in part.rows)
    warnings = "".join(f'<div class="warning">{escape(text)}</div>' for text in part.warnings)
    notes = "".join(f"<p><small>{escape(text)}</small></p>" for text in part.notes)
    pictures = "".join(_picture(name, figure) for name, figure in part.figures.items())
    return f"<section>\n<h2>{escape(part.title)}</h2>\n{warnings}<table>{head}{rows}</table>\n{notes}{pictures}</section>"


def _picture(name: str, figure: Figure) -> str:
    width = figure.get_size_inches()[0] * PIXELS_PER_INCH
    content = base64.b64encode(png(figure)).decode()
    return f'<img alt="{escape(name)}" style="width: {width:.0f}px" src="data:image/png;base64,{content}">'


def _row(row: Row, sources: list[str], referenced: bool) -> str:
    start = f'<tr><td>{escape(row.quantity)}</td><td class="n">{number(row.value)}</td><td>{escape(row.unit)}</td>'
    if not referenced:
        return f"{start}</tr>\n"
    shown = ", ".join(f"{number(reference.value)}<sup>{sources.index(reference.source) + 1}</sup>" for reference in row.references)
    deviation = row.deviation
    cell = ""
    if deviation is not None:
        cell = f'<span class="{grade(deviation)}">{deviation:+.1%}</span>'
    return f'{start}<td class="n">{shown}</td><td class="n">{cell}</td></tr>\n'
