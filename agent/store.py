"""Conversations, predictions, routes and feedback in one SQLite file; one transaction a turn.

One connection, one lock: every call is short, and SQLite takes one writer at a time in any case. Other
processes (a terminal command beside the server) may open the same file. Knows nothing of models or dialogue:
a conversation's state is a JSON object to it. Who may use what is decided here, not how a client is known.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from agent.errors import BadInputError, ConversationError, DiskFullError, StoreError
from agent.lock import FolderLock
from agent.migrations import migrations, unknown
from agent.rows import (
    ConversationRow,
    Turn,
    conversation_row,
    list_json,
    message_row,
    prediction_columns,
    route_columns,
    to_json,
)
from agent.types import Feedback, Prediction, Reply, Route

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

FILE_NAME = "switchboard.db"
# Releases 3.7.0 to 3.51.2 can corrupt a database when the write-ahead log is reset (sqlite.org/wal.html).
SAFE_SQLITE = (3, 51, 3)
BUSY_SECONDS = 5.0
TITLE_CHARS = 120
"""Of a conversation's first message, in a list of conversations."""


class Store:
    """The database of one data folder. Safe to call from many threads.

    Every method may raise StoreError, or DiskFullError if the disk takes no more; nothing is half-written then.
    """

    def __init__(self, folder: Path, db: Database) -> None:
        """Wrap an open database; use ``Store.open``."""
        self.folder = folder
        self._db = db
        self._mutex = threading.RLock()
        self._lock: FolderLock | None = None

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the folder's database, making both if needed, and bring its schema up to date.

        Raises StoreError if the folder cannot be used, or if the file is damaged or from a newer release.
        """
        if sqlite3.sqlite_version_info < SAFE_SQLITE:
            raise StoreError(
                f"SQLite {sqlite3.sqlite_version} can damage a database; "
                f"{'.'.join(map(str, SAFE_SQLITE))} or later is needed. Install pysqlite3 0.6.1 or later."
            )
        path = folder / FILE_NAME
        try:
            # Conversations are personal: what we make is for our own account alone.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _from_os(f"Cannot use the data folder {folder}", error) from error
        with _translated(path):
            connection = sqlite3.connect(str(path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                store = cls(folder, Database(connection))
                connection.row_factory = sqlite3.Row
                _use_write_ahead_log(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                # What is deleted or overwritten becomes zeros in the file, not free space with the old text in it.
                connection.execute("PRAGMA secure_delete = ON")
                store._migrate(path)
            except BaseException:
                connection.close()
                raise
        return store

    def _migrate(self, path: Path) -> None:
        newer = unknown(self._db)
        if newer:
            raise StoreError(f"{path} was written by a newer release ({', '.join(newer)}). Update Switchboard.")
        if migrations.pending(self._db):
            with self._transaction():
                migrations.apply(self._db)

    def lock(self, holder: str) -> None:
        """Keep other servers off this folder until ``close``; ``holder`` is the address that is served.

        Raises LockedError naming the first server's process and address.
        """
        self._lock = FolderLock(self.folder, holder)

    def close(self) -> None:
        """Close the database and give up the lock."""
        with self._mutex:
            self._db.close()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    # Conversations

    def new_conversation(self, app: str, client_id: str, claimed: bool) -> str:
        """Begin a conversation; its id has 144 random bits and cannot be guessed."""
        conversation_id = secrets.token_urlsafe(18)
        now = _now()
        with self._transaction() as db:
            db.execute(
                "INSERT INTO conversations (id, app, client_id, claimed, state, begun_at, updated_at) "
                "VALUES (?, ?, ?, ?, '{}', ?, ?)",
                [conversation_id, app, client_id, int(claimed), now, now],
            )
        return conversation_id

    def conversation(self, conversation_id: str) -> ConversationRow | None:
        """The conversation, whoever asks; None if there is none. See ``resume`` for a client's request."""
        rows = self._read("SELECT * FROM conversations WHERE id = ?", [conversation_id])
        return conversation_row(rows[0]) if rows else None

    @staticmethod
    def may_use(row: ConversationRow, client_id: str, claimed: bool) -> bool:
        """Whether this client may read and continue the conversation.

        A client that proves an identity (``claimed``) may use its own conversations alone. One without may go on
        by the id, which is the secret then, as long as the conversation's own client has not come back with
        its identity.
        """
        return row.client_id == client_id if claimed else not row.claimed

    def resume(self, conversation_id: str, client_id: str, claimed: bool) -> ConversationRow:
        """The conversation for its client, claimed from now on if the client proved its identity.

        Raises ConversationError if it does not exist or is another's.
        """
        with self._transaction() as db:
            row = self.conversation(conversation_id)
            if row is None or not self.may_use(row, client_id, claimed):
                raise ConversationError(conversation_id)
            if claimed and not row.claimed and row.client_id == client_id:
                db.execute("UPDATE conversations SET claimed = 1 WHERE id = ?", [conversation_id])
                row = replace(row, claimed=True)
        return row

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]:
        """The client's conversations (with ``app``, or with all), the last used first, at most ``most``.

        Each has id, app, title (how its first message begins), turns, begun_at, updated_at. One without a turn is
        left out.
        """
        return self._read(
            "SELECT c.id, c.app, substr(m.text, 1, :title) AS title, c.turns, c.begun_at, c.updated_at "
            "FROM conversations c "
            "JOIN messages m ON m.conversation_id = c.id AND m.number = 1 "
            "WHERE c.client_id = :client_id AND (:app IS NULL OR c.app = :app) "
            "ORDER BY c.updated_at DESC, c.rowid DESC LIMIT :most",
            {"client_id": client_id, "app": app, "most": most, "title": TITLE_CHARS},
        )

    def messages(self, conversation_id: str) -> list[dict[str, Any]]:
        """The conversation's messages in order: role, text, message_id, citations, quick_replies, created_at.

        The bot's also have route, why, model_version, and judged: what the conversation's client said of it last,
        ``up``, ``down`` or None. They are None with the person's own.
        """
        rows = self._read(
            "SELECT m.role, m.text, m.id AS message_id, m.citations, m.quick_replies, m.created_at, "
            "json_object('kind', r.kind, 'reason', r.reason, 'intent', r.intent, 'score', r.score, "
            "'threshold', r.threshold, 'options', json(r.options)) AS route, r.why, p.model_version, "
            "(SELECT f.kind FROM feedback f WHERE f.message_id = m.id AND f.client_id = c.client_id "
            "ORDER BY f.id DESC LIMIT 1) AS judged "
            "FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "LEFT JOIN routes r ON r.message_id = m.id LEFT JOIN predictions p ON p.message_id = m.id "
            "WHERE m.conversation_id = ? ORDER BY m.number",
            [conversation_id],
        )
        return [message_row(row) for row in rows]

    def delete_conversation(self, conversation_id: str, client_id: str) -> None:
        """Remove the client's conversation with all that came of it: messages, predictions, routes, feedback.

        No copy of the text is left in the database's files (while another process reads the database, the log
        of changes keeps one until that process is done). Raises ConversationError if it does not exist or is
        another's.
        """
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM conversations WHERE id = ? AND client_id = ? RETURNING id", [conversation_id, client_id]
            ).fetchone()
            if gone is None:
                raise ConversationError(conversation_id)
        self._read("PRAGMA wal_checkpoint(TRUNCATE)", [])

    # Turns

    def save_turn(
        self,
        conversation_id: str,
        app: str,
        message_id: str,
        user_text: str,
        prediction: Prediction,
        route: Route,
        reply: Reply,
        state: Mapping[str, Any],
        latency_ms: float,
    ) -> None:
        """Write one turn whole or not at all: both messages, prediction, route, and the state after it.

        ``message_id`` is the bot's message, to which the prediction and the route belong; ``state`` must be
        JSON. Raises ConversationError if the app has no such conversation.
        """
        now = _now()
        with self._transaction() as db:
            updated = db.execute(
                "UPDATE conversations SET state = ?, turns = turns + 1, updated_at = ? WHERE id = ? AND app = ? "
                "RETURNING turns",
                [to_json(state), now, conversation_id, app],
            ).fetchone()
            if updated is None:
                raise ConversationError(conversation_id)
            number = 2 * updated["turns"]
            sides = (
                (secrets.token_urlsafe(12), number - 1, "user", user_text, "[]", "[]"),
                (message_id, number, "bot", reply.text, list_json(reply.citations), list_json(reply.quick_replies)),
            )
            for side in sides:
                db.execute(
                    "INSERT INTO messages (id, number, role, text, citations, quick_replies, conversation_id, "
                    "turn, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [*side, conversation_id, message_id, now],
                )
            _insert(
                db,
                "predictions",
                {"message_id": message_id, **prediction_columns(prediction), "latency_ms": latency_ms},
            )
            _insert(db, "routes", {"message_id": message_id, **route_columns(route), "why": to_json(reply.why)})

    def add_feedback(self, feedback: Feedback) -> bool:
        """Keep what a client said of a reply; False if the same client has said exactly that before.

        Raises ConversationError if the client may not use the conversation, or there is no such bot message.
        """
        said = asdict(feedback)
        with self._transaction() as db:
            self._require_own_reply(feedback.message_id, feedback.client_id)
            same = (
                "SELECT id FROM feedback WHERE message_id = :message_id AND client_id = :client_id "
                "AND kind = :kind AND reason = :reason AND comment = :comment"
            )
            if self._read(same, said):
                return False
            _insert(db, "feedback", said | {"created_at": _now()})
        return True

    def turn(self, message_id: str, client_id: str) -> Turn:
        """The turn that a reply ended.

        Raises ConversationError if the client may not use the conversation, or there is no such bot message.
        """
        self._require_own_reply(message_id, client_id)
        [row] = self._read(
            "SELECT m.turn AS message_id, c.app, m.text, p.model_version, p.intent, r.why, r.options, "
            "r.kind, r.reason, r.intent AS routed, r.score, r.threshold "
            "FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "JOIN predictions p ON p.message_id = m.turn JOIN routes r ON r.message_id = m.turn "
            "WHERE m.turn = ? AND m.role = 'user'",
            [message_id],
        )
        route = {name: row[name] for name in ("kind", "reason", "score", "threshold")}
        return Turn(
            **{name: row[name] for name in ("message_id", "app", "text", "model_version", "intent")},
            route=route | {"intent": row["routed"], "options": json.loads(row["options"])},
            why=json.loads(row["why"]),
        )

    def _require_own_reply(self, message_id: str, client_id: str) -> None:
        rows = self._read(
            "SELECT c.* FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "WHERE m.id = ? AND m.role = 'bot'",
            [message_id],
        )
        if not rows:
            raise ConversationError(message_id)
        conversation = conversation_row(rows[0])
        # Of an unclaimed conversation the message's id is the secret, whatever identity came with it.
        if conversation.claimed and conversation.client_id != client_id:
            raise ConversationError(message_id)

    def counts(self) -> dict[str, int]:
        """How many rows there are: conversations, messages, feedback_up, feedback_down."""
        rows = self._read(
            "SELECT (SELECT count(*) FROM conversations) AS conversations, "
            "(SELECT count(*) FROM messages) AS messages, "
            "(SELECT count(*) FROM feedback WHERE kind = 'up') AS feedback_up, "
            "(SELECT count(*) FROM feedback WHERE kind = 'down') AS feedback_down",
            [],
        )
        return rows[0]

    # The database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. It takes the write lock at once, so that read-then-write cannot fail half-way."""
        with self._mutex, _translated(self.folder / FILE_NAME):
            connection = self._db.conn
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _read(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._mutex, _translated(self.folder / FILE_NAME):
            return [dict(row) for row in self._db.conn.execute(sql, parameters)]


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself while another process that opens the new file holds it for a moment."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadInputError("not_text", "The text holds half a character (a lone surrogate).") from error
    except sqlite3.Error as error:
        cause = str(error)
        if "database or disk is full" in cause:
            raise DiskFullError(
                "There is no room left to store this, so nothing was kept. "
                f"Whoever runs the service needs to free space where {path.parent} lies."
            ) from error
        raise StoreError(f"The database {path} cannot be used: {cause}. Nothing was kept.") from error


def _from_os(what: str, error: OSError) -> StoreError:
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
    return kind(f"{what}: {error.strerror}.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    # Names of tables and columns come from this file alone, never from a request.
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608
