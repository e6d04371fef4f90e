from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.audit import AuditLog
from agent.customers import Subject
from agent.errors import BadInputError
from agent.privacy import Privacy
from agent.redaction import make_redactor
from agent.reviews import ReviewBook
from agent.store import Store
from agent.types import Feedback, Review
from tests.agent.samples import prediction, reply, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def book(store: Store) -> ReviewBook:
    return ReviewBook(store.file)


def said(store: Store, message_id: str, text: str, client: str = "c1") -> str:
    conversation = store.new_conversation("shop", client, claimed=True)
    answer = reply(conversation, message_id)
    store.save_turn(conversation, "shop", message_id, text, prediction(text), route(), answer, {}, 1.0)
    return conversation


def review(text: str = "wheres my stuff", **changes: Any) -> Review:
    values = {"app": "shop", "text": text, "verdict": "corrected", "reviewer": "eve", "intent": "track_order"}
    return Review(**(values | changes))


def test_a_review_is_kept_with_the_messages_own_conversation_and_client_and_audited(
    store: Store, book: ReviewBook
) -> None:
    conversation = said(store, "m1", "wheres my stuff", client="web:7")
    number = book.add(review(message_id="m1", client_id="somebody else"))
    [kept] = book.reviews("shop")
    assert (kept.id, kept.text, kept.intent, kept.reviewer) == (number, "wheres my stuff", "track_order", "eve")
    assert (kept.conversation_id, kept.client_id) == (conversation, "web:7")
    [entry] = AuditLog(store.file).entries("shop")
    assert (entry.who, entry.action) == ("eve", "review")
    assert entry.detail == {"review": number, "message": "m1", "verdict": "corrected", "intent": "track_order"}


def test_undoing_takes_a_review_back_once_and_is_audited(store: Store, book: ReviewBook) -> None:
    number = book.add(review())
    before = book.stamp("shop")
    book.undo(number, "ben")
    assert book.reviews("shop") == []
    assert book.stamp("shop") != before
    assert [(e.who, e.action) for e in AuditLog(store.file).entries()] == [("ben", "undo"), ("eve", "review")]
    for missing in (number, 99):
        with pytest.raises(BadInputError, match=f"no review {missing}"):
            book.undo(missing, "ben")
    assert len(AuditLog(store.file).entries()) == 2


def test_the_stamp_is_an_apps_own_and_changes_with_every_review(store: Store, book: ReviewBook) -> None:
    said(store, "m1", "wheres my stuff")
    stamps = [book.stamp("shop")]
    book.add(review(app="bank"))
    assert book.stamp("shop") == stamps[0]
    book.add(review(message_id="m1"))
    stamps.append(book.stamp("shop"))
    book.add(review("where is the rest of it"))
    stamps.append(book.stamp("shop"))
    [conversation] = {r.conversation_id for r in book.reviews("shop") if r.message_id}
    Privacy(store.file, make_redactor("builtin")).erase(Subject("conversation", conversation), "c1")
    stamps.append(book.stamp("shop"))
    assert len(set(stamps)) == 4
    assert [r.text for r in book.reviews("shop")] == ["where is the rest of it"]


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"text": " "}, "no text"),
        ({"reviewer": ""}, "names no reviewer"),
        ({"intent": None}, "decides nothing"),
        ({"verdict": "skipped"}, "skipped and yet"),
        ({"verdict": "out_of_scope"}, "neither an intent nor a document"),
        ({"document": "returns", "wrong_document": "returns"}, "both right and wrong"),
        ({"message_id": "m9"}, "no reply 'm9'"),
    ],
)
def test_a_review_that_makes_no_sense_is_refused_and_leaves_nothing(
    store: Store, book: ReviewBook, changes: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(BadInputError, match=mistake):
        book.add(review(**changes))
    assert book.reviews("shop") == []
    assert AuditLog(store.file).entries() == []


def test_another_apps_message_cannot_be_reviewed(store: Store, book: ReviewBook) -> None:
    said(store, "m1", "wheres my stuff")
    with pytest.raises(BadInputError, match="App 'bank' has no reply 'm1'"):
        book.add(review(app="bank", message_id="m1"))


def test_reviewers_who_disagree_are_both_kept_and_shown(store: Store, book: ReviewBook) -> None:
    said(store, "m1", "wheres my stuff")
    book.add(review(message_id="m1"))
    book.add(review(message_id="m1", reviewer="ben", intent="missing_item"))
    book.add(review("hello there", intent="greet"))
    [found] = book.disagreements("shop")
    assert found.disputed == ("intent",)
    assert [(r.reviewer, r.intent) for r in found.reviews] == [("eve", "track_order"), ("ben", "missing_item")]
    book.add(review(message_id="m1", reviewer="ben", verdict="confirmed"))
    assert book.disagreements("shop") == []


def test_progress_counts_by_reviewer_what_was_not_undone(book: ReviewBook) -> None:
    for text in ("one", "two", "three"):
        book.add(review(text, reviewer="ben"))
    book.undo(book.add(review("four")), "eve")
    last = book.add(review("five", verdict="skipped", intent=None))
    day = next(r.created_at for r in book.reviews("shop") if r.id == last)
    assert dict(book.progress("shop", "2000-01-01")) == {"ben": 3, "eve": 1}
    assert dict(book.progress("shop", day)) == {"eve": 1}
    assert dict(book.progress("bank", "2000-01-01")) == {}


def test_claims_are_the_last_intents_that_clients_named(store: Store, book: ReviewBook) -> None:
    conversation = said(store, "m1", "wheres my stuff", client="c1")
    said(store, "m2", "it came broken", client="c2")
    for value in ("missing_item", "track_order"):
        store.add_feedback(Feedback("m1", "c1", "intent", value))
    store.add_feedback(Feedback("m2", "c2", "down"))
    [claim] = book.claims("shop")
    assert (claim.text, claim.intent, claim.reviewer, claim.client_id) == ("wheres my stuff", "track_order", "", "c1")
    assert (claim.message_id, claim.conversation_id) == ("m1", conversation)
    assert book.claims("bank") == []
