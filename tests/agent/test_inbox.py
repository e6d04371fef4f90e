from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.audit import AuditLog
from agent.dialogue.actions import load_actions
from agent.dialogue.dialogue import Dialogue
from agent.dialogue.tracker import Tracker
from agent.domain import Domain
from agent.errors import BadInputError, ConversationError, HolderError
from agent.inbox import Inbox, tracker_of
from agent.store import Store
from agent.types import Feedback
from tests.agent.dialogue.small_app import is_word, make_app, predict
from tests.agent.samples import prediction, reply


class Desk:
    """An inbox over a real store and dialogue, with a customer who needs no model to be understood."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder / "data")
        app = make_app(folder)
        today = date(2026, 11, 25)
        self.dialogue = Dialogue(Domain.load(app), load_actions(app), folder / "data", lambda: today, is_word=is_word)
        lock = threading.Lock()
        self.inbox = Inbox(self.store, lambda name: SimpleNamespace(dialogue=self.dialogue), lambda _: lock, 200)  # type: ignore[arg-type, return-value]

    def customer(self, text: str, intent: str, conversation: str | None = None) -> str:
        """One turn, kept as the service does it; gives the conversation."""
        conversation = conversation or self.store.new_conversation("library", "web:1", True)
        tracker = self.tracker(conversation)
        held = tracker.holder == "person"
        draft = self.dialogue.reply(text, [predict(text, intent)], tracker, lambda query, vector: ())
        answer = reply(conversation, f"m{tracker.turns}-{conversation}", draft.text)
        with self.store.file.transaction():
            self.store.save_turn(
                conversation,
                "library",
                answer.message_id,
                text,
                prediction(text),
                draft.route,
                answer,
                tracker.to_dict(),
                1.0,
            )
            self.inbox.settle(tracker, held)
        return conversation

    def tracker(self, conversation: str) -> Tracker:
        row = self.store.conversation(conversation)
        assert row is not None
        return tracker_of(row)

    def feedback(self) -> list[dict[str, Any]]:
        return self.store.file.read("SELECT message_id, client_id, kind FROM feedback", [])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_what_the_dialogue_hands_over_waits_with_a_summary(desk: Desk) -> None:
    conversation = desk.customer("hello", "greeting")
    assert desk.inbox.waiting() == []
    assert desk.inbox.holder(conversation) == ("bot", None)
    desk.customer("a person please", "person", conversation)
    [row] = desk.inbox.waiting()
    assert (row["conversation_id"], row["operator"], row["last_text"]) == (conversation, None, "a person please")
    seen = desk.inbox.conversation(conversation)
    assert (seen["holder"], seen["operator"], seen["notes"]) == ("waiting", None, [])
    assert seen["summary"]["reason"] == row["reason"]
    assert [note["text"] for note in seen["summary"]["turns"]] == ["hello", "a person please"]
    assert [message["number"] for message in seen["messages"]] == [1, 2, 3, 4]
    assert desk.inbox.conversation(conversation, 2)["messages"][0]["text"] == "a person please"


def test_a_client_who_goes_on_with_the_bot_waits_no_more(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.customer("go on with the assistant", "greeting", conversation)
    assert desk.tracker(conversation).holder == "bot"
    assert desk.inbox.waiting() == []


def test_taking_over_is_a_signal_and_stands_in_the_audit_log(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.inbox.take(conversation, "ann")
    assert desk.inbox.holder(conversation) == ("person", "ann")
    assert desk.feedback() == [{"message_id": f"m1-{conversation}", "client_id": "user:ann", "kind": "takeover"}]
    [entry] = AuditLog(desk.store.file).entries()
    assert (entry.who, entry.action, entry.app, entry.detail) == (
        "ann",
        "take_over",
        "library",
        {"conversation": conversation},
    )


def test_a_second_operator_is_refused_and_nothing_of_hers_is_kept(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.inbox.take(conversation, "ann")
    with pytest.raises(HolderError) as refused:
        desk.inbox.take(conversation, "eve")
    assert refused.value.holder == "ann"
    with pytest.raises(HolderError):
        desk.inbox.say(conversation, "eve", "hello")
    with pytest.raises(HolderError):
        desk.inbox.give_back(conversation, "eve", "")
    assert len(desk.feedback()) == 1
    assert len(AuditLog(desk.store.file).entries()) == 1
    assert desk.inbox.holder(conversation) == ("person", "ann")


def test_messages_without_a_turn_keep_the_order_and_are_no_replies(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.inbox.take(conversation, "ann")
    desk.inbox.say(conversation, "ann", "  Hello, this is Ann.  ")
    desk.store.add_message(conversation, "thank you")
    desk.inbox.give_back(conversation, "ann", "")
    desk.customer("hello", "greeting", conversation)
    said = desk.store.messages(conversation)
    assert [(m["number"], m["role"], m["author"], m["route"] is None) for m in said] == [
        (1, "user", "", True),
        (2, "bot", "", False),
        (3, "bot", "ann", True),
        (4, "user", "", True),
        (5, "user", "", True),
        (6, "bot", "", False),
    ]
    assert said[2]["text"] == "Hello, this is Ann."
    for number in (2, 3):
        with pytest.raises(ConversationError):
            desk.store.add_feedback(Feedback(said[number]["message_id"], "web:1", "up"))
        with pytest.raises(ConversationError):
            desk.store.turn(said[number]["message_id"], "web:1")
    assert desk.store.turn(said[5]["message_id"], "web:1").text == "hello"


def test_the_bot_answers_again_and_knows_the_values_of_the_note(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.inbox.take(conversation, "ann")
    desk.inbox.give_back(conversation, "ann", "Extended the loan on card 4711, nothing else to do.")
    tracker = desk.tracker(conversation)
    assert (tracker.holder, tracker.slots["card"]) == ("bot", "C-4711")
    assert desk.inbox.holder(conversation) == ("bot", None)
    seen = desk.inbox.conversation(conversation)
    assert seen["summary"] is None
    assert [(note["operator"], note["note"]) for note in seen["notes"]] == [
        ("ann", "Extended the loan on card 4711, nothing else to do.")
    ]
    assert [entry.action for entry in AuditLog(desk.store.file).entries()] == ["give_back", "take_over"]


def test_one_that_the_bot_has_is_taken_with_a_summary_and_its_form_is_left(desk: Desk) -> None:
    conversation = desk.customer("reserve a book", "reserve")
    assert desk.tracker(conversation).form is not None
    assert [row["conversation_id"] for row in desk.inbox.with_bot()] == [conversation]
    desk.inbox.take(conversation, "ann")
    tracker = desk.tracker(conversation)
    assert (tracker.holder, tracker.form) == ("person", None)
    assert desk.inbox.conversation(conversation)["summary"]["wishes"] == ["reserving a book"]
    assert desk.inbox.with_bot() == []


def test_an_admin_gives_back_what_another_holds(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    with pytest.raises(HolderError, match="Nobody holds"):
        desk.inbox.give_back(conversation, "root", "", others=True)
    desk.inbox.take(conversation, "ann")
    desk.inbox.give_back(conversation, "root", "Ann has gone home.", others=True)
    assert desk.inbox.holder(conversation) == ("bot", None)


def test_bad_texts_and_unknown_conversations_change_nothing(desk: Desk) -> None:
    conversation = desk.customer("a person please", "person")
    desk.inbox.take(conversation, "ann")
    for text in ("", "   ", "x" * 201):
        with pytest.raises(BadInputError):
            desk.inbox.say(conversation, "ann", text)
    with pytest.raises(BadInputError):
        desk.inbox.give_back(conversation, "ann", "x" * 1001)
    assert desk.inbox.holder(conversation) == ("person", "ann")
    assert len(desk.store.messages(conversation)) == 2
    with pytest.raises(ConversationError):
        desk.inbox.conversation("nothing")
    with pytest.raises(ConversationError):
        desk.inbox.take("nothing", "ann")
