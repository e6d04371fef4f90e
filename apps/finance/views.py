"""What the page ``/analyst`` shows, each as a View: figures for its scripts, a picture, a table, and the items behind.

A view is worked out from the sums of days whenever it is asked for; only lists of items read items. Knows nothing of
HTTP or HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from agent.database import DataFile
from agent.errors import BadInputError

from . import demo_stream
from .aggregates import Day, days, span
from .charts import Chart, Mark, heat_map, index_chart
from .har import Comparison, Forecasts, TooFewSessionsError, compare, forecast, sentence
from .periods import Granularity, Period, period_of, periods
from .prices import Prices, read_prices
from .setup import Desk
from .shifts import shifts
from .trend import Point, index, movers, no_items
from .unusual import Unusual, unusual_days
from .volatility import har_features, log_volatility, sentiment_of_days

SECTOR = "sector:"
"""Before a sector's name where a company's ticker may stand as well."""
MOST_ITEMS = 50
MOST_COLUMNS = 32
"""Of the heat map; with more its periods become longer."""
BEFORE = timedelta(days=365)
"""Days before a span that say what its days are to be held against."""
MOST_DAYS = 3660
"""That one picture may span."""
LONGER: Mapping[Granularity, Granularity] = {"day": "week", "week": "month", "month": "quarter"}

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class Span:
    """Both included."""

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
    table: Table = ((), ())
    chart: Callable[[float], Chart] | None = None
    """Draws it as wide as is asked for, in inches."""
    tickers: Sequence[str] = field(default=())


class Unknown(BadInputError):
    """A company or sector that the watch list has not."""

    def __init__(self, name: str) -> None:
        super().__init__("unknown_name", f"'{name}' is not on the watch list.")


def facts(desk: Desk, version: str | None) -> dict[str, Any]:
    """What there is to be shown, and what is under way; ready for JSON."""
    file = desk.file
    ends = span(file, desk.companies)
    [counts] = file.read(
        "SELECT (SELECT COUNT(*) FROM items) AS items, (SELECT COALESCE(MAX(id), 0) FROM items) AS last, "
        "(SELECT COUNT(*) FROM mentions) AS total, "
        "(SELECT COUNT(*) FROM mentions WHERE scored_by < ? OR scored_by > ?) AS waiting, "
        "EXISTS (SELECT 1 FROM ingests WHERE demo = 1 AND done = 0) AS reading",
        [version or ""] * 2,
    )
    return {
        "version": version,
        "items": counts["items"],
        "span": {"first": str(ends[0]), "last": str(ends[1])} if ends else None,
        "companies": [{"ticker": c.ticker, "name": c.name, "sector": c.sector} for c in desk.companies.values()],
        "sectors": list(dict.fromkeys(c.sector for c in desk.companies.values() if c.sector)),
        "start": _busiest(file, desk.companies, ends[1]) if ends else [],
        "demo": demo_stream.is_there(file),
        "reading": bool(counts["reading"]),
        "scoring": {"waiting": counts["waiting"], "total": counts["total"]},
        "prices": bool(prices_of(desk)),
        # Changes with whatever the pictures are drawn from.
        "stamp": f"{version} {counts['items']} {counts['last']} {counts['waiting']}",
    }


def index_view(desk: Desk, name: str, asked: Span) -> View:
    """The index of a company or a sector. Raises Unknown."""
    title, tickers = named(desk, name)
    rows = _rows(desk.file, tickers, asked.since, asked.until)
    if not rows:
        everywhen = _rows(desk.file, tickers, date.min, date.max)
        return View({"name": name, "empty": no_items(title, asked.since, asked.until, everywhen)}, tickers=tickers)
    points = index(rows, asked.since, asked.until, asked.by)
    daily = _daily(desk.file, tickers, asked)
    moved = shifts(
        [point.period.first for point in daily],
        np.array([point.value or 0.0 for point in daily]),
        np.array([point.n for point in daily]),
    )
    found = [shift for shift in moved if shift.day >= asked.since]
    alerts = [alert for alert in unusual_days(daily) if alert.day >= asked.since]
    price = prices_of(desk).get(tickers[0]) if len(tickers) == 1 else None
    marks = [Mark(alert.day, alert.text) for alert in alerts]
    shown = {
        "name": name,
        "title": title,
        "items": sum(point.n for point in points),
        "points": [_point(point) for point in points],
        "shifts": [{"day": str(s.day), "before": s.before, "after": s.after} for s in found],
        "alerts": [_alert(alert) for alert in alerts],
    }
    return View(
        shown,
        _table_of({title: points}),
        lambda width: index_chart(title, points, shifts=found, marks=marks, prices=price, width=width),
        tickers,
    )


def heat_view(desk: Desk, asked: Span) -> View:
    """The index of all companies side by side, by periods so long that there are no more than MOST_COLUMNS."""
    by = asked.by
    while by in LONGER and len(list(periods(asked.since, asked.until, by))) > MOST_COLUMNS:
        by = LONGER[by]
    found = {ticker: _rows(desk.file, [ticker], asked.since, asked.until) for ticker in desk.companies}
    rows = {ticker: index(own, asked.since, asked.until, by) for ticker, own in found.items()}
    if not any(found.values()):
        return View({"empty": f"There are no items between {asked.since} and {asked.until}."})
    shown = {
        "rows": [
            {"name": ticker, "title": desk.companies[ticker].name, "points": [_point(point) for point in points]}
            for ticker, points in rows.items()
        ]
    }
    return View(shown, _table_of(rows), lambda width: heat_map(rows, width), tuple(rows))


def movers_view(desk: Desk, asked: Span) -> View:
    """How each company changed from the period before the last to the last one."""
    after = period_of(asked.until, asked.by)
    before = period_of(after.first - timedelta(days=1), asked.by)
    rows = {ticker: _rows(desk.file, [ticker], before.first, after.last) for ticker in desk.companies}
    moves = movers(rows, before, after)
    shown = {
        "before": _ends(before),
        "after": _ends(after),
        "moves": [
            {"name": m.name, "title": desk.companies[m.name].name, "before": m.before, "after": m.after}
            | {"change": m.change, "clear": m.clear}
            for m in moves
        ],
    }
    header = ("company", str(before), str(after), "change", "z", "items_before", "items_after")
    table = [(m.name, m.before, m.after, m.change, m.z, m.n_before, m.n_after) for m in moves]
    return View(shown, (header, table), tickers=tuple(rows))


def alerts_view(desk: Desk, asked: Span) -> View:
    """The days on which a company's index was unusual, the newest first."""
    found = [
        (company, alert)
        for ticker, company in desk.companies.items()
        for alert in unusual_days(_daily(desk.file, [ticker], asked))
        if alert.day >= asked.since
    ]
    found.sort(key=lambda one: (one[1].day, one[0].ticker), reverse=True)
    shown = {"alerts": [_alert(alert) | {"name": c.ticker, "title": c.name} for c, alert in found]}
    header = ("day", "company", "index", "z", "items")
    return View(shown, (header, [(str(a.day), c.ticker, a.value, a.z, a.items) for c, a in found]))


