"""The sums of a company's days: kept up to date with every item, read instead of the items.

All fields but the day and the ticker add up: a week, a month or a sector is the sum of its rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from agent.database import DataFile

from .sources import DEFAULT_WEIGHT, Source

if TYPE_CHECKING:
    import sqlite3

_SUMS = (
    *("n", "stories", "weight_sum", "weight_sq_sum", "score_sum", "score_sq_sum"),
    *("negative", "neutral", "positive"),
)
# What a mention adds to its day. A repost counts as an item and has no voice.
_OF_MENTIONS = """
    COUNT(*), SUM(repost_of IS NULL), SUM(weight), SUM(weight * weight),
    SUM(weight * (positive - negative)), SUM(weight * (positive - negative) * (positive - negative)),
    SUM(repost_of IS NULL AND negative > neutral AND negative >= positive),
    SUM(repost_of IS NULL AND neutral >= negative AND neutral >= positive),
    SUM(repost_of IS NULL AND positive > neutral AND positive > negative)
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What the items of one day say of one company. A weight is the source's times the model's confidence."""

    day: date
    ticker: str
    n: int
    """Items, reposts counted."""
    stories: int
    """Items that are no reposts."""
    weight_sum: float
    weight_sq_sum: float
    """Sum of the squared weights: ``weight_sum ** 2`` over it is the effective number of items."""
    score_sum: float
    """Sum of weight times score; a score is the positive probability less the negative one, -1 to 1."""
    score_sq_sum: float
    """Sum of weight times squared score."""
    negative: int
    """Stories that are most probably negative; likewise the two below."""
    neutral: int
    positive: int


def confidence(probabilities: Sequence[float]) -> float:
    """How sure a verdict over labels is: 1 less its entropy as a share of the greatest, 0 to 1."""
    entropy = -sum(p * math.log(p) for p in probabilities if p > 0)
    return max(0.0, 1 - entropy / math.log(len(probabilities)))


def add_to_days(db: sqlite3.Connection, first_item: int) -> None:
    """Add the mentions of all items from ``first_item`` on to their days, within the caller's transaction."""
    updates = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
    for session, column in enumerate(("day", "session")):
        db.execute(
            # Both parts come from this module alone.
            f"INSERT INTO days SELECT ?, ticker, mentions.{column}, {_OF_MENTIONS} "  # noqa: S608
            "FROM mentions JOIN items ON items.id = item WHERE item >= ? GROUP BY 2, 3 "
            f"ON CONFLICT DO UPDATE SET {updates}",
            [session, first_item],
        )


def weigh_sources(file: DataFile, sources: Sequence[Source]) -> None:
    """Give sources their weights, for old items too; what is not named here has DEFAULT_WEIGHT from now on.

    Only days with an item of a source whose weight changes are computed again.
    """
    new = {source.name: source.weight for source in sources}
    with file.transaction() as db:
        old = {row["source"]: row["weight"] for row in db.execute("SELECT source, weight FROM sources")}
        touched: set[tuple[str, str, str]] = set()
        for source in sorted(old.keys() | new.keys()):
            weight = new.get(source, DEFAULT_WEIGHT)
            if weight != old.get(source, DEFAULT_WEIGHT):
                touched |= _weigh(db, source, weight)
        db.execute("DELETE FROM sources")
        db.executemany("INSERT INTO sources VALUES (?, ?, ?)", [(s.name, s.kind, s.weight) for s in sources])
        count_again(db, touched)


def count_again(db: sqlite3.Connection, touched: Iterable[tuple[str, str, str]]) -> None:
    """Sum up days anew, within the caller's transaction; ``touched`` are (ticker, day, session) of mentions that have
    changed or gone."""
    changed = list(touched)
    for session, column, place in ((0, "day", 1), (1, "session", 2)):
        for ticker, day in {(key[0], key[place]) for key in changed}:
            db.execute("DELETE FROM days WHERE session = ? AND ticker = ? AND day = ?", [session, ticker, day])
            db.execute(
                # Both parts come from this module alone.
                f"INSERT INTO days SELECT ?, ticker, mentions.{column}, {_OF_MENTIONS} "  # noqa: S608
                f"FROM mentions JOIN items ON items.id = item WHERE ticker = ? AND mentions.{column} = ? "
                "GROUP BY 2, 3",
                [session, ticker, day],
            )


def _weigh(db: sqlite3.Connection, source: str, weight: float) -> set[tuple[str, str, str]]:
    """Weigh a source's mentions anew; (ticker, day, session) of those that are touched."""
    rows = db.execute(
        "SELECT DISTINCT ticker, day, session FROM mentions JOIN items ON items.id = item WHERE source = ?", [source]
    )
    touched = {(row["ticker"], row["day"], row["session"]) for row in rows}
    db.execute(
        "UPDATE mentions SET weight = confidence * ? "
        "WHERE item IN (SELECT id FROM items WHERE source = ? AND repost_of IS NULL)",
        [weight, source],
    )
    return touched


def days(
    file: DataFile, ticker: str, since: date, until: date, *, session: bool = False, last_item: int | None = None
) -> list[Day]:
    """The days from ``since`` to ``until``, both included, that have items, in order.

    A day is that of publication in UTC, or with ``session`` the trading day for which an item counts. With
    ``last_item`` the sums are those of the items up to that one, put together from the items themselves.
    """
    if last_item is not None:
        column = "session" if session else "day"
        found = file.read(
            # All parts come from this module alone.
            f"SELECT mentions.{column} AS of, {_OF_MENTIONS} FROM mentions JOIN items ON items.id = item "  # noqa: S608
            f"WHERE ticker = ? AND mentions.{column} BETWEEN ? AND ? AND item <= ? GROUP BY 1 ORDER BY 1",
            [ticker, since.isoformat(), until.isoformat(), last_item],
        )
        sums = [dict(zip(("day", *_SUMS), row.values(), strict=True)) for row in found]
        return [_day(row | {"ticker": ticker}) for row in sums]
    rows = file.read(
        f"SELECT day, ticker, {', '.join(_SUMS)} FROM days "  # noqa: S608
        "WHERE session = ? AND ticker = ? AND day BETWEEN ? AND ? ORDER BY day",
        [int(session), ticker, since.isoformat(), until.isoformat()],
    )
    return [_day(row) for row in rows]


def span(file: DataFile, tickers: Iterable[str]) -> tuple[date, date] | None:
    """The first and the last day with items of these companies; None if there are none."""
    ends: list[str] = []
    for ticker in tickers:
        # Each end is one look into the index.
        for order in ("ASC", "DESC"):
            rows = file.read(
                f"SELECT day FROM days WHERE session = 0 AND ticker = ? ORDER BY day {order} LIMIT 1",  # noqa: S608
                [ticker],
            )
            ends += [row["day"] for row in rows]
    return (date.fromisoformat(min(ends)), date.fromisoformat(max(ends))) if ends else None


def scores(file: DataFile, ticker: str, since: date, until: date) -> list[tuple[date, float, float]]:
    """(day, score, weight) of each story of a period, for a bootstrap; reads the items of that period alone."""
    rows = file.read(
        "SELECT mentions.day, positive - negative AS score, weight FROM mentions JOIN items ON items.id = item "
        "WHERE ticker = ? AND mentions.day BETWEEN ? AND ? AND repost_of IS NULL ORDER BY mentions.day, item",
        [ticker, since.isoformat(), until.isoformat()],
    )
    return [(date.fromisoformat(row["day"]), row["score"], row["weight"]) for row in rows]


def _day(row: Mapping[str, Any]) -> Day:
    return Day(**{**row, "day": date.fromisoformat(row["day"])})
