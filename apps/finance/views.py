"""What the page ``/analyst`` shows, each as a View: figures for its scripts, a picture and a table.

All figures are those of ``queries``. Knows nothing of HTTP or HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from agent.errors import BadInputError

from . import alarm, demo_stream
from .aggregates import days, span
from .charts import Chart, Mark, heat_map, index_chart
from .har import sentence
from .periods import Granularity, Period, period_of, periods
from .queries import Answered, Asked, Kind, ask, prices_of
from .setup import Desk
from .trend import Point, index
from .unusual import unusual_days

SECTOR = "sector:"
"""Before a sector's name where a company's ticker may stand as well."""
MOST_ITEMS = 50
"""In a list."""
MOST_COLUMNS = 32
"""Of the heat map; with more its periods become longer."""
MOST_DAYS = 3660
"""That one picture may span."""
BEFORE = timedelta(days=365)
"""Days before a span that say what was usual."""
LATE = timedelta(days=182)
"""Days that tell which companies are shown first."""
LONGER: Mapping[Granularity, Granularity] = {"day": "week", "week": "month", "month": "quarter"}

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class Span:
    """Both ends included. Raises BadInputError if there is nothing between them, or too much."""

    since: date
    until: date
    by: Granularity = "week"

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise BadInputError("period", f"The period begins on {self.since}, after its end on {self.until}.")
        if self.until - self.since > timedelta(MOST_DAYS):
            raise BadInputError("period", f"A picture spans {MOST_DAYS} days at most. Ask for a shorter period.")


@dataclass(frozen=True)
class View:
    shown: Mapping[str, Any]
    """Ready for JSON; ``empty`` says why there is nothing else."""
    table: Callable[[], Table]
    chart: Callable[[float], Chart] | None = None
    """Draws it as wide as is asked for, in inches."""


def facts(desk: Desk, version: str | None) -> dict[str, Any]:
    """What there is to be shown, and what is under way; ready for JSON."""
    ends = span(desk.file, desk.companies)
    [counts] = desk.file.read(
        "SELECT (SELECT COUNT(*) FROM items) AS items, (SELECT COALESCE(MAX(id), 0) FROM items) AS last, "
        "(SELECT COUNT(*) FROM mentions) AS total, (SELECT COALESCE(MAX(id), 0) FROM fired) AS fired, "
        "(SELECT COUNT(*) FROM mentions WHERE scored_by < :version OR scored_by > :version) AS waiting, "
        "EXISTS (SELECT 1 FROM ingests WHERE demo = 1 AND done = 0) AS reading",
        {"version": version or ""},
    )
    return {
        "version": version,
        "items": counts["items"],
        "span": {"first": str(ends[0]), "last": str(ends[1])} if ends else None,
        "companies": [{"ticker": c.ticker, "name": c.name, "sector": c.sector} for c in desk.companies.values()],
        "sectors": list(dict.fromkeys(c.sector for c in desk.companies.values() if c.sector)),
        "start": _busiest(desk, ends[1]) if ends else [],
        "demo": demo_stream.is_there(desk.file),
        "reading": bool(counts["reading"]),
        "scoring": {"waiting": counts["waiting"], "total": counts["total"]},
        "prices": not prices_of(desk).keys().isdisjoint(desk.companies),
        # Changes with whatever the pictures are drawn from.
        "stamp": " ".join(str(counts[name]) for name in ("items", "last", "waiting", "fired")) + f" {version}",
    }


def index_view(desk: Desk, name: str, asked: Span) -> View:
    """The index of a company or a sector, with prices below where there are any. Raises BadInputError."""
    title, tickers, kind = named(desk, name)
    answered = _ask(desk, kind, tickers, asked)
    if answered.empty:
        return View({"name": name, "empty": answered.empty}, answered.table)
    points, shifts = answered.series[title], answered.shifts[title]
    alerts = _alerts(desk, name, tickers, asked)
    marks = [Mark(date.fromisoformat(alert["day"]), alert["text"]) for alert in alerts]
    prices = prices_of(desk).get(name)
    shown = {
        "name": name,
        "title": title,
        "items": answered.items,
        "points": [_point(point) for point in points],
        "shifts": [{"day": str(shift.day), "before": shift.before, "after": shift.after} for shift in shifts],
        "alerts": alerts,
    }
    return View(
        shown,
        answered.table,
        lambda width: index_chart(title, points, shifts=shifts, marks=marks, prices=prices, width=width),
    )


def heat_view(desk: Desk, asked: Span) -> View:
    """The index of all companies side by side, by periods so long that there are no more than MOST_COLUMNS."""
    by = asked.by
    while by in LONGER and len(list(periods(asked.since, asked.until, by))) > MOST_COLUMNS:
        by = LONGER[by]
    answered = _ask(desk, "heat", tuple(desk.companies), Span(asked.since, asked.until, by))
    if answered.empty:
        return View({"empty": answered.empty}, answered.table)
    tickers = {company.name: company.ticker for company in desk.companies.values()}
    rows = [
        {"name": tickers[title], "title": title, "points": [_point(point) for point in points]}
        for title, points in answered.series.items()
        if any(point.n for point in points)
    ]
    drawn = {row["name"]: answered.series[row["title"]] for row in rows}
    return View({"rows": rows}, answered.table, lambda width: heat_map(drawn, width))


def movers_view(desk: Desk, asked: Span) -> View:
    """How each company changed from the period before the last to the last one."""
    last = period_of(asked.until, asked.by)
    answered = _ask(desk, "movers", tuple(desk.companies), Span(last.first, last.last), top=len(desk.companies))
    tickers = {company.name: company.ticker for company in desk.companies.values()}
    moves = [
        {"name": tickers[move.name], "title": move.name, "before": move.before, "after": move.after}
        | {"change": move.change, "clear": move.clear}
        for move in answered.moves
    ]
    chart = answered.chart if moves and not answered.empty else None
    return View({"after": _ends(last), "moves": moves}, answered.table, chart)


def alerts_view(desk: Desk, asked: Span) -> View:
    """Alerts that fired, and days on which a company's index was unusual; the newest first."""
    names = [*desk.companies, *(SECTOR + sector for sector in {c.sector for c in desk.companies.values()} if sector)]
    found = []
    for name in names:
        title, tickers, _ = named(desk, name)
        # Of sectors what somebody asked for: what is unusual is said of companies.
        own = _alerts(desk, name, tickers, asked, unusual=not name.startswith(SECTOR))
        found += [{"name": name, "title": title} | alert for alert in own]
    found.sort(key=lambda alert: (alert["day"], alert["title"]), reverse=True)
    header = ("day", "title", "kind", "value", "items", "text")
    return View({"alerts": found}, lambda: (header, [[alert[column] for column in header] for alert in found]))


