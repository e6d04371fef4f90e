"""Further pictures: several indexes on one axis, volatility with its forecasts, and bars of who moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Rectangle

from .charts import WIDTH, Chart, Drawing, chart_of, middle_of, said_of
from .prices import Floats
from .trend import Move, Point

NARROW = 6.0
"""Inches, up to which the names of lines stand below each other."""
MOST_LINES = 4
"""Companies on one axis; a heat map shows more of them better."""
# Told apart without colour as well.
_LINES = (("accent", "-"), ("warn", "--"), ("ink", "-."), ("muted", ":"))


def lines_chart(series: Mapping[str, Sequence[Point]], width: float = WIDTH) -> Chart:
    """The smoothed indexes of at most MOST_LINES companies with their points, over the same periods.

    Raises ValueError without any, or for more.
    """
    if not 0 < len(series) <= MOST_LINES or not all(series.values()):
        raise ValueError(f"One to {MOST_LINES} companies with a period or more can be drawn on one axis.")
    points = next(iter(series.values()))
    label = f"Sentiment index of {', '.join(series)}, {points[0].period.first} to {points[-1].period.last}"
    return chart_of(lambda draw: _draw_lines(draw, series), label, width)


def volatility_chart(name: str, days: Sequence[date], curves: Mapping[str, Floats], width: float = WIDTH) -> Chart:
    """Yearly volatility by session, 0.2 for 20 %: what it was and what was forecast. Curves of shape (sessions,)."""
    label = f"Volatility of {name} and its forecasts, {days[0]} to {days[-1]}"
    return chart_of(lambda draw: _draw_volatility(draw, name, days, curves), label, width)


def movers_chart(moves: Sequence[Move], title: str, width: float = WIDTH) -> Chart:
    """Bars of the changes, the first on top; pale where a change may well be chance. Raises ValueError without any."""
    if not moves:
        raise ValueError("Nobody has items in both periods.")
    return chart_of(lambda draw: _draw_moves(draw, moves, title), title, width)


def _draw_lines(draw: Drawing, series: Mapping[str, Sequence[Point]]) -> None:
    (axes,) = draw.panels([3.2])
    axes.axhline(0, color=draw.colours["line"], linewidth=1)
    for (name, points), (colour, style) in zip(series.items(), _LINES, strict=False):
        at = [middle_of(point) for point in points]
        values = [np.nan if point.value is None else point.value for point in points]
        axes.plot(at, values, "o", color=draw.colours[colour], markersize=2.5, alpha=0.5)
        axes.plot(at, [p.smooth for p in points], color=draw.colours[colour], linewidth=2, linestyle=style, label=name)
    first, last = points[0].period.first, points[-1].period.last
    for number, x in enumerate(at):
        said = [f"{name} {said_of(points[number]).partition(': ')[2]}" for name, points in series.items()]
        half = (at[1] - at[0]) / 2 if len(at) > 1 else 0.5
        column = Rectangle((x - half, 0), 2 * half, 1, alpha=0, transform=axes.get_xaxis_transform())
        axes.add_artist(column)
        draw.say(column, f"{points[number].period}: {'; '.join(said)}", points[number].period.first)
    axes.set_ylabel("sentiment", color=draw.colours["muted"])
    _finish(draw, axes, first, last)
    total = sum(point.n for points in series.values() for point in points)
    draw.note(f"{total:,} items, {first} to {last}.")


def _draw_volatility(draw: Drawing, name: str, days: Sequence[date], curves: Mapping[str, Floats]) -> None:
    (axes,) = draw.panels([3.2])
    for (label, values), (colour, style) in zip(curves.items(), (_LINES[3], *_LINES[:2]), strict=False):
        axes.plot(date2num(days), 100 * values, color=draw.colours[colour], linestyle=style, linewidth=1.4, label=label)
    axes.set_title(name, loc="left", fontsize=11, color=draw.colours["ink"])
    axes.set_ylabel("volatility, % a year", color=draw.colours["muted"])
    _finish(draw, axes, days[0], days[-1])
    draw.note(f"{len(days):,} sessions, {days[0]} to {days[-1]}.")


def _draw_moves(draw: Drawing, moves: Sequence[Move], title: str) -> None:
    (axes,) = draw.panels([0.9 + 0.3 * len(moves)])
    axes.axvline(0, color=draw.colours["line"], linewidth=1)
    for y, move in enumerate(moves):
        colour = draw.colours["accent" if move.change >= 0 else "warn"]
        bar = Rectangle((min(0.0, move.change), y - 0.35), abs(move.change), 0.7, facecolor=colour, linewidth=0)
        bar.set_alpha(0.9 if move.clear else 0.4)
        axes.add_artist(bar)
        chance = "" if move.clear else ", which may be chance"
        draw.say(
            bar, f"{move.name}: {move.before:+.2f} to {move.after:+.2f}, {move.n_after} items{chance}", None, move.name
        )
    reach = 1.15 * max(abs(move.change) for move in moves) or 1.0
    axes.set(xlim=(-reach, reach), ylim=(len(moves) - 0.5, -0.5))
    axes.set_yticks(range(len(moves)), [move.name for move in moves])
    axes.set_title(title, loc="left", fontsize=11, color=draw.colours["ink"])
    axes.spines[:].set_visible(False)
    draw.note("Pale: may well be chance.")


def _finish(draw: Drawing, axes: Any, first: date, last: date) -> None:
    """The time axis, the grid and the names of the lines."""
    axes.grid(True, axis="y", color=draw.colours["line"])
    axes.set_xlim(date2num(first), date2num(last) + 1)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    columns = 2 if draw.width > NARROW else 1
    names = axes.legend(loc="upper left", ncols=columns, frameon=False, labelcolor=draw.colours["ink"], fontsize=9)
    # Long names must not push the axes aside.
    names.set_in_layout(False)
