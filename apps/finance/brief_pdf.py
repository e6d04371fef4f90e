"""A brief as two pages of PDF, A4.

fpdf2 writes it: plain Python, where WeasyPrint needs Pango on the machine, and matplotlib's PDF sets no paragraphs. The
letters are DejaVu, which matplotlib brings; what it lacks, such as Chinese, is a box here and whole in the HTML.
"""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime, time
from pathlib import Path
from typing import cast

import matplotlib
from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from matplotlib.ft2font import FT2Font
from PIL import Image

from .brief import Brief
from .brief_words import HEADER, cells, events, evidence, figures, link_of, provenance, title
from .charts import NOTE, Chart

MARGIN = 15.0
"""Millimetres, as all lengths here."""
FOOT = 12.0
"""Kept free above the lower margin for the footer."""
LINE = 4.6
WIDTHS = (66.0, 20.0, 36.0, 20.0, 20.0, 18.0)
MOST_EVENTS = 8
INK, MUTED, RULE, ACCENT = (28, 36, 48), (93, 104, 120), (213, 218, 225), (37, 99, 201)
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FAMILY = "DejaVu"
# It tells of each table of a font that it puts into a document.
logging.getLogger("fontTools").setLevel(logging.WARNING)
_KNOWN = frozenset(FT2Font(str(_FONTS / "DejaVuSans.ttf")).get_charmap())
_BOX = "\N{WHITE SQUARE}"


def to_pdf(brief: Brief) -> bytes:
    """The same brief gives the same pages; what does not fit on the second is left to the HTML."""
    page = _Pages(brief)
    page.add_page()
    page.put(title(brief), size=17, bold=True)
    page.ln(1)
    for sentence in brief.summary:
        page.put(f"\N{BULLET} {sentence}", size=10, height=5)
    page.heading("Index and movers")
    page.rows(brief)
    page.put(figures(brief), size=8, colour=MUTED)
    if brief.moves:
        page.ln(2)
        page.picture(brief.moves, "Change of each company against the days before")
    page.add_page()
    page.heading("The last weeks")
    page.picture(brief.weeks, "Sentiment of each company over the last weeks", most=115)
    page.heading("Shifts and alerts")
    found = events(brief)
    for event in found[-MOST_EVENTS:]:
        page.put(f"\N{BULLET} {event}", size=9)
    if len(found) > MOST_EVENTS:
        page.put(f"{len(found) - MOST_EVENTS} earlier ones are left out.", size=8, colour=MUTED)
    page.heading("Headlines")
    for headline in brief.headlines:
        if page.left < 3 * LINE:
            break
        page.put(headline.text, size=9, link=link_of(headline), most=2)
        page.put(evidence(headline), size=7.5, colour=MUTED)
        page.ln(1)
    return bytes(page.output())


class _Pages(FPDF):
    def __init__(self, brief: Brief) -> None:
        super().__init__(format="A4")
        self._brief = brief
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font(_FAMILY, style, str(_FONTS / name))
        self.set_margins(MARGIN, MARGIN)
        # Two pages, whatever there is to say.
        self.set_auto_page_break(False, MARGIN)
        self.set_title(title(brief))
        self.set_lang("en")
        # A day of the data, so that the same brief is the same file.
        self.set_creation_date(datetime.combine(brief.span.last, time(), UTC))

    @property
    def left(self) -> float:
        """What is left of the page above the footer."""
        return float(self.h - MARGIN - FOOT - self.get_y())

    def footer(self) -> None:
        self.set_y(self.h - MARGIN - FOOT + 3)
        self.put(provenance(self._brief), size=7, colour=MUTED, height=3.4)
        self.put(f"{NOTE} Page {self.page_no()} of 2.", size=7, colour=MUTED, height=3.4)

    def heading(self, text: str) -> None:
        self.ln(3)
        self.put(text, size=12, bold=True, height=7)

    def put(
        self,
        text: str,
        *,
        size: float,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        height: float = LINE,
        link: str = "",
        most: int = 0,
    ) -> None:
        """A paragraph over the width of the page; ``most`` lines of it if that is not 0."""
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*(ACCENT if link else colour))
        lines = cast("list[str]", self.multi_cell(0, height, _drawn(text), align=Align.L, dry_run=True, output="LINES"))
        if most and len(lines) > most:
            lines = [*lines[: most - 1], f"{lines[most - 1].rstrip()[:-1]}\N{HORIZONTAL ELLIPSIS}"]
        for line in lines:
            self.cell(0, max(height, size * 0.45), line, link=link, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def rows(self, brief: Brief) -> None:
        self.set_draw_color(*RULE)
        rows = [(HEADER, False, MUTED), *((cells(row), bool(row.move and row.move.clear), INK) for row in brief.rows)]
        for texts, bold, colour in rows:
            self.set_font(_FAMILY, "B" if bold else "", 8.5)
            self.set_text_color(*colour)
            for number, (text, width) in enumerate(zip(texts, WIDTHS, strict=True)):
                align = Align.R if number else Align.L
                self.cell(width, 5.6, self._fitting(_drawn(text), width - 2), border="B", align=align)
            self.ln()
        self.ln(1)

    def _fitting(self, text: str, width: float) -> str:
        if self.get_string_width(text) <= width:
            return text
        while self.get_string_width(f"{text}\N{HORIZONTAL ELLIPSIS}") > width:
            text = text[:-1]
        return f"{text}\N{HORIZONTAL ELLIPSIS}"

    def picture(self, chart: Chart, label: str, most: float = 1000.0) -> None:
        """As wide as the page, or as high as what is left of it, at ``most``."""
        with Image.open(io.BytesIO(chart.png)) as image:
            wide, high = image.size
        width = min(self.epw, min(self.left, most) * wide / high)
        self.image(io.BytesIO(chart.png), x=MARGIN, w=width, alt_text=label)


def _drawn(text: str) -> str:
    """The text with a box for what the letters have not."""
    return "".join(letter if ord(letter) in _KNOWN else _BOX for letter in text)
