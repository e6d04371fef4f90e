"""Days, weeks, months and quarters: the spans that an index is given for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Granularity = Literal["day", "week", "month", "quarter"]


@dataclass(frozen=True, order=True)
class Period:
    first: date
    last: date
    """Included."""

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def period_of(day: date, granularity: Granularity) -> Period:
    """The period that holds a day. Weeks begin on Monday; quarters are those of the calendar."""
    if granularity == "day":
        return Period(day, day)
    if granularity == "week":
        first = day - timedelta(days=day.weekday())
        return Period(first, first + timedelta(days=6))
    months = 1 if granularity == "month" else 3
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    after = first.year * 12 + first.month - 1 + months
    return Period(first, date(after // 12, after % 12 + 1, 1) - timedelta(days=1))


def periods(since: date, until: date, granularity: Granularity) -> Iterator[Period]:
    """All periods that have a day from ``since`` to ``until`` in them, whole, in order."""
    period = period_of(since, granularity)
    while period.first <= until:
        yield period
        period = period_of(period.last + timedelta(days=1), granularity)
