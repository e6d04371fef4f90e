"""The rows of a database, or of a backup of it, that come of a customer: found, read, removed.

A backup may be of an older release, in which some tables are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import sqlite3

_PARSED = (
    *("citations", "quick_replies", "extras", "intents", "sentiment_scores", "options", "why", "state"),
    *("shown", "items"),
)
_CONVERSATIONS = {
    "client": "SELECT id FROM conversations WHERE client_id = :value ORDER BY begun_at",
    "conversation": "SELECT id FROM conversations WHERE id = :value",
    "profile": "SELECT id FROM conversations WHERE 0",
    "before": "SELECT id FROM conversations WHERE updated_at < :value "
    "AND client_id NOT IN (SELECT value FROM json_each(:kept)) ORDER BY begun_at",
}
ITEM_TABLES = ("events", "exposures", "wishes")
"""What is kept of users and items."""

# A row of one of these belongs to the subject if:
_OF_ITEMS = {
    "client": "client_id = :value",
    "profile": "client_id = :value AND (:app IS NULL OR app = :app)",
    "conversation": "0",
    "before": "kept_at < :value AND client_id NOT IN (SELECT value FROM json_each(:kept))",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose rows: all of a client, those of its profile alone (what it did with items, and its wishes), those of one
    conversation, or all that rest since a time."""

    kind: Literal["client", "profile", "conversation", "before"]
    value: str
    """The client's id, the conversation's, or a time in UTC as the database keeps it."""
    kept: tuple[str, ...] = ()
    """With ``before``: clients that are left out."""
    app: str | None = None
    """With ``profile``: only what belongs to this app; None for all."""

    @property
    def client(self) -> str | None:
        """The client whose feedback and reviews belong to it even where the conversation is another's."""
        return self.value if self.kind == "client" else None

    @property
    def named(self) -> str | None:
        """The client that it names, whom a legal hold may protect whatever is found."""
        return self.value if self.kind in ("client", "profile") else None


@dataclass(frozen=True, slots=True)
class Found:
    """What a database has of a subject."""

    conversations: tuple[str, ...]
    clients: frozenset[str]
    """Of the conversations."""
    messages: int
    feedback: int
    reviews: int
    events: int
    """What users did with items, the rows of items that they were shown, and their wishes."""

    def __bool__(self) -> bool:
        return bool(self.conversations or self.feedback or self.reviews or self.events)


