"""The index from sums of days: what it weighs, what it does not see, its band, and what is said where nothing was."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.finance.aggregates import Day
from apps.finance.periods import Granularity, Period, period_of, periods
from apps.finance.trend import DRAW, bootstrap, index, movers, no_items

MONDAY = date(2014, 5, 5)
Items = list[tuple[float, float]]


def row(day: date, items: Items, *, ticker: str = "JPM", reposts: int = 0) -> Day:
    """Sums of (weight, score)."""
    weight, score = np.array(items, dtype=float).T
    sums = (weight.sum(), (weight**2).sum(), (weight * score).sum(), (weight * score**2).sum())
    return Day(day, ticker, len(items) + reposts, len(items), *map(float, sums), 0, 0, 0)


def random_rows(seed: int, count: int = 200) -> list[Day]:
    random = np.random.default_rng(seed)
    rows = []
    for day in range(count):
        items = int(random.poisson(3))
        if items:
            weights, scores = random.uniform(0.1, 1, items), random.uniform(-1, 1, items)
            rows.append(row(MONDAY + timedelta(days=day), list(zip(weights, scores, strict=True))))
    return rows


@pytest.mark.parametrize("granularity", ["day", "week", "month", "quarter"])
def test_periods_cover_every_day_once(granularity: Granularity) -> None:
    since, until = date(2013, 11, 17), date(2015, 2, 28)
    found = list(periods(since, until, granularity))
    assert found[0].first <= since <= found[0].last
    assert found[-1].first <= until <= found[-1].last
    for before, after in pairwise(found):
        assert after.first - before.last == timedelta(days=1)
    for period in found:
        assert period_of(period.first, granularity) == period_of(period.last, granularity) == period


def test_quarters_and_weeks_begin_where_the_calendar_has_them() -> None:
    assert period_of(date(2016, 2, 29), "quarter") == Period(date(2016, 1, 1), date(2016, 3, 31))
    assert period_of(date(2014, 12, 31), "week") == Period(date(2014, 12, 29), date(2015, 1, 4))
    assert period_of(date(2014, 12, 31), "month") == Period(date(2014, 12, 1), date(2014, 12, 31))


def test_a_point_is_the_weighted_mean_drawn_towards_zero() -> None:
    (point,) = index([row(MONDAY, [(1.0, 0.8), (0.5, -0.4)])], MONDAY, MONDAY, "day")
    assert point.value == pytest.approx((0.8 - 0.2) / (1.5 + DRAW))
    (many,) = index([row(MONDAY, [(1.0, 0.8)] * 1000)], MONDAY, MONDAY, "day")
    assert many.value == pytest.approx(0.8, abs=0.001)


def test_a_story_told_twenty_times_has_one_voice() -> None:
    items = [(0.9, -0.7), (0.6, 0.4)]
    (once,) = index([row(MONDAY, items)], MONDAY, MONDAY, "day")
    (often,) = index([row(MONDAY, items, reposts=19)], MONDAY, MONDAY, "day")
    assert (often.value, often.low, often.high) == (once.value, once.low, once.high)
    assert (once.n, often.n, often.stories) == (2, 21, 2)


def test_a_sector_is_the_sum_of_its_companies() -> None:
    jpm, bac = row(MONDAY, [(1.0, 0.5)] * 3), row(MONDAY, [(0.5, -0.5)] * 4, ticker="BAC")
    (sector,) = index([jpm, bac], MONDAY, MONDAY, "week")
    assert sector.value == pytest.approx((1.5 - 1.0) / (3 + 2 + DRAW))
    assert sector.n == 7


def test_later_rows_change_neither_points_nor_smoothed_values_before_them() -> None:
    rows = random_rows(1)
    until = MONDAY + timedelta(days=199)
    whole = index(rows, MONDAY, until, "week")
    for cut in range(20, 200, 37):
        period = period_of(MONDAY + timedelta(days=cut), "week")
        noise = [row(period.first, [(0.9, -1.0)] * 5), *(r for r in rows if r.day < period.first)]
        changed = index(noise, MONDAY, until, "week")
        kept = [p.period.last < period.first for p in whole]
        assert [p for p, k in zip(whole, kept, strict=True) if k] == [
            p for p, k in zip(changed, kept, strict=True) if k
        ]


def test_a_new_item_changes_only_its_own_period_and_what_is_smoothed_after_it() -> None:
    rows = random_rows(2)
    until = MONDAY + timedelta(days=199)
    before = index(rows, MONDAY, until, "month")
    after = index([*rows, row(date(2014, 7, 9), [(1.0, 1.0)])], MONDAY, until, "month")
    same = [(a.value, a.low, a.high, a.n) == (b.value, b.low, b.high, b.n) for a, b in zip(before, after, strict=True)]
    assert [p.period.first for p, s in zip(before, same, strict=True) if not s] == [date(2014, 7, 1)]


def test_one_item_has_a_point_and_no_band_and_none_has_neither() -> None:
    one, none = index([row(MONDAY, [(0.7, 0.9)])], MONDAY, MONDAY + timedelta(days=1), "day")
    assert one.value is not None
    assert one.low is None
    assert (none.value, none.n) == (None, 0)
    assert 0 < none.smooth < one.smooth


def test_two_items_have_a_wide_band_around_their_point() -> None:
    def width(times: int) -> float:
        (point,) = index([row(MONDAY, [(0.7, 0.9), (0.7, -0.3)] * times)], MONDAY, MONDAY, "day")
        assert point.low is not None
        assert point.value is not None
        assert point.high is not None
        assert -1 <= point.low < point.value < point.high <= 1
        return point.high - point.low

    assert width(1) > 3 * width(50)


def drawn_from_items(days: list[Items], draws: int = 20_000) -> NDArray[np.float64]:
    """The Poisson bootstrap over the items themselves."""
    random = np.random.default_rng(3)
    weight, score = np.array([item for items in days for item in items]).T
    taken = random.poisson(1.0, (draws, len(weight)))
    return np.asarray((taken @ (weight * score)) / (taken @ weight + DRAW))


@pytest.mark.parametrize("count", [4, 30, 200])
def test_the_band_from_sums_is_that_from_items(count: int) -> None:
    random = np.random.default_rng(count)
    days: list[Items] = [
        list(zip(random.uniform(0.3, 0.9, count), np.clip(random.normal(0.3, 0.5, count), -1, 1), strict=True))
        for _ in range(5)
    ]
    from_items = drawn_from_items(days)
    # Many companies' worth of draws: the seed of each is its name.
    from_sums = np.concatenate(
        [
            bootstrap([row(MONDAY + timedelta(days=d), items, ticker=f"T{k}") for d, items in enumerate(days)])
            for k in range(20)
        ]
    )
    assert from_sums.mean() == pytest.approx(from_items.mean(), abs=0.15 * from_items.std())
    assert from_sums.std() == pytest.approx(from_items.std(), rel=0.15)


def test_the_band_narrows_with_items_and_covers_the_value_that_made_them() -> None:
    random = np.random.default_rng(5)
    covered, widths = 0, []
    for k in range(200):
        rows = [row(MONDAY, [(1.0, float(s)) for s in np.clip(random.normal(0.2, 0.4, 60), -1, 1)], ticker=f"T{k}")]
        (point,) = index(rows, MONDAY, MONDAY, "day")
        assert point.low is not None
        assert point.high is not None
        covered += point.low <= 0.2 <= point.high
        widths.append(point.high - point.low)
    # 90 % less what drawing towards 0 costs; three standard errors of 200 trials are 6 points.
    assert 0.82 <= covered / 200 <= 0.97
    (few,) = index([row(MONDAY, [(1.0, 0.6), (1.0, -0.2), (1.0, 0.2)])], MONDAY, MONDAY, "day")
    assert few.low is not None
    assert few.high is not None
    assert few.high - few.low > 2 * np.mean(widths)


def test_movers_put_what_is_hardly_chance_first() -> None:
    before, after = Period(MONDAY, MONDAY), Period(MONDAY + timedelta(days=1), MONDAY + timedelta(days=1))
    spread = [(1.0, 0.5), (1.0, -0.5)]
    rows = {
        "sure": [row(before.first, [(1.0, 0.4), (1.0, 0.2)] * 40), row(after.first, [(1.0, -0.1), (1.0, 0.1)] * 40)],
        "thin": [row(before.first, spread), row(after.first, [(1.0, 1.0), (1.0, -0.2), (0.2, 0.9)])],
        "silent": [row(before.first, spread)],
        "calm": [row(before.first, spread * 40), row(after.first, spread * 40)],
    }
    moves = movers(rows, before, after)
    assert [move.name for move in moves] == ["sure", "thin", "calm"]
    assert moves[0].clear
    assert moves[0].change == pytest.approx(-0.3, abs=0.01)
    assert not moves[1].clear
    assert abs(moves[1].change) > abs(moves[2].change)


def test_a_span_without_items_names_the_nearest_ones() -> None:
    rows = [row(date(2014, 5, 1), [(1.0, 0.1)] * 3), row(date(2014, 4, 2), [(1.0, 0)]), row(date(2014, 6, 2), [(1, 0)])]
    said = no_items("Intel", date(2014, 5, 5), date(2014, 5, 9), rows)
    assert said == (
        "There are no items on Intel between 2014-05-05 and 2014-05-09; "
        "the nearest are of 2014-05-01 (3 items) and 2014-06-02 (1 item)."
    )
    assert no_items("Intel", MONDAY, MONDAY, []).endswith("nor at any other time.")
