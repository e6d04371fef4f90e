"""Volatility from prices, features that know nothing of the future, and planted leaks that are caught."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.finance.aggregates import Day
from apps.finance.prices import Prices, session_ends
from apps.finance.volatility import (
    MONTH,
    YEAR,
    LookaheadError,
    Measure,
    Scores,
    check_no_lookahead,
    daily_variance,
    har_features,
    log_volatility,
    realised_volatility,
    sentiment_features,
    sentiment_of_days,
)

Floats = NDArray[np.float64]
DAYS = tuple(day for n in range(300) if (day := date(2014, 1, 2) + timedelta(days=n)).weekday() < 5)


def walk(seed: int, steps: int = 400, volatility: float = 0.3) -> Prices:
    """A random walk of ``steps`` moves a day, open to close, without a night."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, volatility / np.sqrt(YEAR * steps), (len(DAYS), steps))
    path = np.exp(np.cumsum(moves).reshape(moves.shape))
    opened = np.concatenate([[1.0], path[:-1, -1]])
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    return Prices("A", DAYS, opened, high, low, path[:, -1], np.ones(len(DAYS)))


def items(seed: int, count: int = 900) -> Scores:
    random = np.random.default_rng(seed)
    seconds = random.integers(0, 300 * 86_400, count)
    published = np.datetime64("2014-01-02T00:00:00", "us") + seconds.astype("timedelta64[s]")
    return Scores(published, random.uniform(-1, 1, count), random.uniform(0, 1, count))


def features(prices: Prices, scores: Scores) -> Floats:
    log_vol = log_volatility(prices, "garman_klass")
    return np.column_stack([log_vol, har_features(log_vol), sentiment_features(prices, scores)])


@pytest.mark.parametrize("measure", ["close", "parkinson", "garman_klass"])
def test_each_measure_finds_the_volatility_of_a_random_walk(measure: Measure) -> None:
    variances = [np.nanmean(daily_variance(walk(seed, volatility=0.3), measure)) for seed in range(20)]
    assert np.sqrt(YEAR * np.mean(variances)) == pytest.approx(0.3, rel=0.06)


def test_the_range_says_more_than_the_close() -> None:
    spreads = {m: np.nanstd(daily_variance(walk(1), m)) for m in ("close", "parkinson", "garman_klass")}
    assert spreads["garman_klass"] < spreads["parkinson"] < spreads["close"]


def test_a_split_and_a_gap_make_no_volatility() -> None:
    prices = walk(2)
    factor = np.where(np.arange(len(DAYS)) < 100, 1 / 7, 1.0)
    columns = {name: getattr(prices, name) / factor for name in ("open", "high", "low", "close")}
    split = replace(prices, factor=factor, **columns)
    for measure in ("close", "parkinson", "garman_klass"):
        assert daily_variance(split, measure)[1:] == pytest.approx(daily_variance(prices, measure)[1:])
    for name in ("open", "high", "low", "close"):
        getattr(prices, name)[50:53] = np.nan
    assert np.isnan(daily_variance(prices, "close"))[49:55].tolist() == [False, True, True, True, True, False]
    assert np.isnan(daily_variance(prices, "parkinson"))[49:55].tolist() == [False, True, True, True, False, False]
    assert np.isfinite(har_features(log_volatility(prices, "parkinson"))[55:, 1:]).all()


def test_a_day_on_which_nothing_moved_is_missing_and_not_minus_infinity() -> None:
    prices = walk(3)
    for name in ("open", "high", "low", "close"):
        getattr(prices, name)[10] = 1.0
    assert np.isnan(log_volatility(prices, "garman_klass")[10])


def test_realised_volatility_begins_with_a_whole_window() -> None:
    constant = np.full(60, 0.04 / YEAR)
    realised = realised_volatility(constant, MONTH)
    assert np.isnan(realised[: MONTH - 1]).all()
    assert realised[MONTH - 1 :] == pytest.approx(0.2)


