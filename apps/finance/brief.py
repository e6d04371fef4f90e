"""The brief of a week or a month: its figures, and the words that they bear out. Knows nothing of pages or files.

Companies move only where their change is hardly chance; anything else is called what it is. Nothing in it is advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from agent.errors import BadInputError

from . import alarm
from .aggregates import days, span
from .alarm import Fired
from .charts import Chart
from .curves import movers_chart
from .periods import Period
from .queries import Asked, Headline, ask
from .setup import Desk
from .shifts import Shift
from .small_charts import small_charts
from .trend import Move, Point, movers

WEEKS = 12
"""Of the small charts."""
MOST_ROWS = 14
"""Companies of the table, of the bars and of the small charts: as many as two pages hold."""
MOST_BARS = 8
MOST_HEADLINES = 9
MOST_OF_ONE = 2
"""Headlines of one company."""
MOST_NAMED = 9
"""In one sentence."""
FEWEST = 3
"""Items without which a company is not called the friendliest or the least friendly."""


@dataclass(frozen=True)
class Row:
    """A company in the table."""

    ticker: str
    name: str
    now: Point
    move: Move | None
    """Against the span before; None without items there."""


@dataclass(frozen=True)
class Brief:
    span: Period
    before: Period
    rows: tuple[Row, ...]
    """Companies with items: clear moves first, then by the size of the change; at most MOST_ROWS."""
    left_out: int
    """Companies with items that are not among the rows."""
    summary: tuple[str, ...]
    moves: Chart | None
    """None if nobody has items in both spans."""
    weeks: Chart
    shifts: tuple[tuple[str, Shift], ...]
    """By ticker, in order of time; of the last WEEKS, as it takes days until one can be told from a spike."""
    fired: tuple[Fired, ...]
    headlines: tuple[Headline, ...]
    companies: int
    """Asked about, with or without items."""
    items: int
    versions: tuple[str, ...]
    """Of the model, that read the items of the span."""
    query: str
    """The query's id, by which the rows behind the figures can be had."""


def brief_of(desk: Desk, tickers: Sequence[str] = (), until: date | None = None, length: int = 7) -> Brief:
    """The brief of ``length`` days up to ``until``, the last day with items by default; of some companies or of all.

    Raises BadInputError for an unknown company, and for a span without items, saying where the nearest ones lie.
    """
    asked_of = tuple(dict.fromkeys(tickers)) or tuple(desk.companies)
    for ticker in asked_of:
        if ticker not in desk.companies:
            raise BadInputError(
                "unknown_company", f"{ticker} is not on the watch list. It has: {', '.join(desk.companies)}."
            )
    known = span(desk.file, asked_of)
    last = until or (known[1] if known else None)
    if last is None:
        raise BadInputError("no_items", "There are no items yet. Take some in: switchboard finance ingest news.csv")
    now = Period(last - timedelta(days=length - 1), last)
    before = Period(now.first - timedelta(days=length), now.first - timedelta(days=1))
    top = max(len(asked_of), MOST_HEADLINES * len(asked_of))
    answered = ask(desk, Asked("compare", asked_of, now.first, now.last, "day", top))
    if answered.empty:
        raise BadInputError("no_items", answered.empty)
    tickers_by_name = {desk.companies[ticker].name: ticker for ticker in asked_of}
    moved = {move.name: move for move in answered.moves}
    rows = [
        Row(tickers_by_name[name], name, point, moved.get(name)) for name, point in answered.whole.items() if point.n
    ]
    rows.sort(key=_by_move)
    shown = rows[:MOST_ROWS]
    fired = tuple(
        one
        for one in reversed(alarm.fired(desk, since=now.first, until=now.last, most=1000))
        if one.name in asked_of or not tickers
    )
    moves = [row.move for row in shown if row.move][:MOST_BARS]
    first_week = now.last - timedelta(weeks=WEEKS) + timedelta(days=1)
    weeks = ask(desk, Asked("index", tuple(row.ticker for row in shown), first_week, now.last, "week", 1))
    shifts = [(tickers_by_name[name], shift) for name, found in weeks.shifts.items() for shift in found]
    items_before = sum(row.n for ticker in asked_of for row in days(desk.file, ticker, before.first, before.last))
    return Brief(
        span=now,
        before=before,
        rows=tuple(shown),
        left_out=len(rows) - len(shown),
        summary=(
            _counted(answered.items, items_before, len(rows), len(asked_of), length),
            *_whole(desk, asked_of, before, now),
            *_ends(rows),
            _moved(rows),
            *_alerts(fired),
            *_silent(set(asked_of) - {row.ticker for row in rows}),
        ),
        moves=movers_chart(moves, f"Change against {before}") if moves else None,
        weeks=small_charts({f"{name} ({tickers_by_name[name]})": points for name, points in weeks.series.items()}),
        shifts=tuple(sorted(shifts, key=lambda pair: (pair[1].day, pair[0]))),
        fired=fired,
        headlines=_chosen(answered.headlines),
        companies=len(asked_of),
        items=answered.items,
        versions=_versions(desk, asked_of, now),
        query=answered.id,
    )


