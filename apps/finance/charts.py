"""The pictures: an index with its band, marks and prices, and the heat map of a watch list; as SVG and as PNG.

One drawing by matplotlib gives both. It is here already, needs no browser for a PNG and brings no script to a page
(Plotly's PNG takes a Chrome); what a pointer shows in the SVG is its own <title> elements, whose parents say by
``data-at`` and ``data-name`` which period and company they are of. Colours of an SVG come out
as CSS variables of the page (``--ink``, ``--muted``, ``--line``, ``--accent``, ``--warn``), so that one drawing serves
light and dark; a PNG is drawn on white.
"""

from __future__ import annotations

import io
import math
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .prices import Prices
from .shifts import Shift
from .trend import Point

# Stand-ins that matplotlib can draw with; _svg puts the page's variables in their place.
_OF_PAGE = {"ink": "#01fe01", "muted": "#01fe02", "line": "#01fe03", "accent": "#01fe04", "warn": "#01fe05"}
_ON_WHITE = {"ink": "#1c2430", "muted": "#5d6878", "line": "#d5dae1", "accent": "#2563c9", "warn": "#c2410c"}
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 9,
    # A dollar sign in a name is a dollar sign.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.linewidth": 0.6,
}
# matplotlib's settings are of the whole process, and charts are asked for from many threads.
_ONE_AT_A_TIME = threading.Lock()
NOTE = "A description of texts, no investment advice."
DOTS_PER_INCH = 150
WIDTH = 8.0
"""Inches. A phone needs a narrower chart, as its letters shrink with it."""
NARROW = 5.5
"""Inches, below which a line of small print is too long."""


@dataclass(frozen=True)
class Mark:
    """An alert or another moment of an index."""

    day: date
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing, in both forms. The same data gives the same bytes."""

    svg: str
    """One <svg> element, to be put into a page."""
    png: bytes


def index_chart(
    name: str,
    points: Sequence[Point],
    *,
    shifts: Sequence[Shift] = (),
    marks: Sequence[Mark] = (),
    prices: Prices | None = None,
    width: float = WIDTH,
) -> Chart:
    """The points with band and smoothed line, the items behind them, and closing prices below where given.

    Dotted lines are level shifts, triangles are ``marks``. What lies outside of the points' periods is left out.
    ``width`` is in inches.
    Raises ValueError without points.
    """
    if not points:
        raise ValueError(f"No periods to draw of {name}. Ask for a span of a day or more.")
    label = f"Sentiment index of {name}, {points[0].period.first} to {points[-1].period.last}"
    return chart_of(lambda draw: _draw_index(draw, name, points, shifts, marks, prices), label, width)


def heat_map(rows: Mapping[str, Sequence[Point]], width: float = WIDTH) -> Chart:
    """The index of many companies, one row each, over the same periods. Raises ValueError without any."""
    if not rows or not all(rows.values()):
        raise ValueError("No companies or no periods to draw. Put a company on the watch list, or ask for more days.")
    first = next(iter(rows.values()))
    if any([point.period for point in points] != [point.period for point in first] for points in rows.values()):
        raise ValueError("The companies of a heat map need the same periods.")
    label = f"Sentiment of {len(rows)} companies, {first[0].period.first} to {first[-1].period.last}"
    return chart_of(lambda draw: _draw_heat(draw, rows), label, width)


class Drawing:
    """A figure in one set of colours, and the words that a pointer finds on its parts."""

    def __init__(self, colours: Mapping[str, str], width: float) -> None:
        self.colours = colours
        self.width = width
        self.said: list[str] = []
        self.figure = Figure(layout="constrained")
        FigureCanvasAgg(self.figure)

    def panels(self, heights: Sequence[float]) -> list[Any]:
        """Panels below each other with one time axis; heights in inches."""
        self.figure.set_size_inches(self.width, sum(heights))
        grid = self.figure.subplots(
            len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": list(heights)}
        )
        for axes in grid[:, 0]:
            axes.set_axisbelow(True)
            axes.tick_params(length=0, color=self.colours["line"], labelcolor=self.colours["muted"])
            axes.spines[:].set_color(self.colours["line"])
        return list(grid[:, 0])

    def say(self, artist: Any, text: str, at: date | None = None, name: str = "") -> None:
        """``at`` and ``name`` are those of a period's point, which a page may let a reader choose."""
        # Left out of the layout, which would measure each of some hundred parts several times.
        artist.set_in_layout(False)
        artist.set_gid(f"said-{len(self.said)}")
        data = (f' data-at="{at}"' if at else "") + (f' data-name="{escape(name)}"' if name else "")
        # A part that shows nothing is found by a pointer as well.
        self.said.append(f'<g pointer-events="all"{data}><title>{escape(text)}</title>')

    def note(self, text: str) -> None:
        between = " " if self.width >= NARROW else "\n"
        self.figure.supxlabel(f"{text}{between}{NOTE}", fontsize=7.5, color=self.colours["muted"], x=0.01, ha="left")


def chart_of(draw: Callable[[Drawing], None], label: str, width: float) -> Chart:
    """Both forms of what ``draw`` puts on a figure; ``label`` names it for a screen reader. ``width`` is in inches."""
    # The settings hold while drawing and while saving: matplotlib reads some of them only then.
    with _ONE_AT_A_TIME, matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": label}), warnings.catch_warnings():
        # Letters that the measuring font lacks are drawn by the reader's own fonts, and as boxes in a PNG.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        of_page, on_white = Drawing(_OF_PAGE, width), Drawing(_ON_WHITE, width)
        draw(of_page)
        draw(on_white)
        png = io.BytesIO()
        on_white.figure.savefig(png, format="png", dpi=DOTS_PER_INCH, facecolor="white")
        return Chart(_svg(of_page, label), png.getvalue())