class Rows:
    """A subject's rows over an open connection, whose rows must come by name (``sqlite3.Row``)."""

    def __init__(self, db: sqlite3.Connection, subject: Subject) -> None:
        self._db = db
        self._subject = subject
        self._tables = {row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        asked: dict[str, str | None] = {"value": subject.value, "kept": json.dumps(subject.kept)}
        self.ids = [row["id"] for row in db.execute(_CONVERSATIONS[subject.kind], asked)]
        self._own = asked | {"ids": json.dumps(self.ids), "client": subject.client, "app": subject.app}

    def found(self) -> Found:
        """What there is, counted."""
        clients = self._rows(
            "conversations",
            "SELECT DISTINCT client_id FROM conversations WHERE id IN (SELECT value FROM json_each(:ids))",
        )
        [messages] = self._rows(
            "messages",
            "SELECT count(*) AS n FROM messages WHERE conversation_id IN (SELECT value FROM json_each(:ids))",
        )
        return Found(
            tuple(self.ids),
            frozenset(row["client_id"] for row in clients),
            messages["n"],
            len(self.feedback()),
            len(self.reviews()),
            sum(row["n"] for table in ITEM_TABLES for row in self._of_items(table, "SELECT count(*) AS n")),
        )

    def listed(self) -> list[dict[str, Any]]:
        """The conversations without what was said in them."""
        return self._rows(
            "conversations",
            "SELECT id, app, client_id, turns, begun_at, updated_at FROM conversations "
            "WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY begun_at",
        )

    def conversations(self) -> Iterator[dict[str, Any]]:
        """Each conversation with its messages, and these with what was read in them and decided on them."""
        for conversation_id in self.ids:
            [row] = self._rows("conversations", "SELECT * FROM conversations WHERE id = :id", id=conversation_id)
            row["messages"] = self._rows(
                "messages",
                "SELECT m.*, p.intent, p.confidence, p.intents, p.out_of_scope, p.sentiment, p.sentiment_scores, "
                "p.model_version, r.kind AS route, r.reason, r.options, r.why FROM messages m "
                "LEFT JOIN predictions p ON p.message_id = m.id LEFT JOIN routes r ON r.message_id = m.id "
                "WHERE m.conversation_id = :id ORDER BY m.number",
                id=conversation_id,
            )
            sql = "SELECT * FROM handovers WHERE conversation_id = :id ORDER BY id"
            row["handovers"] = self._rows("handovers", sql, id=conversation_id)
            yield row

    def feedback(self) -> list[dict[str, Any]]:
        """What was said of the conversations' replies, and what the client said of others'."""
        return self._rows(
            "feedback",
            "SELECT f.* FROM feedback f JOIN messages m ON m.id = f.message_id "
            "WHERE m.conversation_id IN (SELECT value FROM json_each(:ids)) OR f.client_id = :client ORDER BY f.id",
        )

    def reviews(self) -> list[dict[str, Any]]:
        """What people decided that the texts mean; who decided is not the customer's to know."""
        rows = self._rows(
            "reviews",
            "SELECT * FROM reviews WHERE conversation_id IN (SELECT value FROM json_each(:ids)) "
            "OR client_id = :client ORDER BY id",
        )
        return [{name: value for name, value in row.items() if name != "reviewer"} for row in rows]

    def of_items(self, table: str) -> list[dict[str, Any]]:
        """The subject's rows of one of ITEM_TABLES, the oldest first."""
        return self._of_items(table, "SELECT *", "ORDER BY kept_at")

    def _of_items(self, table: str, what: str, order: str = "") -> list[dict[str, Any]]:
        return self._rows(table, f"{what} FROM {table} WHERE {_OF_ITEMS[self._subject.kind]} {order}")

    def texts(self) -> set[str]:
        """The customer's texts that may stand in files: of conversations that grew old those that something was
        learned from, else all, to be sure."""
        said = self._rows(
            "feedback",
            "SELECT m.text FROM messages m WHERE m.conversation_id IN (SELECT value FROM json_each(:ids)) "
            "AND m.role = 'user' AND (:all OR EXISTS (SELECT 1 FROM feedback f WHERE f.message_id = m.turn "
            "AND f.kind NOT IN ('up', 'down', 'csat', 'comment')))",
            all=self._subject.kind != "before",
        )
        return {row["text"] for row in said + self.reviews()}

    def learned_apps(self) -> set[str]:
        """Apps whose models may have learned from the texts."""
        claimed = self._rows(
            "feedback",
            "SELECT DISTINCT c.app FROM feedback f JOIN messages m ON m.id = f.message_id "
            "JOIN conversations c ON c.id = m.conversation_id "
            "WHERE (c.id IN (SELECT value FROM json_each(:ids)) OR f.client_id = :client) "
            "AND f.kind NOT IN ('up', 'down', 'csat', 'comment')",
        )
        return {row["app"] for row in claimed + self.reviews()}

    def remove(self) -> None:
        """Delete them all; what hangs on a conversation goes with it. To be called in a transaction, with foreign keys
        switched on."""
        for table, sql in (
            (
                "reviews",
                "DELETE FROM reviews WHERE conversation_id IN (SELECT value FROM json_each(:ids)) "
                "OR client_id = :client",
            ),
            ("feedback", "DELETE FROM feedback WHERE client_id = :client"),
            ("conversations", "DELETE FROM conversations WHERE id IN (SELECT value FROM json_each(:ids))"),
        ):
            if table in self._tables:
                self._db.execute(sql, self._own)
        for table in ITEM_TABLES:
            self._of_items(table, "DELETE")

    def _rows(self, table: str, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows with their JSON columns parsed; none if there is no such table."""
        if table not in self._tables:
            return []
        return [_parsed(dict(row)) for row in self._db.execute(sql, self._own | parameters)]


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(v) if name in _PARSED and v is not None else v for name, v in row.items()}
