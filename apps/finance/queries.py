"""What can be asked of the items, answered from the sums of their days; the chat, the page, the API and the commands
ask here alone.

An answer has an id by which it can be had again: the id names what was asked and the newest item at that time. The rows
behind it are those up to that item.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from agent.database import now
from agent.errors import BadInputError

from . import trend
from .aggregates import Day, days, span
from .charts import WIDTH, Chart, heat_map, index_chart
from .curves import MOST_LINES, lines_chart, movers_chart, volatility_chart
from .har import Comparison, Forecasts, TooFewSessionsError, compare, forecast
from .periods import Granularity, Period
from .prices import Prices, read_prices
from .setup import FOLDER, Desk
from .shifts import Shift, shifts
from .trend import Move, Point
from .volatility import har_features, log_volatility, sentiment_of_days

Kind = Literal["index", "compare", "movers", "sector", "heat", "evidence", "count", "volatility", "price"]
PRICES = "prices.csv"
CLEAR = 0.1
"""Score beyond which a headline is called negative or positive."""
_EVER = (date.min, date.max)
FEW = 2000
"""Items of a company within a span up to which they are all looked through for headlines; of more, those that pull the
most are looked through until enough lie within the span."""


@dataclass(frozen=True)
class Asked:
    """A question; ``tickers`` are of the watch list."""

    kind: Kind
    tickers: tuple[str, ...]
    since: date
    until: date
    """Included."""
    granularity: Granularity = "week"
    top: int = 10
    """Most headlines, and most movers."""
    feeling: str = ""
    """``negative`` or ``positive``: only such headlines."""

    def to_json(self) -> str:
        """The same text for the same question."""
        return json.dumps(self.__dict__ | {"since": str(self.since), "until": str(self.until)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Asked:
        read = json.loads(text)
        spans = {name: date.fromisoformat(read[name]) for name in ("since", "until")}
        return cls(**{**read, **spans, "tickers": tuple(read["tickers"])})


@dataclass(frozen=True)
class Headline:
    item: int
    published: str
    """UTC, ISO 8601."""
    source: str
    url: str
    """Empty where the item has none."""
    text: str
    ticker: str
    score: float
    """-1 to 1, of this company."""


@dataclass(frozen=True)
class Volatility:
    """HAR against HAR with sentiment, for each company with enough sessions, and pooled."""

    forecasts: Mapping[str, Forecasts]
    results: tuple[Comparison, ...]
    """The pooled one last, if there are several."""
    skipped: Mapping[str, str]
    """Company -> why nothing can be said of it."""


@dataclass(frozen=True)
class Answered:
    """An answer with its figures. ``series`` and ``whole`` are by the name of a company or a sector."""

    id: str
    asked: Asked
    last_item: int
    desk: Desk = field(repr=False)
    series: Mapping[str, Sequence[Point]]
    whole: Mapping[str, Point]
    """The asked span as one period."""
    shifts: Mapping[str, Sequence[Shift]]
    """Level shifts within the span."""
    moves: tuple[Move, ...]
    headlines: tuple[Headline, ...]
    """Those that weigh the most, the heaviest first."""
    volatility: Volatility | None
    prices: Mapping[str, Prices]
    items: int
    """Items on these companies within the span, reposts counted."""
    empty: str
    """What is said where there are none: where the nearest lie; else empty."""

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of the answer's figures."""
        if self.asked.kind == "movers":
            header = ["name", "before", "after", "change", "z", "items before", "items after"]
            return header, [
                [m.name, _round(m.before), _round(m.after), _round(m.change), _round(m.z), m.n_before, m.n_after]
                for m in self.moves
            ]
        if self.volatility is not None:
            header = ["name", "sessions", "first", "last", "r2 har", "r2 with sentiment", "dm", "p", "p nested"]
            return header, [
                [r.name, r.count, r.first, r.last, *map(_round, (r.r2_har, r.r2_sentiment, r.dm, r.p, r.p_nested))]
                for r in self.volatility.results
            ]
        if self.asked.kind == "price":
            header = ["name", "date", "close", "adjusted"]
            return header, [
                [name, day, _round(float(close)), _round(float(adjusted))]
                for name, prices in self.prices.items()
                for day, close, adjusted in zip(prices.days, prices.close, prices.adjusted, strict=True)
                if self.asked.since <= day <= self.asked.until and np.isfinite(close)
            ]
        header = ["name", "first", "last", "value", "low", "high", "smooth", "items", "stories"]
        return header, [
            [name, p.period.first, p.period.last, *map(_round, (p.value, p.low, p.high, p.smooth)), p.n, p.stories]
            for name, points in self.series.items()
            for p in points
        ]

    def items_table(self) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of the items behind the figures, in order of time; of movers those of the span before too."""
        scores = ("negative", "neutral", "positive", "weight")
        header = ["item", "published", "ticker", *scores, "source", "url", "text", "passage", "repost_of"]
        asked = self.asked
        span = Period(_before(asked).first if asked.kind == "movers" else asked.since, asked.until)
        rows = _mentions(self.desk, asked.tickers, span, ", ".join(header), "published, item", self.last_item)
        return header, [[row[name] for name in header] for row in rows]

    def chart(self, width: float = WIDTH) -> Chart:
        """The answer as a picture, ``width`` inches wide. Raises BadInputError where there is nothing to draw."""
        if self.empty:
            raise BadInputError("no_items", self.empty)
        if self.asked.kind == "movers":
            if not self.moves:
                raise BadInputError("no_moves", "Nobody has items in this period and in the one before.")
            return movers_chart(self.moves, f"Change of sentiment, {self.asked.since} to {self.asked.until}", width)
        if self.volatility is not None:
            return self._volatility_chart(self.volatility, width)
        series = {name: points for name, points in self.series.items() if any(point.n for point in points)}
        if len(series) == 1:
            [(name, points)] = series.items()
            prices = self.prices.get(name) if self.asked.kind == "price" else None
            return index_chart(name, points, shifts=self.shifts.get(name, ()), prices=prices, width=width)
        if self.asked.kind in ("sector", "heat") or len(series) > MOST_LINES:
            return heat_map(series, width)
        return lines_chart(series, width)

    def _volatility_chart(self, found: Volatility, width: float) -> Chart:
        if not found.forecasts:
            raise BadInputError("too_few_sessions", " ".join(found.skipped.values()))
        name, forecasts = next(iter(found.forecasts.items()))
        curves = {
            "realised": np.exp(forecasts.actual),
            "HAR": np.exp(forecasts.har),
            "HAR with sentiment": np.exp(forecasts.sentiment),
        }
        return volatility_chart(name, forecasts.days, curves, width)


def ask(desk: Desk, asked: Asked) -> Answered:
    """Answer a question, and keep it under its id.

    Raises BadInputError for a company that is not on the watch list, or a span that ends before it begins.
    """
    _check(desk, asked)
    last = _last_item(desk)
    key = hashlib.sha256(f"{asked.to_json()} {last}".encode()).hexdigest()[:12]
    with desk.file.transaction() as db:
        db.execute(
            "INSERT INTO queries (id, asked, last_item, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [f"q-{key}", asked.to_json(), last, now()],
        )
    return _answer(desk, asked, last, f"q-{key}")


def recall(desk: Desk, query_id: str) -> Answered:
    """The answer of a kept question, from the items of that time as they are scored now. Raises BadInputError for an
    unknown id."""
    rows = desk.file.read("SELECT asked, last_item FROM queries WHERE id = ?", [query_id])
    if not rows:
        raise BadInputError("unknown_query", f"There is no query '{query_id}'. Ask the question again.")
    asked = Asked.from_json(rows[0]["asked"])
    _check(desk, asked)
    return _answer(desk, asked, rows[0]["last_item"], query_id)


def _answer(desk: Desk, asked: Asked, last_item: int, query_id: str) -> Answered:
    """The answer from the items up to ``last_item``, whatever is taken in meanwhile."""
    # The sums of the days hold all items: they serve only if no newer one has come, not even while they were read.
    if _last_item(desk) == last_item:
        found = _Answer(desk, asked, last_item, None).answered(query_id)
        if _last_item(desk) == last_item:
            return found
    return _Answer(desk, asked, last_item, last_item).answered(query_id)


class _Answer:
    """What an answer is put together from; each part is read once.

    With ``up_to`` the days are summed up from the items up to that one, else their kept sums are read.
    """

    def __init__(self, desk: Desk, asked: Asked, last_item: int, up_to: int | None) -> None:
        self._desk = desk
        self._asked = asked
        self._last_item = last_item
        self._up_to = up_to

    def answered(self, query_id: str) -> Answered:
        asked, known = self._asked, {name: self._known(name) for name in self._named}
        # Of the first and the last period the days within the span alone, so that the figures add up.
        within = {name: [row for row in rows if asked.since <= row.day <= asked.until] for name, rows in known.items()}
        series = {name: trend.index(rows, asked.since, asked.until, asked.granularity) for name, rows in within.items()}
        whole = {name: trend.whole(rows, asked.since, asked.until) for name, rows in known.items()}
        count = sum(row.n for rows in within.values() for row in rows)
        headlines = () if asked.kind in ("movers", "volatility", "price") else self._headlines(within)
        return Answered(
            id=query_id,
            asked=asked,
            last_item=self._last_item,
            desk=self._desk,
            series=series,
            whole=whole,
            shifts={name: self._shifts(rows) for name, rows in known.items()},
            moves=self._moves(known) if asked.kind in ("movers", "compare", "index", "sector") else (),
            headlines=headlines,
            volatility=self._volatility() if asked.kind == "volatility" else None,
            prices=self._prices if asked.kind == "price" else {},
            items=count,
            empty="" if count or asked.kind in ("volatility", "price") else self._nothing(known),
        )

    @cached_property
    def _named(self) -> Mapping[str, tuple[str, ...]]:
        """What is shown by name: each company, or each sector with its companies."""
        companies = self._desk.companies
        if self._asked.kind != "sector":
            return {companies[ticker].name: (ticker,) for ticker in self._asked.tickers}
        sectors: dict[str, tuple[str, ...]] = {}
        for ticker in self._asked.tickers:
            sector = companies[ticker].sector or "No sector"
            sectors[sector] = (*sectors.get(sector, ()), ticker)
        return sectors

    def _known(self, name: str) -> list[Day]:
        return [row for ticker in self._named[name] for row in self._days(ticker)]

    def _days(self, ticker: str, *, session: bool = False) -> list[Day]:
        return days(self._desk.file, ticker, *_EVER, session=session, last_item=self._up_to)

    def _shifts(self, rows: Sequence[Day]) -> list[Shift]:
        """Of the whole series up to the end of the span, those that lie within it."""
        known = [row for row in rows if row.day <= self._asked.until]
        if not known:
            return []
        points = trend.index(known, min(row.day for row in known), self._asked.until, "day")
        values = np.array([point.value or 0.0 for point in points])
        counts = np.array([point.stories for point in points])
        found = shifts([point.period.first for point in points], values, counts)
        return [shift for shift in found if self._asked.since <= shift.day]

    def _moves(self, known: Mapping[str, Sequence[Day]]) -> tuple[Move, ...]:
        """From the span of the same length before to this one."""
        asked = self._asked
        return tuple(trend.movers(known, _before(asked), Period(asked.since, asked.until))[: asked.top])

    def _headlines(self, within: Mapping[str, Sequence[Day]]) -> tuple[Headline, ...]:
        asked = self._asked
        columns = "item, published, source, url, text, ticker, positive - negative AS score, pull"
        count = Counter[str]()
        for rows in within.values():
            for row in rows:
                count[row.ticker] += row.n
        feelings = {"": "", "negative": f"AND score < -{CLEAR} ", "positive": f"AND score > {CLEAR} "}
        found = [
            mention
            for ticker in asked.tickers
            for mention in _mentions(
                self._desk,
                (ticker,),
                Period(asked.since, asked.until),
                columns,
                "pull DESC, item",
                self._last_item,
                asked.top,
                # Reposts have no voice of their own.
                only=f"AND repost_of IS NULL {feelings[asked.feeling]}",
                index="mentions_by_pull" if count[ticker] > FEW else "mentions_by_day",
            )
        ]
        found.sort(key=lambda mention: (-mention.pop("pull"), mention["item"]))
        return tuple(Headline(**mention) for mention in found[: asked.top])

    def _nothing(self, known: Mapping[str, Sequence[Day]]) -> str:
        rows = [row for found in known.values() for row in found]
        return trend.no_items(" or ".join(known), self._asked.since, self._asked.until, rows)

    @cached_property
    def _prices(self) -> Mapping[str, Prices]:
        """By the company's name, those of the asked companies that have any."""
        found = prices_of(self._desk)
        companies = self._desk.companies
        return {companies[ticker].name: found[ticker] for ticker in self._asked.tickers if ticker in found}

    def _volatility(self) -> Volatility:
        tested: dict[str, Forecasts] = {}
        skipped: dict[str, str] = {}
        for ticker in self._asked.tickers:
            name = self._desk.companies[ticker].name
            prices = self._prices.get(name)
            if prices is None:
                skipped[name] = f"There are no prices of {name}."
                continue
            log_vol = log_volatility(prices, "garman_klass")
            rows = self._days(ticker, session=True)
            # Before the first item and after the last one silence would mean nothing.
            held = [at for at, day in enumerate(prices.days) if rows and rows[0].day <= day <= rows[-1].day]
            if not held:
                skipped[name] = f"There are no items on {name} in the sessions of its prices."
                continue
            covered = slice(held[0], held[-1] + 1)
            har, sentiment = har_features(log_vol), sentiment_of_days(prices, rows)
            try:
                tested[name] = forecast(prices.days[covered], log_vol[covered], har[covered], sentiment[covered])
            except TooFewSessionsError as error:
                skipped[name] = f"{name}: {error}"
        results = [compare(name, [forecasts]) for name, forecasts in tested.items()]
        if len(tested) > 1:
            results.append(compare("all of them together", list(tested.values())))
        return Volatility(tested, tuple(results), skipped)