def signed(value: float) -> str:
    """An index with its sign, to two digits; what rounds to 0 has no minus."""
    return f"{round(value, 2) + 0.0:+.2f}"


def _by_move(row: Row) -> tuple[bool, float, str]:
    if row.move is None:
        return True, 0.0, row.name
    return not row.move.clear, -abs(row.move.change), row.name


def _counted(items: int, before: int, spoken_of: int, companies: int, length: int) -> str:
    text = f"{_items(items)} on {spoken_of} of {companies} {'company' if companies == 1 else 'companies'}"
    if not before:
        return f"{text}; none in the {length} days before."
    change = (items - before) / before
    than = f"{abs(change):.0%} {'more' if change > 0 else 'fewer'} than" if round(abs(change), 2) else "as many as"
    return f"{text}, {than} in the {length} days before ({before:,})."


def _whole(desk: Desk, tickers: Iterable[str], before: Period, now: Period) -> list[str]:
    rows = [row for ticker in tickers for row in days(desk.file, ticker, before.first, now.last)]
    return [f"Taken together they {_change(move)}." for move in movers({"all": rows}, before, now)]


def _ends(rows: Sequence[Row]) -> list[str]:
    """The friendliest and the least friendly company; nothing where only one has enough items."""
    ranked = sorted((row.now.value or 0.0, row.name, row.now.n) for row in rows if row.now.stories >= FEWEST)
    if len(ranked) < 2:
        return []
    (low, last, of_last), (high, first, of_first) = ranked[0], ranked[-1]
    return [
        f"Friendliest were the items on {first} ({signed(high)}, {_items(of_first)}), "
        f"least friendly those on {last} ({signed(low)}, {_items(of_last)})."
    ]


def _moved(rows: Sequence[Row]) -> str:
    clear = [row.move for row in rows if row.move and row.move.clear]
    if not clear:
        return "No company moved clearly: each change may well be chance."
    said = [f"{move.name} from {signed(move.before)} to {signed(move.after)}" for move in clear]
    return f"Clear move{'s' * (len(said) != 1)}: {_listed(said, '; ')}."


def _alerts(fired: Sequence[Fired]) -> list[str]:
    """Whom alerts fired for; nothing without any."""
    names = dict.fromkeys(one.name for one in fired)
    return [f"{len(fired)} alert{'s' * (len(fired) != 1)} fired, on {_listed(list(names))}."] if names else []


def _silent(tickers: Iterable[str]) -> list[str]:
    named = sorted(tickers)
    return [f"No items on {_listed(named)}."] if named else []


def _listed(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{between.join(names[:MOST_NAMED])}{more}"


def _change(move: Move) -> str:
    if not move.clear:
        return f"stood at {signed(move.after)} after {signed(move.before)}, which may well be chance"
    way = "rose" if move.change > 0 else "fell"
    return f"{way} from {signed(move.before)} to {signed(move.after)}, which is hardly chance"


def _items(count: int) -> str:
    return f"{count:,} item{'s' * (count != 1)}"


def _chosen(headlines: Iterable[Headline]) -> tuple[Headline, ...]:
    """The heaviest, not too many of one company and each item once."""
    chosen: list[Headline] = []
    for headline in headlines:
        own = sum(other.ticker == headline.ticker for other in chosen)
        if own < MOST_OF_ONE and all(other.item != headline.item for other in chosen):
            chosen.append(headline)
    return tuple(chosen[:MOST_HEADLINES])


def _versions(desk: Desk, tickers: Sequence[str], span: Period) -> tuple[str, ...]:
    found = {
        row["scored_by"]
        for ticker in tickers
        for row in desk.file.read(
            "SELECT DISTINCT scored_by FROM mentions WHERE ticker = ? AND day BETWEEN ? AND ?",
            [ticker, span.first.isoformat(), span.last.isoformat()],
        )
    }
    return tuple(sorted(found))