def items_view(desk: Desk, name: str, asked: Span) -> View:
    """The items on a company or a sector, those that weigh most first. Raises BadInputError."""
    title, tickers, _ = named(desk, name)
    answered = _ask(desk, "evidence", tickers, asked, top=MOST_ITEMS)
    shown = {
        "title": title,
        "headlines": [asdict(headline) for headline in answered.headlines],
        "items": answered.items,
        "empty": answered.empty,
    }
    return View(shown, answered.items_table)


def volatility_view(desk: Desk) -> View:
    """Whether sentiment helps to forecast volatility, pooled and by company, over all days that there are."""
    ends = span(desk.file, desk.companies)
    if ends is None:
        raise BadInputError("no_items", "There are no items yet.")
    answered = _ask(
        desk, "volatility", tuple(desk.companies), Span(max(ends[0], ends[1] - timedelta(MOST_DAYS)), ends[1])
    )
    assert answered.volatility is not None
    results = answered.volatility.results[::-1]
    if not results:
        return View({"empty": " ".join(answered.volatility.skipped.values())}, answered.table)
    rows = [
        {"name": r.name, "with": r.r2_sentiment, "without": r.r2_har, "p": r.p, "sessions": r.count} for r in results
    ]
    return View({"sentence": sentence(results[0]), "rows": rows}, answered.table)


def named(desk: Desk, name: str) -> tuple[str, tuple[str, ...], Kind]:
    """Title, companies and kind of question of a company's ticker, or of SECTOR + a sector's name.

    Raises BadInputError for what is not on the watch list.
    """
    if name in desk.companies:
        return desk.companies[name].name, (name,), "index"
    own = tuple(c.ticker for c in desk.companies.values() if c.sector and name == SECTOR + c.sector)
    if not own:
        raise BadInputError("unknown_name", f"'{name}' is not on the watch list.")
    return name.removeprefix(SECTOR), own, "sector"


def _ask(desk: Desk, kind: Kind, tickers: Sequence[str], asked: Span, top: int = 0) -> Answered:
    return ask(desk, Asked(kind, tuple(tickers), asked.since, asked.until, asked.by, top))


def _alerts(
    desk: Desk, name: str, tickers: Sequence[str], asked: Span, *, unusual: bool = True
) -> list[dict[str, Any]]:
    """What fired for a name within the span, and its unusual days; in order."""
    subject = name.removeprefix(SECTOR)
    found = [
        {"kind": "fired", "day": str(one.day), "value": one.value, "z": None, "items": one.items, "text": str(one)}
        for one in alarm.fired(desk, [subject], asked.since, asked.until)
    ]
    if unusual:
        since = asked.since - BEFORE
        rows = [row for ticker in tickers for row in days(desk.file, ticker, since, asked.until)]
        found += [
            {"kind": "unusual", "text": one.text} | asdict(one) | {"day": str(one.day)}
            for one in unusual_days(index(rows, since, asked.until, "day"))
            if one.day >= asked.since
        ]
    return sorted(found, key=lambda alert: alert["day"])


def _busiest(desk: Desk, last: date) -> list[str]:
    """The two companies with the most items of late."""
    counts = {ticker: sum(row.n for row in days(desk.file, ticker, last - LATE, last)) for ticker in desk.companies}
    return sorted(counts, key=lambda ticker: -counts[ticker])[:2]


def _point(point: Point) -> dict[str, Any]:
    return _ends(point.period) | {name: getattr(point, name) for name in ("n", "value", "low", "high", "smooth")}


def _ends(period: Period) -> dict[str, str]:
    return {"first": str(period.first), "last": str(period.last)}
