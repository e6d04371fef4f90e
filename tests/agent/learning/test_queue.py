from __future__ import annotations

import random
from typing import Any

import pytest

from agent.learning.queue import Candidate, queue

EXAMPLES = {"track": 40, "return": 40, "pay": 40, "recycle": 4}


def candidate(number: int, text: str, margin: float = 0.9, **changes: Any) -> Candidate:
    first, second = changes.pop("intents", ("track", "return"))
    values: dict[str, Any] = {
        "message_id": f"m{number}",
        "conversation_id": f"c{number}",
        "created_at": "2026-05-01",
        "intents": ((first, 0.5 + margin / 2), (second, 0.5 - margin / 2)),
        "out_of_scope": 0.1,
        "out_of_scope_threshold": 0.5,
        "route": "answer",
    }
    return Candidate(text=text, **(values | changes))


def texts(*candidates: Candidate, **options: Any) -> list[str]:
    return [item.candidate.text for item in queue(candidates, EXAMPLES, **options)]


def test_the_least_margin_comes_first() -> None:
    found = queue(
        [candidate(1, "sure", 0.8), candidate(2, "unsure", 0.1), candidate(3, "middling", 0.5)], EXAMPLES, size=2
    )
    assert [item.candidate.message_id for item in found] == ["m2", "m3"]
    assert found[0].reasons == ("the model wavers between 'track' (0.55) and 'return' (0.45)",)
    assert found[1].reasons == ("the model is least sure of what is left",)
    assert found[0].worth == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"feedback": (("up", ""), ("down", ""))}, "the customer was not helped"),
        ({"feedback": (("down", ""), ("intent", "pay"))}, "the customer says it is 'pay'"),
        ({"feedback": (("wrong_passage", "returns#2"),)}, "the customer says that the passage is the wrong one"),
        ({"feedback": (("sentiment", "negative"),)}, "the customer felt negative"),
        ({"feedback": (("csat", "2"),)}, "the conversation got the mark 2"),
        ({"feedback": (("takeover", ""),)}, "a person had to take over"),
        ({"neighbours": "pay"}, "the nearest examples say 'pay'"),
        ({"out_of_scope": 0.45}, "it is nearly undecided whether it is in scope (0.45, threshold 0.50)"),
        ({"intents": ("recycle", "pay")}, "'recycle' has only 4 examples"),
        ({"drifts": True}, "people ask this, and the examples have nothing like it"),
    ],
)
def test_whatever_speaks_for_a_look_raises_a_message_and_is_said(changes: dict[str, Any], reason: str) -> None:
    plain, raised = candidate(1, "shoes with holes"), candidate(2, "my parcel", **changes)
    first, second = queue([plain, raised], EXAMPLES)
    assert first.candidate is raised
    assert first.reasons == (reason,)
    assert first.worth > second.worth


@pytest.mark.parametrize(
    "feedback",
    [
        (("down", ""), ("up", "")),
        (("intent", "track"),),
        (("csat", "1"), ("csat", "5")),
        (("right_passage", "returns#1"), ("comment", "")),
    ],
)
def test_feedback_that_agrees_or_was_taken_back_raises_nothing(feedback: tuple[tuple[str, str], ...]) -> None:
    first, second = queue([candidate(1, "one thing"), candidate(2, "my parcel", feedback=feedback)], EXAMPLES)
    assert first.worth == second.worth


def test_texts_that_are_the_same_or_nearly_so_are_one_item_with_a_count() -> None:
    found = queue(
        [
            candidate(1, "where is my parcel", 0.3),
            candidate(2, "Where is  my parcel", 0.1),
            candidate(3, "where's my parcel???", 0.8),
            candidate(4, "sing a song", 0.8),
        ],
        EXAMPLES,
    )
    assert [(item.candidate.message_id, item.count) for item in found] == [("m2", 3), ("m4", 1)]
    assert "it was said 2 times" in found[0].reasons
    [again] = queue([candidate(1, "where is my parcel", said=3), candidate(2, "wheres my parcel", said=2)], EXAMPLES)
    assert (again.candidate.message_id, again.count) == ("m1", 5)


def test_what_was_reviewed_is_left_out() -> None:
    assert texts(candidate(1, "My  parcel"), candidate(2, "a song"), reviewed=["my parcel"]) == ["a song"]
    assert texts(candidate(1, "a song"), reviewed=["a song"]) == []
    assert texts() == []


def test_a_batch_does_not_dwell_on_one_thing() -> None:
    about = [
        candidate(n, f"my parcel to {town} is late", 0.1) for n, town in enumerate(("Bonn", "Rome", "Oslo", "Bath"))
    ]
    other = [candidate(10 + n, text, 0.2) for n, text in enumerate(("i lost my invoice", "can i pay by cheque"))]
    first = texts(*about, *other, size=3)
    assert len([text for text in first if "parcel" in text]) == 1


def test_a_message_that_no_intent_was_read_in_has_no_margin() -> None:
    [item] = queue([Candidate("m1", "c1", "hm", "2026-05-01", (), 0.1, 0.5, "refuse")], EXAMPLES)
    assert item.worth == 1.0


def test_many_candidates_are_ranked_and_none_twice() -> None:
    words = [a + b for a in ("ka", "lo", "mi", "ru", "te") for b in ("ban", "dor", "fel", "gus", "nim", "pol")]
    rng = random.Random(0)
    many = [candidate(n, " ".join(rng.choices(words, k=6)), rng.random()) for n in range(20_000)]
    found = queue(many, EXAMPLES)
    assert len(found) == 150
    assert len({item.candidate.text for item in found}) == 150
    assert sum(item.candidate.margin for item in found) / 150 < 0.1
