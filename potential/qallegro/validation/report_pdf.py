"""The report card as a PDF: the same sections as on the page, one below the other, in fonts that it carries."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
from fpdf import FPDF
from fpdf.fonts import FontFace

from qallegro.latency.plot_style import png
from qallegro.validation.report_card import FAIR, GOOD, grade, number
from qallegro.validation.section import Section

_INK, _GREY = (31, 41, 55), (107, 114, 128)
_GRADES = {"good": (4, 120, 87), "fair": (180, 83, 9), "poor": (185, 28, 28)}
#: mm, width of the text of an A4 page and height that a picture may take
_WIDTH, _TALLEST = 180.0, 105.0
#: mm of paper for an inch of a figure: its letters are then a little smaller than those of the text
_MM_PER_INCH = 20.0


class _Page(FPDF):
    def footer(self) -> None:
        self.set_y(-12)
        self.set_font("sans", size=7)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


def report_pdf(title: str, about: Sequence[str], sections: Sequence[Section], skipped: Sequence[tuple[str, str]]) -> bytes:
    """The document; arguments as of `report_card`."""
    page = _Page(format="A4")
    page.set_margins(15, 14)
    page.set_auto_page_break(True, 15)
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # DejaVu has the letters of our units
    page.add_font("sans", "", fonts / "DejaVuSans.ttf")
    page.add_font("sans", "B", fonts / "DejaVuSans-Bold.ttf")
    page.set_title(title)
    page.add_page()
    _text(page, title, 15, "B")
    for line in about:
        _text(page, line, 8, color=_GREY)
    sources = list(dict.fromkeys(reference.source for part in sections for row in part.rows for reference in row.references))
    for part in sections:
        _section(page, part, sources)
    if skipped:
        _heading(page, "Not done")
        for name, reason in skipped:
            _text(page, f"{name}: {reason}", 8)
    if sources:
        _heading(page, "References")
        for place, source in enumerate(sources, 1):
            _text(page, f"{place}. {source}", 7, color=_GREY)
        _text(page, f"Deviations from the first reference: up to {GOOD:.0%} green, up to {FAIR:.0%} amber, beyond red.", 7, color=_GREY)
    return bytes(page.output())


def _text(page: FPDF, text: str, size: float, style: str = "", color: tuple[int, int, int] = _INK) -> None:
    page.set_font("sans", style, size)
    page.set_text_color(*color)
    page.multi_cell(0, 0.5 * size, text, new_x="LMARGIN", new_y="NEXT", align="L")


def _heading(page: FPDF, text: str) -> None:
    if page.will_page_break(40.0):
        page.add_page()
    page.ln(4)
    _text(page, text, 11, "B")
    page.ln(1)


def _section(page: FPDF, part: Section, sources: list[str]) -> None:
    _heading(page, part.title)
    for warning in part.warnings:
        _text(page, f"Warning: {warning}", 8, color=_GRADES["fair"])
    if part.rows:
        _table(page, part, sources)
    page.ln(1)
    for note in part.notes:
        _text(page, note, 7, color=_GREY)
    for figure in part.figures.values():
        width, height = (_MM_PER_INCH * length for length in figure.get_size_inches())
        shrink = min(1.0, _WIDTH / width, _TALLEST / height)
        if page.will_page_break(shrink * height + 2.0):
            page.add_page()
        page.image(BytesIO(png(figure)), w=shrink * width, h=shrink * height)


def _table(page: FPDF, part: Section, sources: list[str]) -> None:
    referenced = any(row.references for row in part.rows)
    names = ["", "potential", "unit", *(["reference", "deviation"] if referenced else [])]
    widths, align = ((70, 26, 34, 30, 20), ("LEFT", "RIGHT", "LEFT", "RIGHT", "RIGHT"))
    page.set_font("sans", size=8)
    page.set_text_color(*_INK)
    page.set_draw_color(209, 213, 219)
    count = len(names)
    with page.table(
        width=sum(widths[:count]),
        col_widths=widths[:count],
        text_align=align[:count],
        align="LEFT",
        borders_layout="HORIZONTAL_LINES",
        line_height=4.2,
        headings_style=FontFace(emphasis="", color=_GREY),
    ) as table:
        table.row(names)
        for row in part.rows:
            line = table.row()
            for cell in (row.quantity, number(row.value), row.unit):
                line.cell(cell)
            if not referenced:
                continue
            line.cell(", ".join(f"{number(reference.value)} [{sources.index(reference.source) + 1}]" for reference in row.references))
            deviation = row.deviation
            if deviation is None:
                line.cell("")
                continue
            line.cell(f"{deviation:+.1%}", style=FontFace(color=_GRADES[grade(deviation)]))
