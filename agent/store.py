"""Conversations, predictions, routes and feedback in one SQLite file; one transaction a turn.

Knows nothing of models or dialogue: a conversation's state is a JSON object to it. Who may use what is decided
here, not how a client is known.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agent.database import DataFile, insert, now
from agent.errors import ConversationError
from agent.lock import FolderLock
from agent.rows import (
    ConversationRow,
    Turn,
    conversation_row,
    extras_json,
    figure_columns,
    list_json,
    message_row,
    prediction_columns,
    route_columns,
    to_json,
)
from agent.types import Feedback, Prediction, Reply, Route

TITLE_CHARS = 120
"""Of a conversation's first message, in a list of conversations."""


class Store:
    """The database of one data folder. Safe to call from many threads.

    Every method may raise StoreError, or DiskFullError if the disk takes no more; nothing is half-written then.
    """

    def __init__(self, file: DataFile) -> None:
        """Over an open database; use ``Store.open``."""
        self.file = file
        self._lock: FolderLock | None = None

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the folder's database, making both if needed, and bring its schema up to date.

        Raises StoreError if the folder cannot be used, or if the file is damaged or from a newer release.
        """
        return cls(DataFile.open(folder))

    def lock(self, holder: str) -> None:
        """Keep other servers off this folder until ``close``; ``holder`` is the address that is served.

        Raises LockedError naming the first server's process and address.
        """
        self._lock = FolderLock(self.file.folder, holder)

    def close(self) -> None:
        """Close the database and give up the lock."""
        self.file.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Conversations

    @staticmethod
    def new_id() -> str:
        """An id for a conversation; it has 144 random bits and cannot be guessed."""
        return secrets.token_urlsafe(18)

    def new_conversation(self, app: str, client_id: str, claimed: bool, conversation_id: str | None = None) -> str:
        """Begin a conversation and give its id, a new one unless it has one already."""
        conversation_id = conversation_id or self.new_id()
        at = now()
        with self.file.transaction() as db:
            db.execute(
                "INSERT INTO conversations (id, app, client_id, claimed, state, begun_at, updated_at) "
                "VALUES (?, ?, ?, ?, '{}', ?, ?)",
                [conversation_id, app, client_id, int(claimed), at, at],
            )
        return conversation_id

    def conversation(self, conversation_id: str) -> ConversationRow | None:
        """The conversation, whoever asks; None if there is none. See ``resume`` for a client's request."""
        rows = self.file.read("SELECT * FROM conversations WHERE id = ?", [conversation_id])
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
        with self.file.transaction() as db:
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
        return self.file.read(
            "SELECT c.id, c.app, substr(m.text, 1, :title) AS title, c.turns, c.begun_at, c.updated_at "
            "FROM conversations c "
            "JOIN messages m ON m.conversation_id = c.id AND m.number = 1 "
            "WHERE c.client_id = :client_id AND (:app IS NULL OR c.app = :app) "
            "ORDER BY c.updated_at DESC, c.rowid DESC LIMIT :most",
            {"client_id": client_id, "app": app, "most": most, "title": TITLE_CHARS},
        )

    def messages(self, conversation_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The conversation's messages in order, from the one after ``after`` on: number (from 1 on), role, author,
        text, message_id, citations, quick_replies, figures, created_at.

        The bot's also have route, why, model_version, and judged: what the conversation's client said of it last,
        ``up``, ``down`` or None. They are None with all that people wrote: the client (role ``user``), or an operator
        (role ``bot``, whose name is the author).
        """
        rows = self.file.read(
            "SELECT m.number, m.role, m.author, m.text, m.id AS message_id, m.citations, m.quick_replies, "
            "m.extras, m.created_at, "
            "json_object('kind', r.kind, 'reason', r.reason, 'intent', r.intent, 'score', r.score, 'threshold', "
            "r.threshold, 'options', json(r.options)) AS route, r.why, p.model_version, "
            "(SELECT f.kind FROM feedback f WHERE f.message_id = m.id AND f.client_id = c.client_id "
            "AND f.kind IN ('up', 'down') ORDER BY f.id DESC LIMIT 1) AS judged "
            "FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "LEFT JOIN routes r ON r.message_id = m.id LEFT JOIN predictions p ON p.message_id = m.id "
            "WHERE m.conversation_id = ? AND m.number > ? ORDER BY m.number",
            [conversation_id, after],
        )
        return [message_row(row) for row in rows]

    def require_owner(self, conversation_id: str, client_id: str) -> None:
        """Raises ConversationError unless the conversation is this client's."""
        row = self.conversation(conversation_id)
        if row is None or row.client_id != client_id:
            raise ConversationError(conversation_id)

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
        at = now()
        with self.file.transaction() as db:
            updated = db.execute(
                "UPDATE conversations SET state = ?, turns = turns + 1, updated_at = ? WHERE id = ? AND app = ? "
                "RETURNING id",
                [to_json(state), at, conversation_id, app],
            ).fetchone()
            if updated is None:
                raise ConversationError(conversation_id)
            number = self._next_number(conversation_id)
            sides = (
                (secrets.token_urlsafe(12), number, "user", user_text, "[]", "[]", "{}"),
                (
                    *(message_id, number + 1, "bot", reply.text),
                    *(list_json(reply.citations), list_json(reply.quick_replies), extras_json(reply)),
                ),
            )
            for side in sides:
                db.execute(
                    "INSERT INTO messages (id, number, role, text, citations, quick_replies, extras, "
                    "conversation_id, turn, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [*side, conversation_id, message_id, at],
                )
            insert(
                db,
                "predictions",
                {"message_id": message_id, **prediction_columns(prediction), "latency_ms": latency_ms},
            )
            insert(db, "routes", {"message_id": message_id, **route_columns(route), "why": to_json(reply.why)})
            figures = figure_columns(prediction, route)
            insert(
                db,
                "turn_figures",
                {"message_id": message_id, "app": app, "at": at, "latency_ms": latency_ms, **figures},
            )

    def add_message(self, conversation_id: str, text: str, author: str = "") -> str:
        """Keep a message that the bot has no part in, and give its id: the client's own while a person holds the
        conversation, or that of the operator ``author`` in the service's name.

        Raises ConversationError if there is no such conversation.
        """
        at, message_id = now(), secrets.token_urlsafe(12)
        with self.file.transaction() as db:
            updated = db.execute(
                "UPDATE conversations SET updated_at = ? WHERE id = ? RETURNING id", [at, conversation_id]
            ).fetchone()
            if updated is None:
                raise ConversationError(conversation_id)
            row = {
                "id": message_id,
                "number": self._next_number(conversation_id),
                "role": "bot" if author else "user",
                "author": author,
                "text": text,
                "conversation_id": conversation_id,
                "turn": message_id,
                "created_at": at,
            }
            insert(db, "messages", row)
        return message_id

    def set_state(self, conversation_id: str, state: Mapping[str, Any]) -> None:
        """Change what the next turn starts from; ``state`` must be JSON."""
        with self.file.transaction() as db:
            db.execute("UPDATE conversations SET state = ? WHERE id = ?", [to_json(state), conversation_id])

    def _next_number(self, conversation_id: str) -> int:
        """Of the conversation's next message; only within a transaction does it stay free."""
        [row] = self.file.read(
            "SELECT coalesce(max(number), 0) + 1 AS number FROM messages WHERE conversation_id = ?", [conversation_id]
        )
        return int(row["number"])

    def add_feedback(self, feedback: Feedback) -> bool:
        """Keep what a client said of a reply; False if the same client has said exactly that before.

        Raises ConversationError if the client may not use the conversation, or there is no such bot message.
        """
        with self.file.transaction():
            self.app_of_reply(feedback.message_id, feedback.client_id)
            return self._keep(feedback)

    def add_takeover(self, conversation_id: str, operator: str) -> None:
        """Keep as feedback on the bot's last reply that an operator took the conversation from it."""
        with self.file.transaction():
            replies = self.file.read(
                "SELECT id FROM messages WHERE conversation_id = ? AND role = 'bot' AND author = '' "
                "ORDER BY number DESC LIMIT 1",
                [conversation_id],
            )
            for reply in replies:
                self._keep(Feedback(reply["id"], f"user:{operator}", "takeover"))

    def _keep(self, feedback: Feedback) -> bool:
        said = asdict(feedback)
        with self.file.transaction() as db:
            same = (
                "SELECT id FROM feedback WHERE message_id = :message_id AND client_id = :client_id "
                "AND kind = :kind AND value = :value AND reason = :reason AND comment = :comment"
            )
            if self.file.read(same, said):
                return False
            insert(db, "feedback", said | {"created_at": now()})
        return True

    def turn(self, message_id: str, client_id: str) -> Turn:
        """The turn that a reply ended.

        Raises ConversationError if the client may not use the conversation, or there is no such bot message.
        """
        self.app_of_reply(message_id, client_id)
        [row] = self.file.read(
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

    def app_of_reply(self, message_id: str, client_id: str) -> str:
        """The app that gave a reply.

        Raises ConversationError if the client may not use the conversation, or there is no such bot message.
        """
        rows = self.file.read(
            "SELECT c.* FROM messages m JOIN conversations c ON c.id = m.conversation_id "
            "WHERE m.id = ? AND m.role = 'bot' AND m.author = ''",
            [message_id],
        )
        if not rows:
            raise ConversationError(message_id)
        conversation = conversation_row(rows[0])
        # Of an unclaimed conversation the message's id is the secret, whatever identity came with it.
        if conversation.claimed and conversation.client_id != client_id:
            raise ConversationError(message_id)
        return conversation.app

    def counts(self) -> dict[str, int]:
        """How many rows there are: conversations, messages, feedback_up, feedback_down."""
        rows = self.file.read(
            "SELECT (SELECT count(*) FROM conversations) AS conversations, "
            "(SELECT count(*) FROM messages) AS messages, "
            "(SELECT count(*) FROM feedback WHERE kind = 'up') AS feedback_up, "
            "(SELECT count(*) FROM feedback WHERE kind = 'down') AS feedback_down",
            [],
        )
        return rows[0]
