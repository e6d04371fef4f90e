from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.customers import Subject
from agent.errors import HolderError
from agent.handovers import HandoverBook
from agent.privacy import Privacy
from agent.redaction import make_redactor
from agent.store import Store
from tests.agent.samples import prediction, reply, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


@pytest.fixture
def book(store: Store) -> HandoverBook:
    return HandoverBook(store.file)


def begin(store: Store, text: str = "hello", app: str = "support") -> str:
    """A conversation with one turn."""
    conversation = store.new_conversation(app, "web:1", True)
    answer = reply(conversation, f"m-{conversation}")
    store.save_turn(conversation, app, answer.message_id, text, prediction(text), route(), answer, {}, 1.0)
    return conversation


def test_a_conversation_waits_once_and_may_be_taken_and_returned(store: Store, book: HandoverBook) -> None:
    conversation = begin(store)
    assert book.open(conversation) is None
    book.ask(conversation, "asked for a person")
    book.ask(conversation, "asked again")
    assert [one.reason for one in book.of_conversation(conversation)] == ["asked for a person"]
    book.take(conversation, "ann")
    held = book.open(conversation)
    assert held is not None
    assert held.operator == "ann"
    assert held.taken_at is not None
    book.give_back(conversation, "all settled")
    assert book.open(conversation) is None
    book.ask(conversation, "once more")
    assert [(one.reason, one.note) for one in book.of_conversation(conversation)] == [
        ("asked for a person", "all settled"),
        ("once more", ""),
    ]


def test_of_many_who_take_it_at_once_one_gets_it(store: Store, book: HandoverBook) -> None:
    conversation = begin(store)
    book.ask(conversation, "angry")

    def attempt(number: int) -> str | None:
        try:
            book.take(conversation, f"operator{number}")
        except HolderError as refused:
            return refused.holder
        return None

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(attempt, range(8)))
    held = book.open(conversation)
    assert held is not None
    assert told.count(None) == 1
    assert [name for name in told if name] == [held.operator] * 7


def test_one_that_the_bot_has_can_be_taken_too(store: Store, book: HandoverBook) -> None:
    conversation = begin(store)
    book.take(conversation, "ann")
    held = book.open(conversation)
    assert held is not None
    assert (held.operator, held.reason) == ("ann", "taken over by an operator")
    with pytest.raises(HolderError, match="'ann' holds this conversation"):
        book.take(conversation, "ann")


def test_only_what_is_held_can_be_given_back(store: Store, book: HandoverBook) -> None:
    conversation = begin(store)
    with pytest.raises(HolderError, match="Nobody holds"):
        book.give_back(conversation, "")
    book.ask(conversation, "angry")
    with pytest.raises(HolderError, match="Nobody holds"):
        book.give_back(conversation, "")


def test_a_client_withdraws_what_nobody_has_taken(store: Store, book: HandoverBook) -> None:
    first, second = begin(store), begin(store)
    book.ask(first, "angry")
    book.ask(second, "angry")
    book.take(second, "ann")
    book.withdraw(first)
    book.withdraw(second)
    assert book.open(first) is None
    assert book.open(second) is not None


def test_the_lists(store: Store, book: HandoverBook) -> None:
    first, second, third = begin(store, "one"), begin(store, "two"), begin(store, "three")
    store.new_conversation("support", "web:2", True)
    book.ask(second, "angry")
    book.ask(first, "asked")
    book.take(first, "ann")
    store.add_message(first, "hello, this is Ann", "ann")
    rows = book.all_open()
    assert [(row["conversation_id"], row["operator"], row["last_text"], row["last_role"]) for row in rows] == [
        (second, None, "two", "bot"),
        (first, "ann", "one", "bot"),
    ]
    store.add_message(first, "hello Ann")
    assert (book.all_open()[1]["last_text"], book.all_open()[1]["last_role"]) == ("hello Ann", "user")
    assert [row["conversation_id"] for row in book.with_bot(10)] == [third]
    assert book.with_bot(0) == []


def test_a_deleted_conversation_takes_its_handovers_along(store: Store, book: HandoverBook) -> None:
    conversation = begin(store)
    book.ask(conversation, "angry")
    Privacy(store.file, make_redactor("builtin")).erase(Subject("conversation", conversation), "web:1")
    assert book.all_open() == []
    assert book.of_conversation(conversation) == []
