"""Questions by name and date, as programs ask them over the API and in the terminal, and answers ready for JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from agent.errors import BadInputError

from .naming import near_names
from .periods import Granularity, period_of
from .queries import Answered, Asked, Kind, bounds
from .setup import Desk

USUAL = timedelta(days=182)
"""What is answered for where no beginning is named."""
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def day_of(text: str, *, last: bool = False) -> date:
    """A day, or the first (or with ``last`` the last) day of a month or a year: 2014-05-17, 2014-05, 2014.

    Raises BadInputError.
    """
    found = _DATE.fullmatch(text.strip())
    try:
        if not found:
            raise ValueError
        year, month, day = (int(part) if part else None for part in found.groups())
        assert year is not None
        if day is not None and month is not None:
            return date(year, month, day)
        if month is not None:
            period = period_of(date(year, month, 1), "month")
            return period.last if last else period.first
        return date(year, 12, 31) if last else date(year, 1, 1)
    except ValueError as error:
        raise BadInputError("date", f"'{text}' is no date. Write it as 2014-05-17, 2014-05 or 2014.") from error


def tickers_of(desk: Desk, names: Sequence[str]) -> tuple[str, ...]:
    """The tickers of companies that are named by ticker or name, in any case; of the whole watch list for none.

    Raises BadInputError with the names that come near one that is not on it.
    """
    known = {
        name.casefold(): company.ticker
        for company in desk.companies.values()
        for name in (company.ticker, *company.names)
    }
    found = []
    for name in names:
        ticker = known.get(name.strip().casefold())
        if ticker is None:
            near = near_names(name, desk.companies)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(desk.companies)}."
            raise BadInputError("unknown_company", f"{name} is not on the watch list. {hint}")
        found.append(ticker)
    return tuple(dict.fromkeys(found)) or tuple(desk.companies)


def asked_of(
    desk: Desk,
    kind: Kind,
    names: Sequence[str],
    since: str | None,
    until: str | None,
    by: Granularity = "week",
    top: int = 10,
    *,
    usual: timedelta = USUAL,
) -> Asked:
    """The question; a span without an end goes to the newest item, and one without a beginning goes back by ``usual``.

    Raises BadInputError.
    """
    tickers = tickers_of(desk, names)
    if until is not None:
        end = day_of(until, last=True)
    else:
        known = bounds(desk)
        if known is None:
            raise BadInputError("no_items", "There are no items yet. Take some in: switchboard finance ingest FILE")
        end = known[1]
    return Asked(kind, tickers, day_of(since) if since is not None else end - usual, end, by, top)


def to_dict(answered: Answered) -> dict[str, Any]:
    """An answer with its figures, ready for JSON."""
    asked = answered.asked
    return {
        "id": answered.id,
        "kind": asked.kind,
        "tickers": list(asked.tickers),
        "since": str(asked.since),
        "until": str(asked.until),
        "by": asked.granularity,
        "items": answered.items,
        "note": answered.empty,
        "series": {
            name: [
                {"first": str(p.period.first), "last": str(p.period.last), "items": p.n, "stories": p.stories}
                | {"value": p.value, "low": p.low, "high": p.high, "smooth": p.smooth}
                for p in points
            ]
            for name, points in answered.series.items()
        },
        "shifts": {
            name: [{"day": str(s.day), "before": s.before, "after": s.after} for s in found]
            for name, found in answered.shifts.items()
        },
        "movers": [asdict(move) | {"change": move.change, "clear": move.clear} for move in answered.moves],
        "headlines": [asdict(headline) for headline in answered.headlines],
        "rows": f"/v1/finance/queries/{answered.id}/items.csv",
    }
