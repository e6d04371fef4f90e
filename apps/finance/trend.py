"""The sentiment index of a company or a sector, from the sums of its days: points with a band and a smoothed value.

A point is the weighted mean score of the period's stories, drawn towards 0 by the weight of one sure, neutral item.
A story has one voice: its reposts are counted as items and weigh nothing. A sector is the sum of its companies' rows.
A point depends on the rows of its own period, its smoothed value on those before it as well, and nothing on later ones;
so new items change only their own period and what is smoothed after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from .aggregates import Day
from .periods import Granularity, Period, period_of, periods
from .prices import Floats

DRAW = 1.0
"""Weight of the neutral item that each point is drawn to 0 by."""
DRAWS = 400
"""Of the bootstrap."""
BAND = 0.9
"""Share of the draws within the band."""
HALF_LIFE: Mapping[Granularity, float] = {"day": 5, "week": 3, "month": 2, "quarter": 1}
"""Periods after which an item counts half in the smoothed value."""
CLEAR = 2.0
"""Standard deviations from which a move is called one."""


@dataclass(frozen=True)
class Point:
    period: Period
    n: int
    """Items, reposts counted."""
    stories: int
    value: float | None
    """-1 to 1; None without items."""
    low: float | None
    """Ends of the band; None below two stories, where there is nothing to draw from."""
    high: float | None
    smooth: float
    """Looks backwards only: older items count less, and a period without any lets the value fade to 0."""


@dataclass(frozen=True)
class Move:
    """How the index of a company changed from one period to another, both with items."""

    name: str
    before: float
    after: float
    z: float
    """The change over the standard deviation of its bootstrap; beyond CLEAR it is hardly chance."""
    n_before: int
    n_after: int

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def clear(self) -> bool:
        return abs(self.z) >= CLEAR


def index(rows: Iterable[Day], since: date, until: date, granularity: Granularity) -> list[Point]:
    """The points of all periods from ``since`` to ``until``, those without items among them.

    ``rows`` of one company, or of all companies of a sector, in any order; the days outside the periods are left out.
    """
    by_period: dict[Period, list[Day]] = {period: [] for period in periods(since, until, granularity)}
    for row in rows:
        held = by_period.get(period_of(row.day, granularity))
        if held is not None:
            held.append(row)
    fade = 0.5 ** (1 / HALF_LIFE[granularity])
    points, score, weight = [], 0.0, 0.0
    for period, days in by_period.items():
        score = fade * score + sum(day.score_sum for day in days)
        weight = fade * weight + sum(day.weight_sum for day in days)
        low, high = _band(days)
        n, stories = sum(day.n for day in days), sum(day.stories for day in days)
        points.append(Point(period, n, stories, value_of(days), low, high, score / (weight + DRAW)))
    return points


def movers(rows: Mapping[str, Iterable[Day]], before: Period, after: Period) -> list[Move]:
    """Companies (or sectors) by name, with items in both periods: clear moves first, then by the size of the change."""
    moves = []
    for name, days in rows.items():
        held = list(days)
        first = [day for day in held if before.first <= day.day <= before.last]
        second = [day for day in held if after.first <= day.day <= after.last]
        old, new = value_of(first), value_of(second)
        if old is None or new is None:
            continue
        spread = float(np.sqrt(bootstrap(first).var() + bootstrap(second).var()))
        z = (new - old) / spread if spread > 0 else 0.0
        moves.append(Move(name, old, new, z, sum(day.n for day in first), sum(day.n for day in second)))
    return sorted(moves, key=lambda move: (not move.clear, -abs(move.change), move.name))


def whole(rows: Iterable[Day], since: date, until: date) -> Point:
    """The index of a span taken as one period, whatever its length; likewise from the rows within it alone."""
    days = [row for row in rows if since <= row.day <= until]
    value, (low, high) = value_of(days), _band(days)
    n, stories = sum(day.n for day in days), sum(day.stories for day in days)
    return Point(Period(since, until), n, stories, value, low, high, value or 0.0)


def bootstrap(days: Sequence[Day]) -> Floats:
    """DRAWS values that the index of these rows might have had with other items; the same ones for the same rows.

    The Poisson bootstrap (Hanley and MacGibbon 2006, doi:10.1016/j.cmpb.2006.04.006; Chamandy, Muralidharan, Najmi and
    Naidu 2012, "Estimating uncertainty for massive data streams") takes each story a Poisson(1) number of times, each
    by itself, and so needs no total and adds up over days. A day's sums of weights and of weighted scores are drawn
    with the mean, variance and covariance that the items' own draws have where weights do not go with scores: as a
    Poisson number of stories of equal weight, as many as count effectively, whose scores have the day's mean and
    variance. Where all stories of a day are alike the distribution is the items' own.
    """
    key = ",".join(f"{day.ticker}{day.day}" for day in days)
    random = np.random.default_rng(zlib.crc32(key.encode()))
    weights, scores = np.zeros(DRAWS), np.zeros(DRAWS)
    for day in days:
        if day.weight_sum == 0:
            continue
        effective = day.weight_sum**2 / day.weight_sq_sum
        mean = day.score_sum / day.weight_sum
        # Rounding may leave a variance a hair below 0.
        variance = max(day.score_sq_sum / day.weight_sum - mean**2, 0.0)
        taken = random.poisson(effective, DRAWS)
        each = day.weight_sum / effective
        weights += each * taken
        drawn = taken * mean + np.sqrt(taken * variance) * random.standard_normal(DRAWS)
        scores += each * np.clip(drawn, -taken, taken)
    return scores / (weights + DRAW)


def no_items(name: str, since: date, until: date, rows: Iterable[Day]) -> str:
    """What is said of a span without items: where the nearest ones lie. ``rows`` of any time, in any order."""
    counts: dict[date, int] = {}
    for row in rows:
        counts[row.day] = counts.get(row.day, 0) + row.n
    nearest = [
        *([max(earlier)] if (earlier := [day for day in counts if day < since]) else []),
        *([min(later)] if (later := [day for day in counts if day > until]) else []),
    ]
    text = f"There are no items on {name} between {since} and {until}"
    if not nearest:
        return f"{text}, nor at any other time."
    said = " and ".join(f"{day} ({counts[day]} item{'s' * (counts[day] != 1)})" for day in nearest)
    return f"{text}; the nearest are of {said}."


def value_of(days: Sequence[Day]) -> float | None:
    """The index of these rows taken together, -1 to 1; None without items."""
    if not any(day.n for day in days):
        return None
    return sum(day.score_sum for day in days) / (sum(day.weight_sum for day in days) + DRAW)


def _band(days: Sequence[Day]) -> tuple[float, float] | tuple[None, None]:
    if sum(day.stories for day in days) < 2:
        return None, None
    low, high = np.quantile(bootstrap(days), [(1 - BAND) / 2, (1 + BAND) / 2])
    return float(low), float(high)