def items_view(desk: Desk, name: str, asked: Span, most: int | None = MOST_ITEMS) -> View:
    """The items on a company or a sector, those that weigh most first; all of them for ``most`` None. Raises Unknown."""
    title, tickers = named(desk, name)
    marks = ", ".join("?" * len(tickers))
    where = f"WHERE ticker IN ({marks}) AND mentions.day BETWEEN ? AND ?"
    values = [*tickers, str(asked.since), str(asked.until)]
    # As many marks as tickers; all values go in as parameters.
    [count] = desk.file.read(f"SELECT COUNT(*) AS n FROM mentions {where}", values)  # noqa: S608
    rows = desk.file.read(
        "SELECT item, ticker, published, source, url, text, passage, weight, positive - negative AS score, "  # noqa: S608
        f"repost_of FROM mentions JOIN items ON items.id = item {where} "
        "ORDER BY weight * ABS(positive - negative) DESC, weight DESC, published LIMIT ?",
        [*values, -1 if most is None else most],
    )
    if not rows:
        everywhen = _rows(desk.file, tickers, date.min, date.max)
        return View({"empty": no_items(title, asked.since, asked.until, everywhen), "headlines": [], "items": 0})
    names = ("item", "ticker", "published", "source", "url", "text", "passage", "score", "weight", "repost_of")
    said = [{k: row[k] for k in names[:6]} | {"score": row["score"], "repost": bool(row["repost_of"])} for row in rows]
    table = [[row[name] for name in names] for row in rows]
    return View({"headlines": said, "items": count["n"]}, (names, table), tickers=tickers)