def test_sentiment_counts_after_the_close_for_the_next_session() -> None:
    prices = walk(4)
    when = np.array(["2014-01-02T20:59:00", "2014-01-02T21:00:00", "2014-01-04T12:00:00"], dtype="datetime64[us]")
    found = sentiment_features(prices, Scores(when, np.array([0.5, 1.0, -1.0]), np.array([1.0, 3.0, 1.0])))
    assert found[0] == pytest.approx([0.5, 0.0, np.log(2)])
    assert found[1] == pytest.approx([1.0, 0.0, np.log(2)])
    assert found[2] == pytest.approx([-1.0, 0.0, np.log(2)])
    assert not found[3:].any()


def test_sums_by_session_give_what_the_items_give() -> None:
    prices, scores = walk(5), items(5)
    ends = session_ends(DAYS)
    rows = []
    for number, day in enumerate(DAYS):
        begun = ends[number - 1] if number else np.datetime64("2000-01-01", "us")
        at = (scores.published >= begun) & (scores.published < ends[number])
        w, s = scores.weight[at], scores.score[at]
        if at.any():
            sums = (w.sum(), (w**2).sum(), (w * s).sum(), (w * s**2).sum())
            rows.append(Day(day, "A", int(at.sum()), int(at.sum()), *map(float, sums), 0, 0, 0))
    assert sentiment_of_days(prices, rows) == pytest.approx(sentiment_features(prices, scores), abs=1e-7)


def test_a_trading_day_that_is_a_holiday_counts_for_the_next_session() -> None:
    prices = walk(6)
    monday = Day(DAYS[-1] - timedelta(days=1), "A", 1, 1, 1.0, 1.0, 0.4, 0.16, 0, 0, 1)
    kept = replace(prices, days=(*DAYS[:-2], DAYS[-1]))
    assert sentiment_of_days(kept, [monday])[-1] == pytest.approx([0.4, 0.0, np.log(2)])
    assert not sentiment_of_days(prices, [replace(monday, day=DAYS[-1] + timedelta(days=1))]).any()


def test_our_features_know_nothing_of_the_future() -> None:
    for seed in range(3):
        check_no_lookahead(features, walk(seed), items(seed), cuts=range(0, len(DAYS), 7), seed=seed)


def by_calendar_day(prices: Prices, scores: Scores) -> Floats:
    """The leak: what is published after the close counts for the day that has ended."""
    days = np.array(prices.days, dtype="datetime64[D]")
    session = np.searchsorted(days, scores.published.astype("datetime64[D]"))
    known = session < len(days)
    return np.bincount(session[known], scores.score[known], len(days))[:, None]


def centred(prices: Prices, scores: Scores) -> Floats:
    """The leak: smoothed with the day after."""
    return np.convolve(sentiment_features(prices, scores)[:, 0], np.ones(3) / 3, mode="same")[:, None]


def tomorrow(prices: Prices, scores: Scores) -> Floats:
    """The leak: the target among the features."""
    return np.append(log_volatility(prices, "parkinson")[1:], np.nan)[:, None]


def standardised(prices: Prices, scores: Scores) -> Floats:
    """The leak: mean and spread of the whole span."""
    log_vol = log_volatility(prices, "garman_klass")
    return ((log_vol - np.nanmean(log_vol)) / np.nanstd(log_vol))[:, None]


@pytest.mark.parametrize("leak", [by_calendar_day, centred, tomorrow, standardised])
def test_a_planted_leak_is_caught(leak: object) -> None:
    def leaking(prices: Prices, scores: Scores) -> Floats:
        return np.column_stack([features(prices, scores), leak(prices, scores)])  # type: ignore[operator]

    with pytest.raises(LookaheadError, match=r"Feature 7 of 2014-\d\d-\d\d changed .* it looks ahead"):
        check_no_lookahead(leaking, walk(0), items(0), cuts=range(30, 150, 10))
