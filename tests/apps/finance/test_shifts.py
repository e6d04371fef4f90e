"""Level shifts: found where they are, not where a day is loud, and at once from the past alone."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.finance.shifts import FEWEST, SHORTEST, noise, shifts, shifts_at_once

FIRST = date(2014, 1, 1)


def series(
    seed: int, levels: dict[int, float], count: int = 200, spread: float = 0.1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values and items of ``count`` days; ``levels`` by the day they begin."""
    random = np.random.default_rng(seed)
    values = random.normal(0, spread, count)
    for day, level in levels.items():
        values[day:] += level - sum(
            v for d, v in levels.items() if d == max((d for d in levels if d < day), default=-1)
        )
    return values, random.integers(5, 20, count)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=n) for n in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_planted_shifts_are_found_with_their_levels(seed: int) -> None:
    values, items = series(seed, {60: 0.4, 130: -0.2})
    found = shifts(days(200), values, items)
    assert [abs((s.day - FIRST).days - at) <= 2 for s, at in zip(found, (60, 130), strict=True)] == [True, True]
    assert found[0].before == pytest.approx(0.0, abs=0.06)
    assert found[0].after == found[1].before == pytest.approx(0.4, abs=0.06)
    assert found[1].after == pytest.approx(-0.2, abs=0.06)


@pytest.mark.parametrize("seed", range(5))
def test_a_spike_is_no_shift(seed: int) -> None:
    values, items = series(seed, {})
    values[100] += 2.0
    assert shifts(days(200), values, items) == []
    assert list(shifts_at_once(days(200), values, items)) == []


def test_days_without_items_count_for_nothing() -> None:
    values, items = series(1, {90: 0.5})
    items[::3] = 0
    known = shifts(days(200), values, items)
    values[::3] = 77.0
    assert shifts(days(200), values, items) == known
    assert len(known) == 1
    assert abs((known[0].day - FIRST).days - 90) <= 3


def test_a_level_lasts_at_least_a_week() -> None:
    for seed in range(5):
        values, items = series(seed, {80: 1.0, 90: 0.0, 150: 1.0}, spread=0.3)
        ends = [0, *((s.day - FIRST).days for s in shifts(days(200), values, items)), 200]
        assert min(np.diff(ends)) >= SHORTEST


@pytest.mark.parametrize("count", [0, 1, FEWEST - 1])
def test_too_few_days_give_none(count: int) -> None:
    values, items = series(0, {}, count)
    assert shifts(days(count), values, items) == []
    assert list(shifts_at_once(days(count), values, items)) == []


def test_a_series_that_never_changes_has_none() -> None:
    assert shifts(days(50), np.full(50, 0.3), np.full(50, 4)) == []
    assert list(shifts_at_once(days(50), np.full(50, 0.3), np.full(50, 4))) == []


def test_noise_is_told_from_shifts_and_spikes() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 0.2, 2000)
    values[1000:] += 3
    values[::50] += 5
    assert noise(values, np.ones(2000)) == pytest.approx(0.04, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_told_at_once_needs_no_later_day(seed: int) -> None:
    values, items = series(seed, {80: 0.4, 140: 0.0})
    told = list(shifts_at_once(days(200), values, items))
    assert [shift.after > shift.before for shift in told] == [True, False]
    for number, shift in enumerate(told):
        end = (shift.known - FIRST).days + 1
        assert 0 < (shift.known - shift.day).days < 20
        random = np.random.default_rng(seed + 100)
        other = np.concatenate([values[:end], random.normal(0, 1, 200 - end)])
        assert list(shifts_at_once(days(200), other, items))[: number + 1] == told[: number + 1]
        assert list(shifts_at_once(days(end), values[:end], items[:end])) == told[: number + 1]