def volatility_view(desk: Desk) -> View:
    """Whether sentiment helps to forecast volatility, by company and pooled, over all days that there are."""
    forecasts: dict[str, Forecasts] = {}
    problem = "There are no prices of a company with items."
    for ticker in desk.companies:
        price, ends = prices_of(desk).get(ticker), span(desk.file, [ticker])
        if price is None or ends is None:
            continue
        try:
            forecasts[desk.companies[ticker].name] = _forecast(price, desk.file, ticker, ends)
        except TooFewSessionsError as error:
            problem = str(error)
    if not forecasts:
        return View({"empty": problem})
    each = [compare(name, [one]) for name, one in forecasts.items()]
    pooled = compare(f"{len(each)} companies", list(forecasts.values()))
    header = ("company", "R2 with", "R2 without", "p", "sessions")
    return View({"sentence": sentence(pooled), "header": header, "rows": [_row(one) for one in [pooled, *each]]}, (
        header, [_row(one) for one in [pooled, *each]],
    ))  # fmt: skip


def named(desk: Desk, name: str) -> tuple[str, list[str]]:
    """Title and tickers of a company, or of a sector as SECTOR + its name. Raises Unknown."""
    if name in desk.companies:
        return desk.companies[name].name, [name]
    own = [c.ticker for c in desk.companies.values() if c.sector and name == SECTOR + c.sector]
    if not own:
        raise Unknown(name)
    return name.removeprefix(SECTOR), own


def prices_of(desk: Desk) -> Mapping[str, Prices]:
    """The user's own price file, ``prices.csv`` beside ``items.db``; with the demo stream its prices; else none.

    Raises PriceError for a file that cannot be taken.
    """
    own = desk.file.folder / "prices.csv"
    if own.is_file():
        return _prices(own, own.stat().st_mtime_ns)
    return _prices(demo_stream.PRICES, 0) if demo_stream.is_there(desk.file) else {}


@lru_cache(maxsize=4)
def _prices(path: Path, changed: int) -> Mapping[str, Prices]:
    """``changed`` is when, so that a new file is read."""
    return read_prices(path)


def _rows(file: DataFile, tickers: Sequence[str], since: date, until: date) -> list[Day]:
    return [row for ticker in tickers for row in days(file, ticker, since, until)]


def _daily(file: DataFile, tickers: Sequence[str], asked: Span) -> list[Point]:
    """The days up to the end of the span, with as many before it as say what was usual."""
    since = asked.since - BEFORE
    return index(_rows(file, tickers, since, asked.until), since, asked.until, "day")


def _busiest(file: DataFile, tickers: Mapping[str, Any], last: date) -> list[str]:
    """The two companies with the most items of late."""
    since = last - timedelta(days=182)
    counts = {ticker: sum(row.n for row in days(file, ticker, since, last)) for ticker in tickers}
    return sorted(counts, key=lambda ticker: -counts[ticker])[:2]


def _forecast(price: Prices, file: DataFile, ticker: str, ends: tuple[date, date]) -> Forecasts:
    # Before the first item and after the last one silence would mean nothing.
    held = [number for number, day in enumerate(price.days) if ends[0] <= day <= ends[1]]
    covered = slice(held[0], held[-1] + 1) if held else slice(0, 0)
    log_vol = log_volatility(price, "garman_klass")
    sentiment = sentiment_of_days(price, days(file, ticker, *ends, session=True))
    return forecast(price.days[covered], log_vol[covered], har_features(log_vol)[covered], sentiment[covered])


def _row(result: Comparison) -> tuple[str, str, str, str, str]:
    return (
        result.name,
        f"{result.r2_sentiment:.3f}",
        f"{result.r2_har:.3f}",
        f"{result.p:.2f}" if result.p >= 0.01 else "< 0.01",
        str(result.count),
    )


def _table_of(rows: Mapping[str, Sequence[Point]]) -> Table:
    header = ("name", "first", "last", "index", "low", "high", "smooth", "items", "stories")
    table = [
        (name, str(p.period.first), str(p.period.last), p.value, p.low, p.high, p.smooth, p.n, p.stories)
        for name, points in rows.items()
        for p in points
    ]
    return header, table


def _point(point: Point) -> dict[str, Any]:
    figures = {name: getattr(point, name) for name in ("n", "value", "low", "high", "smooth")}
    return _ends(point.period) | figures


def _ends(period: Period) -> dict[str, Any]:
    return {"first": str(period.first), "last": str(period.last)}


def _alert(alert: Unusual) -> dict[str, Any]:
    return asdict(alert) | {"day": str(alert.day)}
