"""How much prices moved, and what was known before they did: features for forecasts of volatility, without look-ahead.

Variance of a day from its prices, by close-to-close changes, by Parkinson (1980, doi:10.1086/296071) or by Garman and
Klass (1980, doi:10.1086/296072); features of HAR (Corsi 2009, doi:10.1093/jjfinec/nbp001) with and without sentiment.
A row of features holds what is known when its session closes; the target is the session after it.
``har.py`` forecasts and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .aggregates import Day
from .prices import CLOSE, ZONE, Floats, Instants, Prices, session_ends, session_of

Measure = Literal["close", "parkinson", "garman_klass"]

YEAR = 252
"""Sessions, by which daily variance becomes a yearly figure."""
WEEK, MONTH = 5, 22
"""Sessions, as HAR counts them."""
HAR = ("day", "week", "month")
SENTIMENT = ("level", "dispersion", "volume")


class LookaheadError(ValueError):
    """A feature changed when only the future did; the message names session and column."""


@dataclass(frozen=True)
class Scores:
    """Scored items of one company, in any order. All shapes: (items,)."""

    published: Instants
    """UTC."""
    score: Floats
    """-1 to 1."""
    weight: Floats
    """0 or more; a repost has 0 (see ``trend.py``)."""


def daily_variance(prices: Prices, measure: Measure) -> Floats:
    """Variance of each session's logarithmic price change; NaN without a price. Shape: (sessions,).

    "close" takes in the night before, so it is NaN too where the session before has no price: a change over a gap is
    no daily one. The other two see the open session alone and need no adjusted prices: a split moves all of a day.
    """
    if measure == "close":
        squares: Floats = np.square(np.diff(np.log(prices.adjusted), prepend=np.nan))
        return squares
    spread: Floats = np.square(np.log(prices.high / prices.low))
    if measure == "parkinson":
        parkinson: Floats = spread / (4 * np.log(2))
        return parkinson
    drift = np.log(prices.close / prices.open) ** 2
    # Rounded prices may put the close a hair outside of high and low.
    garman_klass: Floats = np.maximum(0.5 * spread - (2 * np.log(2) - 1) * drift, 0.0)
    return garman_klass


def realised_volatility(variance: Floats, sessions: int) -> Floats:
    """Yearly volatility (0.2 is 20 % a year) over the last ``sessions`` of each; NaN until there are as many.

    Sessions without a price are left out of the mean; more than half of them missing gives NaN. Shape: (sessions,).
    """
    volatility: Floats = np.sqrt(YEAR * _trailing_mean(variance, sessions))
    return volatility


def log_volatility(prices: Prices, measure: Measure) -> Floats:
    """ln of each session's yearly volatility; NaN where the price did not move at all. Shape: (sessions,)."""
    variance = daily_variance(prices, measure)
    logarithms: Floats = 0.5 * np.log(YEAR * np.where(variance > 0, variance, np.nan))
    return logarithms


def har_features(log_vol: Floats) -> Floats:
    """HAR: the session's value, and the means of the last WEEK and MONTH. Shape: (sessions, 3)."""
    return np.column_stack([log_vol, _trailing_mean(log_vol, WEEK), _trailing_mean(log_vol, MONTH)])


def sentiment_features(prices: Prices, scores: Scores, close: time = CLOSE, zone: str = ZONE) -> Floats:
    """SENTIMENT of the items that count for each session. Shape: (sessions, 3).

    The weighted mean score, the weighted standard deviation, and ln(1 + number of items that have a weight). All three
    are 0 for a session without items: nothing was said, which is what the index says of it too.
    """
    session = session_of(scores.published, session_ends(prices.days, close, zone))
    counted = (scores.weight > 0).astype(np.float64)
    weighted = scores.weight * scores.score
    return _sentiment(len(prices.days), session, scores.weight, weighted, weighted * scores.score, counted)


def sentiment_of_days(prices: Prices, rows: Sequence[Day]) -> Floats:
    """As ``sentiment_features``, from the sums of a company's trading days (aggregates by session, not by UTC day).

    The rows know weekends and no holidays: a day that is no session counts for the next one.
    """
    sessions = np.array(prices.days, dtype="datetime64[D]")
    session = np.searchsorted(sessions, np.array([row.day for row in rows], dtype="datetime64[D]"))
    names = ("weight_sum", "score_sum", "score_sq_sum", "stories")
    sums = [np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in names]
    return _sentiment(len(sessions), session, *sums)


def _sentiment(
    count: int, session: NDArray[np.int64], weight: Floats, score: Floats, square: Floats, stories: Floats
) -> Floats:
    """From sums of weights, of weighted scores and of weighted squares, each of shape (rows,), by session."""
    known = session < count
    weights, scores, squares, numbers = (
        np.bincount(session[known], column[known], count) for column in (weight, score, square, stories)
    )
    share = np.where(weights > 0, weights, 1.0)
    level = scores / share
    # Rounding may leave a variance a hair below 0.
    dispersion = np.sqrt(np.maximum(squares / share - level**2, 0.0))
    return np.column_stack([level, dispersion, np.log1p(numbers)])


def check_no_lookahead(
    features: Callable[[Prices, Scores], Floats],
    prices: Prices,
    scores: Scores,
    cuts: Sequence[int],
    *,
    seed: int = 0,
    close: time = CLOSE,
    zone: str = ZONE,
) -> None:
    """Put noise in the place of all that happens after each of the sessions ``cuts``, and compare what was before.

    Prices after the session are permuted; items published at its close or later get other scores and weights, and
    some of them go. ``features`` must come out the same, bit by bit, for that session and all before it.
    Raises LookaheadError.
    """
    random = np.random.default_rng(seed)
    ends = session_ends(prices.days, close, zone)
    known = features(prices, scores)
    for cut in cuts:
        later = np.arange(cut + 1, len(prices.days))
        order = np.concatenate([np.arange(cut + 1), random.permutation(later)])
        scale = np.where(np.arange(len(order)) > cut, random.uniform(0.5, 2.0, len(order)), 1.0)
        # A session's own factor stays with it: it compares prices with the last one, whichever that is.
        columns = {name: (getattr(prices, name) * scale)[order] for name in ("open", "high", "low", "close")}
        moved = replace(prices, **columns)
        after = scores.published >= ends[cut]
        kept = ~after | (random.random(len(after)) < 0.7)
        other = Scores(
            scores.published[kept],
            np.where(after, random.uniform(-1, 1, len(after)), scores.score)[kept],
            np.where(after, random.uniform(0.1, 1, len(after)), scores.weight)[kept],
        )
        changed = features(moved, other)
        same = (changed[: cut + 1] == known[: cut + 1]) | (np.isnan(changed[: cut + 1]) & np.isnan(known[: cut + 1]))
        if not same.all():
            row, column = np.argwhere(~same)[0]
            raise LookaheadError(
                f"Feature {column} of {prices.days[row]} changed when only what came after the close of "
                f"{prices.days[cut]} did: it looks ahead."
            )


def _trailing_mean(values: Floats, width: int) -> Floats:
    """Mean of the last ``width`` values, itself included; NaN until there are so many, or if most of them are NaN."""
    known: NDArray[np.bool_] = np.isfinite(values)
    result = np.full(len(values), np.nan)
    for end in range(width, len(values) + 1):
        window = slice(end - width, end)
        if 2 * known[window].sum() > width:
            result[end - 1] = values[window][known[window]].mean()
    return result
