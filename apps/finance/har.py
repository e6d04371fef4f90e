"""HAR against HAR with sentiment: forecasts out of sample, how they compare, and the sentence that follows.

Forecasts of the logarithm of the next session's volatility by ordinary least squares over a rolling window. Compared by
squared error: out-of-sample R2 (Campbell and Thompson 2008, doi:10.1093/rfs/hhm055), the test of Diebold and Mariano
(1995, doi:10.1080/07350015.1995.10524599) with the small-sample correction of Harvey, Leybourne and Newbold (1997,
doi:10.1016/S0169-2070(96)00719-4), and, as HAR is nested in the larger model and Diebold-Mariano then favours the
smaller one, that of Clark and West (2007, doi:10.1016/j.jeconom.2006.05.023) beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import statsmodels.api as sm
from scipy.stats import norm
from scipy.stats import t as student

from .prices import Floats

WINDOW = 250
"""Sessions that a forecast is fitted on: about a year."""
FEWEST = 50
"""Forecasts; with fewer nothing is concluded."""
ALPHA = 0.05


class TooFewSessionsError(ValueError):
    """There are not enough sessions to forecast out of sample; the message says how many there are."""


@dataclass(frozen=True)
class Forecasts:
    """Both models on the same sessions. All shapes: (forecasts,)."""

    days: tuple[date, ...]
    """The session that is forecast."""
    actual: Floats
    average: Floats
    """Mean of the training window, which R2 is measured against."""
    har: Floats
    sentiment: Floats
    """HAR with sentiment."""


@dataclass(frozen=True)
class Comparison:
    """What comes of the forecasts of one company, or of several pooled."""

    name: str
    count: int
    """Sessions."""
    first: date
    last: date
    r2_har: float
    r2_sentiment: float
    dm: float
    """Diebold-Mariano statistic; above 0 the larger model has the smaller error."""
    p: float
    """Of dm, two-sided."""
    p_nested: float
    """Of Clark and West's test, one-sided: does sentiment hold anything that HAR lacks?"""


def forecast(days: Sequence[date], log_vol: Floats, har: Floats, sentiment: Floats, window: int = WINDOW) -> Forecasts:
    """Each session's forecast from the ``window`` usable sessions before it.

    ``log_vol`` of shape (sessions,); ``har`` and ``sentiment`` of shape (sessions, 3), each row known at its session's
    close. A row is usable if nothing in it is NaN and the session after it has a value.
    Raises TooFewSessionsError below window + FEWEST usable rows.
    """
    target = np.append(log_vol[1:], np.nan)
    usable = np.flatnonzero(np.isfinite(np.column_stack([target, har, sentiment])).all(axis=1))
    if len(usable) < window + FEWEST:
        raise TooFewSessionsError(
            f"Only {len(usable)} sessions have prices and a month of sessions before them; "
            f"forecasts out of sample need {window + FEWEST}. Load a longer price file."
        )
    y = target[usable]
    small = sm.add_constant(har[usable], has_constant="add")
    large = np.column_stack([small, sentiment[usable]])
    rows = range(window, len(usable))
    average = np.array([y[row - window : row].mean() for row in rows])
    return Forecasts(
        tuple(days[usable[row] + 1] for row in rows),
        y[window:],
        average,
        _rolling(y, small, window),
        _rolling(y, large, window),
    )


def _rolling(y: Floats, design: Floats, window: int) -> Floats:
    # The rows before a row end with the target that the row itself already knows: its own session's value.
    return np.array(
        [
            float(design[row] @ sm.OLS(y[row - window : row], design[row - window : row]).fit().params)
            for row in range(window, len(y))
        ]
    )


def diebold_mariano(first: Floats, second: Floats, horizon: int = 1) -> tuple[float, float]:
    """Statistic and two-sided p value of equal accuracy; above 0 if ``second`` has the smaller losses.

    Losses of shape (forecasts,), in time order. ``horizon`` steps ahead allow autocorrelation up to horizon - 1.
    Losses that differ nowhere give 0 and 1.
    """
    difference = first - second
    count = len(difference)
    centred = difference - difference.mean()
    covariances = [float(centred[lag:] @ centred[: count - lag]) / count for lag in range(horizon)]
    variance = (covariances[0] + 2 * sum(covariances[1:])) / count
    if covariances[0] == 0:
        return 0.0, 1.0
    if variance <= 0:
        raise ValueError(f"The losses' autocorrelation leaves no variance at horizon {horizon}; take a shorter one.")
    correction = np.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    statistic = float(correction * difference.mean() / np.sqrt(variance))
    return statistic, float(2 * student.sf(abs(statistic), count - 1))


def clark_west(actual: Floats, small: Floats, large: Floats) -> Floats:
    """Loss differences with the noise of the larger model's needless parameters taken off. Shape: (forecasts,)."""
    adjusted: Floats = (actual - small) ** 2 - (actual - large) ** 2 + (small - large) ** 2
    return adjusted


def compare(name: str, forecasts: Sequence[Forecasts]) -> Comparison:
    """One company, or several pooled: their squared errors are averaged day by day before the tests.

    So companies that move together on a day count as one observation, not as many.
    """
    days = sorted({day for f in forecasts for day in f.days})
    place = {day: number for number, day in enumerate(days)}
    # Shape: (4, days): errors of the mean, of HAR, of HAR with sentiment; Clark and West's differences.
    sums, counts = np.zeros((4, len(days))), np.zeros(len(days))
    for f in forecasts:
        at = [place[day] for day in f.days]
        errors = [(f.actual - f.average) ** 2, (f.actual - f.har) ** 2, (f.actual - f.sentiment) ** 2]
        sums[:, at] += np.array([*errors, clark_west(f.actual, f.har, f.sentiment)])
        counts[at] += 1
    har, sentiment, nested = sums[1:] / counts
    dm, p = diebold_mariano(har, sentiment)
    spread = nested.std(ddof=1)
    p_nested = float(norm.sf(nested.mean() / spread * np.sqrt(len(days)))) if spread > 0 else 1.0
    base, r2_sentiment = sums[0].sum(), 1 - sums[2].sum() / sums[0].sum()
    return Comparison(
        name, len(days), days[0], days[-1], float(1 - sums[1].sum() / base), float(r2_sentiment), dm, p, p_nested
    )


def sentence(result: Comparison) -> str:
    """What an analyst may take from it, in one plain sentence."""
    p = f"p = {result.p:.2f}" if result.p >= 0.01 else "p < 0.01"
    figures = (
        f"out-of-sample R2 {result.r2_sentiment:.3f} with sentiment against {result.r2_har:.3f} without, "
        f"{p}, {result.count:,} sessions from {result.first} to {result.last}"
    )
    if result.p >= ALPHA:
        return f"Sentiment says nothing here on the volatility of {result.name}: {figures}."
    if result.dm > 0:
        return f"Sentiment of the day before improved the forecast of the volatility of {result.name}: {figures}."
    return f"Sentiment says nothing here on the volatility of {result.name}, and made its forecast worse: {figures}."