def prices_of(desk: Desk) -> Mapping[str, Prices]:
    """Daily prices by ticker: the user's own file ``prices.csv`` in the app's data folder, else those of the demo.

    Raises BadInputError for a file that cannot be taken.
    """
    own = desk.file.folder / PRICES
    return _read(own if own.is_file() else FOLDER / "demo" / PRICES)


def _read(path: Path) -> Mapping[str, Prices]:
    try:
        return read_prices(path)
    except ValueError as error:
        raise BadInputError("prices", str(error)) from error


def bounds(desk: Desk) -> tuple[date, date] | None:
    """The first and the last day with items of the watch list; None without any."""
    return span(desk.file, desk.companies)


def _before(asked: Asked) -> Period:
    """The span of the same length before the one that was asked for."""
    return Period(asked.since - (asked.until - asked.since) - timedelta(days=1), asked.since - timedelta(days=1))


def _mentions(
    desk: Desk,
    tickers: Sequence[str],
    span: Period,
    columns: str,
    order: str,
    last_item: int,
    top: int = -1,
    *,
    only: str = "",
    index: str = "mentions_by_day",
) -> list[dict[str, Any]]:
    """What items within the span, up to ``last_item``, say of the companies. The parts of the statement come from this
    module alone.
    """
    # Not a subquery: of one company alone the index gives the order, and reading ends with the last row that is wanted.
    whom = ", ".join("?" * len(tickers))
    return desk.file.read(
        f"SELECT {columns} FROM mentions INDEXED BY {index} JOIN items ON items.id = item "  # noqa: S608
        f"WHERE ticker IN ({whom}) AND mentions.day BETWEEN ? AND ? AND item <= ? {only}ORDER BY {order} LIMIT ?",
        [*tickers, str(span.first), str(span.last), last_item, top],
    )


def _last_item(desk: Desk) -> int:
    return int(desk.file.read("SELECT COALESCE(MAX(id), 0) AS id FROM items", [])[0]["id"])


def _check(desk: Desk, asked: Asked) -> None:
    unknown = [ticker for ticker in asked.tickers if ticker not in desk.companies]
    if unknown:
        known = ", ".join(desk.companies)
        raise BadInputError("unknown_company", f"{unknown[0]} is not on the watch list. It has: {known}.")
    if asked.until < asked.since:
        raise BadInputError("span", f"The span ends on {asked.until}, before it begins on {asked.since}.")
    if asked.kind not in get_args(Kind) or asked.granularity not in get_args(Granularity):
        raise BadInputError("kind", f"Kinds are {', '.join(get_args(Kind))}; steps {', '.join(get_args(Granularity))}.")
    if asked.feeling not in ("", "negative", "positive"):
        raise BadInputError("feeling", f"'{asked.feeling}' is no feeling: negative or positive.")


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
