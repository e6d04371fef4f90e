"""Many indexes at a glance: a small picture for each company, all on the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Rectangle

from .charts import WIDTH, Chart, Drawing, chart_of, middle_of, said_of
from .trend import Point

COLUMNS = 3
HEIGHT = 1.05
"""Inches of one of them."""


def small_charts(series: Mapping[str, Sequence[Point]], width: float = WIDTH) -> Chart:
    """Points with their bands and the smoothed line of each company, over the same periods.

    Raises ValueError without any.
    """
    if not series or not all(series.values()):
        raise ValueError("No companies or no periods to draw.")
    points = next(iter(series.values()))
    label = f"Sentiment of {len(series)} companies, {points[0].period.first} to {points[-1].period.last}"
    return chart_of(lambda draw: _draw(draw, series), label, width)


def _draw(draw: Drawing, series: Mapping[str, Sequence[Point]]) -> None:
    rows = math.ceil(len(series) / COLUMNS)
    draw.figure.set_size_inches(draw.width, 0.4 + HEIGHT * rows)
    grid = draw.figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (name, points) in zip(grid.flat, series.items(), strict=False):
        axes.set_axis_on()
        axes.tick_params(length=0, labelcolor=draw.colours["muted"], labelsize=7)
        axes.spines[:].set_color(draw.colours["line"])
        at, values, low, high = (
            np.array([np.nan if v is None else v for v in column], dtype=float)
            for column in zip(*((middle_of(p), p.value, p.low, p.high) for p in points), strict=True)
        )
        axes.axhline(0, color=draw.colours["line"], linewidth=1)
        axes.vlines(at, low, high, color=draw.colours["accent"], alpha=0.35, linewidth=2)
        axes.plot(at, values, "o", color=draw.colours["accent"], markersize=2.5)
        begun = next((number for number, point in enumerate(points) if point.n), len(points))
        smooth = [point.smooth for point in points[begun:]]
        axes.plot(at[begun:], smooth, color=draw.colours["accent"], linewidth=1.5)
        axes.set_title(name, loc="left", fontsize=8, color=draw.colours["ink"])
        for point, x in zip(points, at, strict=True):
            column = Rectangle((x - 3.5, 0), 7, 1, alpha=0, transform=axes.get_xaxis_transform())
            axes.add_artist(column)
            draw.say(column, f"{name}, {said_of(point)}")
    first, last = points[0].period.first, points[-1].period.last
    axes.set_xlim(date2num(first), date2num(last) + 1)
    locator = AutoDateLocator(maxticks=5)
    for number, below in enumerate(grid.flat):
        below.tick_params(labelbottom=number + COLUMNS >= len(series))
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    draw.note(f"By week, {first} to {last}; bars are bands of uncertainty, the line is smoothed.")
