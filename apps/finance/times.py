"""When an item was published, from the many ways of writing it; and the trading session for which it counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

EXCHANGE = ZoneInfo("America/New_York")
CLOSE = time(16)
SKEW = timedelta(minutes=10)
"""How far a clock may go ahead of ours before a time counts as in the future."""
_SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_FORMATS = (
    "%a %b %d %H:%M:%S %z %Y",
    *(f"{day}{clock}" for day in ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%Y/%m/%d")
      for clock in ("", " %H:%M", " %H:%M:%S")),
)  # fmt: skip


class TimeError(ValueError):
    """A time that cannot be read, or cannot be meant; the message is the reason for the reject file."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one file are to be read."""

    now: datetime
    """Aware; what lies after it is in the future."""
    zone: tzinfo = UTC
    """Of times that name none."""
    day_first: bool | None = None
    """What 03/04/2026 means: the third of April if True, the fourth of March if False; None refuses it."""

    def read(self, written: str) -> datetime:
        """The time in UTC, to the second. A day without a time is its midnight. Raises TimeError."""
        found = self._parsed(" ".join(written.split()))
        try:
            moment = (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC)
        except OverflowError as error:
            raise TimeError(f"'{written[:40]}' is no date") from error
        if moment > self.now + SKEW:
            raise TimeError(f"'{written[:40]}' lies in the future")
        return moment.replace(microsecond=0)

    def _parsed(self, written: str) -> datetime:
        for reader in (datetime.fromisoformat, self._numbers, self._slashed, *map(_by, _FORMATS), _mailed):
            try:
                return reader(written)
            except (ValueError, OverflowError) as error:
                if isinstance(error, TimeError):
                    raise
        raise TimeError(f"'{written[:40]}' is no date" if written else "there is no date")

    @staticmethod
    def _numbers(written: str) -> datetime:
        """Seconds or milliseconds since 1970."""
        number = float(written)
        return datetime.fromtimestamp(number / 1000 if abs(number) > 1e11 else number, UTC)

    def _slashed(self, written: str) -> datetime:
        match = _SLASHED.fullmatch(written)
        if match is None:
            raise ValueError(written)
        first, second, year, *clock = (int(part or 0) for part in match.groups())
        if first <= 12 and second <= 12 and first != second and self.day_first is None:
            raise TimeError(f"'{written[:40]}' may be two days: say whether the day or the month comes first")
        day_first = first > 12 or (second <= 12 and bool(self.day_first))
        day, month = (first, second) if day_first else (second, first)
        return datetime(year, month, day, *clock)


def _by(form: str) -> Callable[[str], datetime]:
    # What names no zone gets the clock's.
    return lambda written: datetime.strptime(written, form)


def _mailed(written: str) -> datetime:
    return parsedate_to_datetime(written)


def session_day(moment: datetime) -> date:
    """The trading day for which an item counts: what is published after the close counts for the next session.

    Saturdays and Sundays count for Monday. Holidays are not known here.
    """
    local = moment.astimezone(EXCHANGE)
    day = local.date() + timedelta(days=local.time() >= CLOSE)
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
