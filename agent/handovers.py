"""Conversations that wait for a person or are with one: who asked when, who took it, who gave it back with which note.

Knows nothing of dialogue; the conversation's state that goes with a change is written by whoever calls, in the same
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.database import DataFile, insert, now
from agent.errors import HolderError

_LAST = (
    "c.updated_at, (SELECT text FROM messages WHERE conversation_id = c.id AND role = 'user' "
    "ORDER BY number DESC LIMIT 1) AS last_text, "
    "(SELECT role FROM messages WHERE conversation_id = c.id ORDER BY number DESC LIMIT 1) AS last_role"
)


@dataclass(frozen=True, slots=True)
class Handover:
    """A conversation's way to a person and back; times are UTC, ISO 8601."""

    id: int
    conversation_id: str
    reason: str
    asked_at: str
    operator: str | None
    """Who took it; None while it waits, or if the client went back to the bot before anybody took it."""
    taken_at: str | None
    returned_at: str | None
    note: str
    """What the operator wrote when giving it back."""


class HandoverBook:
    """The hand-overs in a data file. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def ask(self, conversation_id: str, reason: str) -> None:
        """The conversation waits for a person from now on; nothing changes if it does already, or is with one."""
        with self._file.transaction() as db:
            if self.open(conversation_id) is None:
                insert(db, "handovers", _row(conversation_id, reason))

    def withdraw(self, conversation_id: str) -> None:
        """The client went back to the bot before anybody took the conversation."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE handovers SET returned_at = ? "
                "WHERE conversation_id = ? AND returned_at IS NULL AND operator IS NULL",
                [now(), conversation_id],
            )

    def take(self, conversation_id: str, operator: str) -> None:
        """``operator`` holds the conversation from now on, whether it waited or not.

        Raises HolderError if somebody holds it, ``operator`` included: of two who take it at once one gets it.
        """
        with self._file.transaction() as db:
            held = self.open(conversation_id)
            if held is None:
                row = _row(conversation_id, "taken over by an operator")
                insert(db, "handovers", row | {"operator": operator, "taken_at": row["asked_at"]})
            elif held.operator is None:
                db.execute("UPDATE handovers SET operator = ?, taken_at = ? WHERE id = ?", [operator, now(), held.id])
            else:
                raise HolderError(held.operator)

    def give_back(self, conversation_id: str, note: str) -> None:
        """The bot answers again. Raises HolderError if nobody holds the conversation."""
        with self._file.transaction() as db:
            returned = db.execute(
                "UPDATE handovers SET returned_at = ?, note = ? "
                "WHERE conversation_id = ? AND returned_at IS NULL AND operator IS NOT NULL RETURNING id",
                [now(), note, conversation_id],
            ).fetchone()
            if returned is None:
                raise HolderError(None)

    def open(self, conversation_id: str) -> Handover | None:
        """The hand-over that the conversation is in, or None: the bot has it."""
        rows = self._file.read(
            "SELECT * FROM handovers WHERE conversation_id = ? AND returned_at IS NULL", [conversation_id]
        )
        return Handover(**rows[0]) if rows else None

    def of_conversation(self, conversation_id: str) -> list[Handover]:
        """All of them, the first one first."""
        rows = self._file.read("SELECT * FROM handovers WHERE conversation_id = ? ORDER BY id", [conversation_id])
        return [Handover(**row) for row in rows]

    def all_open(self) -> list[dict[str, Any]]:
        """What waits or is held, the longest first.

        Each has conversation_id, app, reason, asked_at, operator, taken_at, updated_at, last_text (what the client
        said last) and last_role (who said the very last thing: ``user`` or ``bot``).
        """
        return self._file.read(
            f"SELECT h.conversation_id, c.app, h.reason, h.asked_at, h.operator, h.taken_at, {_LAST} "  # noqa: S608
            "FROM handovers h JOIN conversations c ON c.id = h.conversation_id "
            "WHERE h.returned_at IS NULL ORDER BY h.asked_at, h.id",
            [],
        )

    def with_bot(self, most: int) -> list[dict[str, Any]]:
        """The conversations that the bot has, the last used first, at most ``most``: as ``all_open``, without what is
        of a hand-over."""
        return self._file.read(
            f"SELECT c.id AS conversation_id, c.app, {_LAST} FROM conversations c WHERE c.turns > 0 "  # noqa: S608
            "AND NOT EXISTS (SELECT 1 FROM handovers h WHERE h.conversation_id = c.id AND h.returned_at IS NULL) "
            "ORDER BY c.updated_at DESC LIMIT ?",
            [most],
        )


def _row(conversation_id: str, reason: str) -> dict[str, str]:
    return {"conversation_id": conversation_id, "reason": reason, "asked_at": now()}
