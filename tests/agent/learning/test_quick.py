from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.learning.data import Dataset
from agent.learning.decisions import decide
from agent.learning.quick import Known, QuickLearner, QuickReport
from agent.model.lessons import SAME, Lessons, Matrix
from agent.types import Example, Prediction, Ranked, SentimentLabel, StoredReview, Verdict

INTENTS = ("refund", "card")
PLACES: dict[str, float] = {
    "money back": 1.0,
    "my money back": 0.95,
    "send it back": 0.8,
    "Money  back": 1.0,
    "money back !": 0.9999,
    "moon": 0.0,
    "stars": -0.2,
}
"""Cosine of each text to the first."""


def read(texts: Sequence[str]) -> list[Prediction]:
    """A model that takes everything for a matter of the card."""
    return [
        Prediction(text, (Ranked("card", 0.6), Ranked("refund", 0.4)), 0.1, 0.5, None, vector(PLACES[text]), "1")
        for text in texts
    ]


def vector(cosine: float) -> Matrix:
    return np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)


def review(
    text: str,
    intent: str | None = None,
    *,
    verdict: Verdict = "corrected",
    number: int = 1,
    reviewer: str = "ann",
    sentiment: SentimentLabel | None = None,
) -> StoredReview:
    return StoredReview(
        "shop", text, verdict, reviewer, intent=intent, sentiment=sentiment, id=number, created_at=f"2026-01-0{number}"
    )


def learner(
    frozen: Sequence[Example] = (), held_out: Sequence[Example] = (), trained: dict[str, str | None] | None = None
) -> QuickLearner:
    known = Known({*INTENTS, "weather"}, trained or {}, Dataset(tuple(frozen)), Dataset(tuple(held_out)))
    return QuickLearner("1", ("card", "refund"), None, known)


def learned(made: QuickLearner, *reviews: StoredReview) -> tuple[Lessons | None, QuickReport]:
    while not made.ready:
        made.prepare(read)
    return made.learn(decide(reviews), read)


def reaches(lessons: Lessons | None) -> list[float]:
    assert lessons is not None
    return [lesson.reach for lesson in lessons.lessons]


def test_a_lesson_counts_for_its_own_text_until_the_guard_has_been_read() -> None:
    made = learner([Example("my money back", intent="refund")])
    lessons, report = made.learn(decide([review("money back", "refund")]), read)
    assert reaches(lessons) == [SAME]
    assert (report.reviews, report.checked, report.accuracy_before) == (1, False, None)


def test_a_lesson_reaches_as_far_as_it_costs_nothing() -> None:
    gains = learner([Example("my money back", intent="refund"), Example("moon", intent="card")])
    lessons, report = learned(gains, review("money back", "refund"))
    assert reaches(lessons) == [0.7]
    assert (report.accuracy_before, report.accuracy_after) == (0.5, 1.0)
    costs = learner([Example("send it back", intent="card"), Example("moon", intent="card")])
    lessons, report = learned(costs, review("money back", "refund"))
    assert reaches(lessons) == [0.8]
    assert (report.accuracy_before, report.accuracy_after) == (1.0, 1.0)


def test_held_out_examples_narrow_a_lesson_too() -> None:
    made = learner(held_out=[Example("send it back", intent="card")])
    lessons, report = learned(made, review("money back", "refund"))
    assert reaches(lessons) == [0.8]
    assert report.accuracy_after is None, "there is no frozen test set"


def test_a_review_against_the_frozen_test_set_is_held_back_and_reported() -> None:
    made = learner([Example("Money  back", intent="card")])
    lessons, report = learned(made, review("money back", "refund", number=7))
    assert lessons is None
    assert [held.review for held in report.held_back] == [7]
    assert "the same text as 'card'" in report.held_back[0].reason


def test_a_review_that_costs_the_frozen_test_set_is_held_back_and_the_others_are_not() -> None:
    made = learner([Example("money back !", intent="card"), Example("moon", intent="card")])
    lessons, report = learned(made, review("money back", "refund", number=3), review("stars", "refund", number=4))
    assert lessons is not None
    assert len(lessons) == report.reviews == 1
    assert [(held.review, held.reason) for held in report.held_back] == [(3, "it costs the frozen test set accuracy")]
    assert report.accuracy_after == 1.0


def test_what_cannot_be_taught_is_held_back_with_its_reason() -> None:
    lessons, report = learned(
        learner(),
        review("moon", "refund", number=1),
        review("moon", "card", number=2, reviewer="bob"),
        review("stars", "astronomy", number=3),
    )
    assert lessons is None
    assert [held.reason for held in report.held_back] == [
        "reviewers disagree on its intent",
        "the app has no intent 'astronomy'",
    ]


def test_what_the_version_was_trained_on_needs_no_lesson() -> None:
    made = learner(trained={"money back": "refund"})
    lessons, report = learned(made, review("Money back", "refund"))
    assert (lessons, report.reviews, report.known) == (None, 0, 1)
    lessons, report = learned(made, review("money back", "refund", sentiment="negative"))
    assert (report.reviews, report.known) == (1, 0), "a feeling is not in the memory"
    lessons, report = learned(made, review("money back", "card"))
    assert report.reviews == 1, "it was decided anew"


def test_out_of_scope_and_new_intents_are_taught() -> None:
    lessons, report = learned(
        learner([Example("stars", out_of_scope=True)]),
        review("moon", verdict="out_of_scope", number=1),
        review("send it back", "weather", number=2),
    )
    assert report.reviews == 2
    assert lessons is not None
    moon, back = lessons.corrected(read(["moon", "send it back"]))
    assert moon.out_of_scope >= moon.out_of_scope_threshold
    assert back.intent == "weather"


def test_texts_are_read_once_and_forgotten_when_a_review_is_undone() -> None:
    made, seen = learner(), []

    def counted(texts: Sequence[str]) -> list[Prediction]:
        seen.extend(texts)
        return read(texts)

    one, two = review("moon", "refund", number=1), review("stars", "refund", number=2)
    made.learn(decide([one]), counted)
    made.learn(decide([one, two]), counted)
    assert seen == ["moon", "stars"]
    made.learn(decide([two]), counted)
    made.learn(decide([one, two]), counted)
    assert seen == ["moon", "stars", "moon"]