def _svg(drawing: Drawing, label: str) -> str:
    stream = io.StringIO()
    drawing.figure.savefig(stream, format="svg", transparent=True)
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], count=1, flags=re.DOTALL)
    text = re.sub(r'<g id="said-(\d+)">', lambda found: drawing.said[int(found.group(1))], text)
    # Ids that matplotlib counts up (figure_1, axes_1, ...) would stand twice in a page; nothing refers to them.
    text = re.sub(r'<g id="[a-zA-Z][\w.]*_\d+"(/?)>', r"<g\1>", text)
    # As attributes of the drawing, for a style sheet within it would be one of the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    for name, stand_in in drawing.colours.items():
        text = text.replace(stand_in, f"var(--{name})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" stroke-linejoin="round" ', 1)


def _draw_index(
    draw: Drawing,
    name: str,
    points: Sequence[Point],
    shifts: Sequence[Shift],
    marks: Sequence[Mark],
    prices: Prices | None,
) -> None:
    colours = draw.colours
    first, last = points[0].period.first, points[-1].period.last
    panels = draw.panels([2.6, 0.6, *([1.2] if prices else [])])
    axes, below = panels[0], panels[1]
    at, values, low, high = (
        np.array([np.nan if v is None else v for v in column], dtype=float)
        for column in zip(*((middle_of(p), p.value, p.low, p.high) for p in points), strict=True)
    )
    axes.axhline(0, color=colours["line"], linewidth=1)
    axes.fill_between(at, low, high, color=colours["accent"], alpha=0.18, linewidth=0)
    # A point between two without a band has no area to fill.
    axes.vlines(at, low, high, color=colours["accent"], alpha=0.3, linewidth=1)
    axes.plot(at, values, color=colours["accent"], linewidth=0.8, marker="o", markersize=2.5, alpha=0.75)
    axes.plot(at, [p.smooth for p in points], color=colours["accent"], linewidth=2)
    axes.set_title(name, loc="left", fontsize=11, color=colours["ink"])
    axes.set_ylabel("sentiment", color=colours["muted"])
    axes.grid(True, axis="y", color=colours["line"])
    below.bar(at, [p.n for p in points], width=[_width(p) * 0.8 for p in points], color=colours["muted"], alpha=0.6)
    below.set_ylabel("items", color=colours["muted"])
    for shift in shifts:
        if first <= shift.day <= last:
            line = axes.axvline(date2num(shift.day), color=colours["ink"], linewidth=1.2, linestyle=":")
            draw.say(line, f"{shift.day}: level shift from {shift.before:+.2f} to {shift.after:+.2f}")
    if prices:
        held = [i for i, day in enumerate(prices.days) if first <= day <= last]
        panels[2].plot(
            date2num([prices.days[i] for i in held]), prices.adjusted[held], color=colours["ink"], linewidth=1
        )
        panels[2].set_ylabel("close", color=colours["muted"])
        panels[2].grid(True, axis="y", color=colours["line"])
    for point, x in zip(points, at, strict=True):
        # A column of the whole height is easier to hit than a dot.
        column = Rectangle((x - _width(point) / 2, 0), _width(point), 1, alpha=0, transform=axes.get_xaxis_transform())
        axes.add_artist(column)
        draw.say(column, said_of(point), point.period.first, name)
    height = axes.get_ylim()[1]
    for mark in marks:
        if first <= mark.day <= last:
            (sign,) = axes.plot([date2num(mark.day)], [height], "v", color=colours["warn"], markersize=7, clip_on=False)
            draw.say(sign, f"{mark.day}: {mark.text}")
    axes.set_xlim(date2num(first), date2num(last) + 1)
    locator = AutoDateLocator()
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    draw.note(f"{sum(p.n for p in points):,} items, {first} to {last}.")


def _draw_heat(draw: Drawing, rows: Mapping[str, Sequence[Point]]) -> None:
    colours = draw.colours
    periods = [point.period for point in next(iter(rows.values()))]
    (axes,) = draw.panels([0.7 + 0.27 * len(rows)])
    for y, (name, points) in enumerate(rows.items()):
        for x, point in enumerate(points):
            if point.value is not None:
                colour = colours["accent"] if point.value >= 0 else colours["warn"]
                cell = Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=colour, linewidth=0)
                # The square root tells the usual, small values apart.
                cell.set_alpha(min(1.0, 0.06 + 0.94 * abs(point.value) ** 0.5))
                # Not add_patch, which would fit the axes to each cell anew.
                axes.add_artist(cell)
                draw.say(cell, f"{name}, {said_of(point)}", point.period.first, name)
    axes.set(xlim=(-0.5, len(periods) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), list(rows))
    # A date takes an inch, and so do the names beside it.
    shown = range(0, len(periods), max(1, math.ceil(len(periods) / max(1.0, draw.width - 1))))
    axes.set_xticks(list(shown), [str(periods[i].first) for i in shown])
    axes.spines[:].set_visible(False)
    draw.note("Blue: friendly; orange: unfriendly; empty: no items.")


def middle_of(point: Point) -> float:
    """Where a period's point lies on the time axis."""
    return float(date2num(point.period.first)) + _width(point) / 2


def _width(point: Point) -> float:
    return float((point.period.last - point.period.first).days + 1)


def said_of(point: Point) -> str:
    """A point in words: its period, value, band and items."""
    items = f"{point.n} item{'s' * (point.n != 1)}"
    if point.value is None:
        return f"{point.period}: no items"
    band = f" ({point.low:+.2f} to {point.high:+.2f})" if point.low is not None else ""
    return f"{point.period}: {point.value:+.2f}{band}, {items}"
