from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.candidates import candidates, compared, outside
from agent.learning.queue import Candidate
from agent.model.memory import Memory
from agent.store import Store
from agent.types import Example, Feedback, StoredReview
from tests.agent.samples import prediction, reply, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def said(store: Store, message_id: str, text: str, app: str = "shop", reason: str = "near enough") -> None:
    conversation = store.new_conversation(app, "c1", claimed=True)
    answer, how = reply(conversation, message_id), replace(route(), reason=reason)
    store.save_turn(conversation, app, message_id, text, prediction(text), how, answer, {}, 1.0)


def test_the_newest_messages_come_first_with_prediction_and_feedback(store: Store) -> None:
    said(store, "m1", "wheres my stuff")
    said(store, "m2", "it came broken")
    said(store, "m3", "another app's", app="bank")
    store.add_feedback(Feedback("m1", "c1", "down"))
    store.add_feedback(Feedback("m1", "c1", "intent", "returns"))
    second, first = candidates(store.file, "shop")
    assert (first.message_id, first.text, first.intent) == ("m1", "wheres my stuff", "order_status")
    assert first.margin == pytest.approx(0.85)
    assert first.feedback == (("down", ""), ("intent", "returns"))
    assert (first.out_of_scope, first.out_of_scope_threshold, first.route) == (0.125, 0.5, "answer")
    assert (second.message_id, second.feedback) == ("m2", ())
    assert [c.message_id for c in candidates(store.file, "shop", most=1)] == ["m2"]


def test_answers_to_what_the_bot_asked_count_only_with_feedback(store: Store) -> None:
    for number, reason in enumerate(("filled: returns: order=48213", "confirmed: returns", "asked again: returns")):
        said(store, f"m{number}", f"text {number}", reason=reason)
    assert [c.message_id for c in candidates(store.file, "shop")] == ["m2"]
    store.add_feedback(Feedback("m0", "c1", "down"))
    assert [c.message_id for c in candidates(store.file, "shop")] == ["m2", "m0"]


def candidate(text: str, strange: float = 0.9) -> Candidate:
    return Candidate(f"id of {text}", "c1", text, "2026-05-01", (("track", 0.6),), strange, 0.5, "refuse")


def review(text: str, verdict: str, **changes: str) -> StoredReview:
    values = {"app": "shop", "reviewer": "eve", "created_at": "2026-05-01"} | changes
    return StoredReview(text=text, verdict=verdict, id=1, **values)  # type: ignore[arg-type]


def test_what_is_outside_is_what_the_model_or_a_reviewer_says_is_outside() -> None:
    found = [candidate("a"), candidate("A"), candidate("b", 0.1), candidate("c", 0.1), candidate("d"), candidate("e")]
    reviews = [review("c", "out_of_scope"), review("d", "corrected", intent="track"), review("e", "skipped")]
    assert [c.text for c in outside(found, reviews)] == ["a", "c"]


def test_candidates_are_compared_with_the_nearest_examples_and_drifting_groups_are_marked() -> None:
    axes = np.eye(6, dtype=np.float32)
    examples = tuple(Example(f"{name} {n}", intent=name) for name in ("track", "return") for n in range(12))
    memory = Memory(examples, axes[[0] * 12 + [1] * 12], axes[[0] * 12 + [1] * 12])
    texts = ["parcel", "boots", *(f"gift {word}" for word in ("wrap", "card", "box", "bow", "ribbon"))]
    found = [candidate(text, 0.1 if n < 2 else 0.9) for n, text in enumerate(texts)]
    seen = compared(found, memory, axes[[0, 1, 4, 4, 4, 4, 4]])
    assert [c.neighbours for c in seen[:2]] == ["track", "return"]
    assert [c.drifts for c in seen] == [False, False, True, True, True, True, True]
    assert compared(found[:1], Memory.empty(), axes[[0]])[0].neighbours is None
    assert compared([], memory, axes[:0]) == []
