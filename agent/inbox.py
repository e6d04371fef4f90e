"""Inbox: what an operator does with conversations: look, take over, say something, give back.

Everything that is done is one transaction: hand-over, the conversation's state, audit entry and feedback.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.audit import AuditLog
from agent.dialogue.tracker import Tracker
from agent.errors import ConversationError, HolderError
from agent.handovers import HandoverBook
from agent.rows import ConversationRow
from agent.store import Store
from agent.text import clean
from agent.types import Holder

if TYPE_CHECKING:
    from agent.apps import App

MOST_NOTE = 1000
"""Characters of the note with which a conversation is given back."""
MOST_WITH_BOT = 50
"""Conversations of the bot's in the list."""


def tracker_of(row: ConversationRow) -> Tracker:
    """The state that a stored conversation goes on from."""
    return Tracker.from_dict(row.state) if row.state else Tracker(row.id, row.app)


class Inbox:
    """The operators' side of all apps. Safe to call from many threads.

    Every method about one conversation raises ConversationError if there is none.
    """

    def __init__(
        self,
        store: Store,
        app: Callable[[str], App],
        turn: Callable[[str], AbstractContextManager[Any]],
        most_chars: int,
    ) -> None:
        """``app`` gives an app by name; ``turn`` keeps a conversation's turns apart; ``most_chars`` is a message's."""
        self._store = store
        self._handovers = HandoverBook(store.file)
        self._audit = AuditLog(store.file)
        self._app = app
        self._turn = turn
        self._most_chars = most_chars

    def settle(self, tracker: Tracker, held: bool) -> None:
        """Take note of a turn that changed who holds the conversation; ``held``: a person did before it.

        Belongs into the transaction that keeps the turn.
        """
        if tracker.holder == "person" and tracker.summary is not None:
            self._handovers.ask(tracker.conversation_id, tracker.summary.reason)
        elif held:
            self._handovers.withdraw(tracker.conversation_id)

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for a person or is with one, the longest first (``HandoverBook.all_open``)."""
        return self._handovers.all_open()

    def with_bot(self) -> list[dict[str, Any]]:
        """What the bot has, the last used first (``HandoverBook.with_bot``)."""
        return self._handovers.with_bot(MOST_WITH_BOT)

    def holder(self, conversation_id: str) -> tuple[Holder, str | None]:
        """Who answers the conversation next, and the operator's name if it is a person."""
        held = self._handovers.open(conversation_id)
        if held is None:
            return "bot", None
        return ("person", held.operator) if held.operator else ("waiting", None)

    def conversation(self, conversation_id: str, after: int = 0) -> dict[str, Any]:
        """A conversation as an operator sees it, its messages from the one after number ``after`` on.

        Has id, app, holder, operator, summary (``tracker.Summary`` or None), notes (of those who gave it back before:
        operator, note, returned_at) and messages (``Store.messages``).
        """
        row = self._row(conversation_id)
        holder, name = self.holder(conversation_id)
        summary = tracker_of(row).summary if holder != "bot" else None
        before = [past for past in self._handovers.of_conversation(conversation_id) if past.note]
        return {
            "id": row.id,
            "app": row.app,
            "holder": holder,
            "operator": name,
            "summary": asdict(summary) if summary else None,
            "notes": [{"operator": p.operator, "note": p.note, "returned_at": p.returned_at} for p in before],
            "messages": self._store.messages(conversation_id, after),
        }

    def take(self, conversation_id: str, operator: str) -> None:
        """``operator`` takes the conversation over: the bot is silent in it until it is given back.

        Raises HolderError if somebody holds it already.
        """
        with self._turn(conversation_id), self._store.file.transaction():
            row = self._row(conversation_id)
            self._handovers.take(conversation_id, operator)
            tracker = tracker_of(row)
            if tracker.holder == "bot":
                self._app(row.app).dialogue.hand_over(tracker, "taken over by an operator")
                self._store.set_state(conversation_id, tracker.to_dict())
            self._store.add_takeover(conversation_id, operator)
            self._audit.write(operator, "take_over", row.app, conversation=conversation_id)

    def say(self, conversation_id: str, operator: str, text: str) -> None:
        """Send the client a message of the operator's, who must hold the conversation.

        Raises HolderError, and BadInputError for a text that cannot be sent.
        """
        text = clean(text, self._most_chars)
        with self._turn(conversation_id), self._store.file.transaction():
            self._row(conversation_id)
            self._require(conversation_id, operator)
            self._store.add_message(conversation_id, text, operator)

    def give_back(self, conversation_id: str, operator: str, note: str, *, others: bool = False) -> None:
        """The bot answers again, and remembers the values in ``note`` (an order's number). ``others``: also what
        another operator holds, who may be gone.

        Raises HolderError, and BadInputError for a note that is too long.
        """
        note = clean(note, MOST_NOTE) if note.strip() else ""
        with self._turn(conversation_id), self._store.file.transaction():
            row = self._row(conversation_id)
            if not others:
                self._require(conversation_id, operator)
            self._handovers.give_back(conversation_id, note)
            tracker = tracker_of(row)
            self._app(row.app).dialogue.take_back(tracker, note)
            self._store.set_state(conversation_id, tracker.to_dict())
            self._audit.write(operator, "give_back", row.app, conversation=conversation_id)

    def _row(self, conversation_id: str) -> ConversationRow:
        row = self._store.conversation(conversation_id)
        if row is None:
            raise ConversationError(conversation_id)
        return row

    def _require(self, conversation_id: str, operator: str) -> None:
        _, holder = self.holder(conversation_id)
        if holder != operator:
            raise HolderError(holder)
