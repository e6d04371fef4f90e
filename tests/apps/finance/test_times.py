from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from apps.finance.times import Clock, TimeError, session_day
from tests.apps.finance.conftest import NOW

CLOCK = Clock(NOW)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-14T15:30:00Z",
        "2026-03-14T16:30:00+01:00",
        "2026-03-14 15:30",
        "Sat Mar 14 15:30:00 +0000 2026",
        "Sat, 14 Mar 2026 15:30:00 GMT",
        "14/03/2026 15:30",
        "14.03.2026, 15:30:00",
        "03/14/2026 15:30",
        "14 March 2026 15:30",
        "March 14, 2026 15:30",
        "1773502200",
        "1773502200000",
    ],
)
def test_one_moment_written_in_many_ways(written: str) -> None:
    assert CLOCK.read(written) == datetime(2026, 3, 14, 15, 30, tzinfo=UTC)


def test_a_time_without_a_zone_is_the_clocks() -> None:
    berlin = replace(CLOCK, zone=ZoneInfo("Europe/Berlin"))
    assert berlin.read("2026-07-01 12:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert berlin.read("2026-07-01 12:00Z") == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_day_that_may_be_two_is_refused_until_it_is_said_which() -> None:
    with pytest.raises(TimeError, match="may be two days"):
        CLOCK.read("03/04/2026")
    assert replace(CLOCK, day_first=True).read("03/04/2026").date() == date(2026, 4, 3)
    assert replace(CLOCK, day_first=False).read("03/04/2026").date() == date(2026, 3, 4)


def test_the_same_day_and_month_is_one_day() -> None:
    assert CLOCK.read("04/04/2026").date() == date(2026, 4, 4)


def test_the_future_is_refused_but_for_a_clock_that_is_a_little_ahead() -> None:
    with pytest.raises(TimeError, match="future"):
        CLOCK.read("2026-11-25T12:11:00Z")
    assert CLOCK.read("2026-11-25T12:09:00Z").minute == 9


@pytest.mark.parametrize(
    "written", ["yesterday-ish", "31/02/2026", "13/13/2026", "1e400", "nan", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_date_is_said_to_be_none(written: str) -> None:
    with pytest.raises(TimeError, match="is no date"):
        CLOCK.read(written)


def test_no_date_at_all() -> None:
    with pytest.raises(TimeError, match="there is no date"):
        CLOCK.read(" ")


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2026-07-01T19:59:00", date(2026, 7, 1)),  # 15:59 in New York
        ("2026-07-01T20:00:00", date(2026, 7, 2)),
        ("2026-01-07T20:59:00", date(2026, 1, 7)),  # winter: the close is an hour later in UTC
        ("2026-01-07T21:00:00", date(2026, 1, 8)),
        ("2026-07-03T20:30:00", date(2026, 7, 6)),  # Friday after the close
        ("2026-07-04T12:00:00", date(2026, 7, 6)),
        ("2026-07-05T23:00:00", date(2026, 7, 6)),
        ("2026-07-06T03:00:00", date(2026, 7, 6)),  # Sunday evening in New York
    ],
)
def test_what_comes_after_the_close_counts_for_the_next_session(moment: str, session: date) -> None:
    assert session_day(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == session
