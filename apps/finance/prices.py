"""Daily prices of companies: read from CSV, checked, brought over splits and gaps; and the sessions they stand for.

The exchange's calendar comes from the price dates themselves: a day on which any company of the file has a price is a
session. Knows nothing of sentiment.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Instants = NDArray[np.datetime64]

COLUMNS = ("date", "ticker", "open", "high", "low", "close")
CLOSE = time(16, 0)
"""When a session ends, in ZONE. A price file does not tell of days that end early: they end at CLOSE as well."""
ZONE = "America/New_York"
SPLITS = tuple(range(2, 21))
"""New shares for an old one (and the inverse) that a night's jump is held against where there is no ``adj_close``."""
SPLIT_WIDTH = 0.03
"""Largest distance, in logarithms, of a night's jump from a split's ratio."""


class PriceError(ValueError):
    """A price file that cannot be taken; the message names file, line and remedy."""


@dataclass(frozen=True)
class Prices:
    """One company over all sessions of its file; a session without a price holds NaN. All shapes: (sessions,)."""

    ticker: str
    days: tuple[date, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    factor: Floats
    """Makes a price compare with the last one, over splits and, with ``adj_close``, dividends."""
    splits: tuple[date, ...] = ()
    """Sessions taken for a split, as the file has no ``adj_close``; to be shown to whoever reads the result."""

    @property
    def adjusted(self) -> Floats:
        """Closing prices that compare with each other; NaN where there is none."""
        return self.close * self.factor


def read_prices(file: Path) -> dict[str, Prices]:
    """Companies by ticker. Columns by name, in any order: COLUMNS, and ``adj_close`` if there is one.

    Raises PriceError for a missing column, a value that is no positive number, a high below the low, an open or close
    outside of them by more than a cent in a hundred dollars, and a day that a company has twice.
    """
    rows: dict[str, dict[date, tuple[float, ...]]] = {}
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        columns = reader.fieldnames or ()
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise PriceError(f"{file}: no column '{missing[0]}'. It has: {', '.join(columns) or 'none'}.")
        adjusted = "adj_close" in columns
        for row in reader:
            place = f"{file}, line {reader.line_num}"
            day, bar = _bar(row, place, adjusted)
            company = rows.setdefault(row["ticker"], {})
            if day in company:
                raise PriceError(f"{place}: {row['ticker']} has {day} twice. Remove one of the two rows.")
            company[day] = bar
    days = tuple(sorted({day for company in rows.values() for day in company}))
    return {ticker: _prices(ticker, days, company, adjusted) for ticker, company in sorted(rows.items())}


def _bar(row: Mapping[str, str], place: str, adjusted: bool) -> tuple[date, tuple[float, ...]]:
    """The day, and open, high, low, close, and adjusted close (or the close again)."""
    try:
        day = date.fromisoformat(row["date"])
        values = [float(row[name]) for name in (*COLUMNS[2:], "adj_close" if adjusted else "close")]
    except (TypeError, ValueError) as error:
        raise PriceError(f"{place}: {error}. Dates are written 2014-05-31, prices 12.34.") from error
    if not all(np.isfinite(value) and value > 0 for value in values):
        raise PriceError(f"{place}: a price is not a positive number. Leave out a day without trade.")
    opened, high, low, close = values[:4]
    # Vendors round the columns apart from each other.
    slack = 1e-4 * high
    if high < low or not all(low - slack <= value <= high + slack for value in (opened, close)):
        raise PriceError(
            f"{place}: open {opened:g} and close {close:g} do not lie within low {low:g} to high {high:g}."
        )
    return day, tuple(values)


def _prices(ticker: str, days: tuple[date, ...], bars: Mapping[date, tuple[float, ...]], adjusted: bool) -> Prices:
    table = np.full((len(days), 5), np.nan)
    for number, day in enumerate(days):
        if day in bars:
            table[number] = bars[day]
    opened, high, low, close, adjusted_close = table.T
    factor, splits = (adjusted_close / close, np.empty(0, dtype=int)) if adjusted else _unsplit(opened, close)
    return Prices(ticker, days, opened, high, low, close, factor, tuple(days[i] for i in splits))


def _unsplit(opened: Floats, close: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Factors that undo what looks like a split, and the sessions that begin with one."""
    known = np.flatnonzero(np.isfinite(close))
    jump = np.log(opened[known[1:]] / close[known[:-1]])
    ratios = np.log(np.array(SPLITS, dtype=float))
    ratios = np.concatenate([-ratios, ratios])
    nearest = ratios[np.abs(jump[:, None] - ratios).argmin(axis=1)]
    at = np.flatnonzero(np.abs(jump - nearest) <= SPLIT_WIDTH)
    steps = np.zeros(len(close))
    steps[known[1:][at]] = nearest[at]
    # A price is brought over every split that comes after it.
    factor = np.exp(steps.sum() - steps.cumsum())
    return factor, known[1:][at]


def session_ends(days: Iterable[date], close: time = CLOSE, zone: str = ZONE) -> Instants:
    """When each session ends, in UTC; shape: (sessions,), to the microsecond."""
    place = ZoneInfo(zone)
    utc = ZoneInfo("UTC")
    ends = [datetime.combine(day, close, place).astimezone(utc).replace(tzinfo=None) for day in days]
    return np.array(ends, dtype="datetime64[us]")


def session_of(published: Instants, ends: Instants) -> NDArray[np.int64]:
    """Number of the session that an item counts for: the first that ends after it was published (UTC).

    What is published at the very close or later counts for the next session; ``len(ends)`` where there is none yet.
    """
    return np.searchsorted(ends, published, side="right")
