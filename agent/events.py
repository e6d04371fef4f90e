"""EventBook: what users did with an app's items, the rows that they were shown, and what they do not want.

It knows nothing of the items themselves and of ranking.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from agent.database import DataFile, now
from agent.model.history import LIKED
from agent.types import Event

MOST_READ = 2000
"""Events of one user that are read, the latest; whoever has more is known by these."""
BATCH = 1000
"""Users whose events are read at a time."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user does not want to be offered, until it is taken back."""

    value: str
    """A word of an item's attributes, in lower case."""
    said: str
    """The message that said so."""
    at: str
    """UTC, ISO 8601."""


class EventBook:
    """The events of a data folder. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def add(self, events: Sequence[Event]) -> int:
        """Keep events, all or none; how many were new. One that is known by its id (with its user and app) changes
        nothing, whatever else it says; the order in which they come does not matter."""
        at = now()
        new = 0
        with self._file.transaction() as db:
            for event in events:
                row = (event.app, event.user, event.id, event.item, event.kind, event.at, event.value, event.position)
                new += db.execute(
                    "INSERT INTO events (app, client_id, id, item, kind, at, value, position, shown, kept_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [*row, json.dumps(event.shown), at],
                ).rowcount
        return new

    def history(self, app: str, user: str, most: int = MOST_READ) -> list[Event]:
        """The user's latest ``most`` events by when they happened, the oldest of them first."""
        rows = self._file.read(
            "SELECT * FROM events WHERE client_id = ? AND app = ? ORDER BY at DESC, rowid DESC LIMIT ?",
            [user, app, most],
        )
        return [_event(row) for row in reversed(rows)]

    def count(self, app: str, user: str) -> int:
        """Of all the user's events."""
        sql = "SELECT count(*) AS n FROM events WHERE client_id = ? AND app = ?"
        return int(self._file.read(sql, [user, app])[0]["n"])

    def users(self, app: str) -> Iterator[tuple[str, list[Event]]]:
        """Every user with their latest events, the oldest of them first; to learn from."""
        after = ""
        while True:
            names = self._file.read(
                "SELECT DISTINCT client_id FROM events WHERE app = ? AND client_id > ? ORDER BY client_id LIMIT ?",
                [app, after, BATCH],
            )
            if not names:
                return
            after = names[-1]["client_id"]
            rows = self._file.read(
                "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY client_id ORDER BY at DESC, "
                "rowid DESC) AS place FROM events WHERE app = ? AND client_id BETWEEN ? AND ?) "
                "WHERE place <= ? ORDER BY client_id, place DESC",
                [app, names[0]["client_id"], after, MOST_READ],
            )
            for user, own in groupby(rows, key=lambda row: row["client_id"]):
                yield user, [_event(row) for row in own]

    def popularity(self, app: str) -> dict[str, int]:
        """By item, how many users liked it: said so, bought it, or gave a good mark."""
        rows = self._file.read(
            "SELECT item, count(DISTINCT client_id) AS n FROM events WHERE app = ? "
            "AND (kind IN ('like', 'buy') OR (kind = 'rate' AND value >= ?)) GROUP BY item",
            [app, LIKED],
        )
        return {row["item"]: row["n"] for row in rows}

    def forget(self, app: str, user: str, item: str) -> int:
        """Remove the user's events with one item; how many there were."""
        with self._file.transaction() as db:
            sql = "DELETE FROM events WHERE client_id = ? AND app = ? AND item = ?"
            return int(db.execute(sql, [user, app, item]).rowcount)

    # Rows that were shown

    def show(self, app: str, user: str, items: Sequence[str]) -> str:
        """Keep that the user was shown a row of items, in this order; the row's id."""
        row = secrets.token_urlsafe(12)
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO exposures (id, app, client_id, items, kept_at) VALUES (?, ?, ?, ?, ?)",
                [row, app, user, json.dumps(list(items)), now()],
            )
        return row

    def shown(self, app: str, user: str, row: str) -> tuple[str, ...]:
        """The items of a row that the user was shown; empty if there was no such row."""
        sql = "SELECT items FROM exposures WHERE id = ? AND app = ? AND client_id = ?"
        rows = self._file.read(sql, [row, app, user])
        return tuple(json.loads(rows[0]["items"])) if rows else ()

    def exposures(self, app: str) -> list[tuple[str, ...]]:
        """Every row of items that somebody was shown, the oldest first."""
        rows = self._file.read("SELECT items FROM exposures WHERE app = ? ORDER BY kept_at", [app])
        return [tuple(json.loads(row["items"])) for row in rows]

    # Wishes

    def wishes(self, app: str, user: str) -> list[Wish]:
        """What the user does not want, the oldest first."""
        sql = "SELECT value, said, kept_at AS at FROM wishes WHERE client_id = ? AND app = ? ORDER BY kept_at, value"
        return [Wish(**row) for row in self._file.read(sql, [user, app])]

    def change_wishes(self, app: str, user: str, avoid: Sequence[str], allow: Sequence[str], said: str) -> None:
        """Keep what a message said of wishes, in one step: ``avoid`` is not wanted from now on, ``allow`` is again."""
        with self._file.transaction() as db:
            for value in allow:
                self._drop_wish(db, app, user, value)
            for value in avoid:
                db.execute(
                    "INSERT INTO wishes (app, client_id, value, said, kept_at) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET said = excluded.said, kept_at = excluded.kept_at",
                    [app, user, value, said, now()],
                )

    def take_back(self, app: str, user: str, value: str) -> bool:
        """Let the user be offered ``value`` again; False if it was no wish."""
        with self._file.transaction() as db:
            return self._drop_wish(db, app, user, value)

    @staticmethod
    def _drop_wish(db: Any, app: str, user: str, value: str) -> bool:
        sql = "DELETE FROM wishes WHERE client_id = ? AND app = ? AND value = ?"
        return bool(db.execute(sql, [user, app, value.casefold()]).rowcount)


def _event(row: Mapping[str, Any]) -> Event:
    same = {name: row[name] for name in ("id", "app", "item", "kind", "at", "value", "position")}
    return Event(user=row["client_id"], shown=tuple(json.loads(row["shown"])), **same)
