from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.lessons import SAME, Lesson, Lessons, Matrix, Neighbours, strengths
from agent.model.vote import NeighbourVote
from agent.types import Prediction, Ranked, Sentiment
from tests.agent.model.test_multitask import make_model

NAMES = ("refund", "card")


def at(cosine: float) -> Matrix:
    """A unit vector with that cosine to ``at(1)``."""
    return np.array([cosine, np.sqrt(1 - cosine**2), 0], np.float32)


def read(query: Matrix, score: float = 0.1) -> Prediction:
    return Prediction(
        text="text",
        intents=(Ranked("refund", 0.9), Ranked("card", 0.1)),
        out_of_scope=score,
        out_of_scope_threshold=0.5,
        sentiment=Sentiment("neutral", {"negative": 0.2, "neutral": 0.7, "positive": 0.1}),
        query_vector=query,
        model_version="1",
    )


def corrected(query: Matrix, *lessons: Lesson, vote: NeighbourVote | None = None, score: float = 0.1) -> Prediction:
    return Lessons("1", lessons, NAMES, vote).corrected([read(query, score)])[0]


def test_the_same_text_is_answered_as_reviewed() -> None:
    found = corrected(at(1), Lesson(at(1), intent="card"))
    assert (found.intent, found.lessons, found.corrected) == ("card", 1, True)
    assert found.confidence == pytest.approx(1)


def test_a_text_out_of_reach_is_left_alone() -> None:
    before = read(at(0.7))
    found = corrected(at(0.7), Lesson(at(1), intent="card", reach=0.75))
    assert found.intents == before.intents
    assert (found.lessons, found.corrected) == (1, False)


def test_the_nearer_the_more() -> None:
    shares = [corrected(at(c), Lesson(at(1), intent="card", reach=0.6)).intents for c in (0.65, 0.8, 0.95)]
    likely = [{r.name: r.confidence for r in ranked}["card"] for ranked in shares]
    assert likely == sorted(likely)
    assert 0.1 < likely[0] < 0.5 < likely[2]


def test_a_nearer_training_example_of_another_intent_speaks_against_a_lesson() -> None:
    vote = NeighbourVote(np.stack([at(0.9)]), np.array([0]), 0.4)
    lesson = Lesson(at(1), intent="card", reach=0.6)
    assert corrected(at(0.93), lesson, vote=vote).intent == "refund"
    assert corrected(at(0.93), lesson).intent == "card"
    same = NeighbourVote(np.stack([at(0.9)]), np.array([1]), 0.4)
    assert corrected(at(0.93), lesson, vote=same).intent == "card"
    assert corrected(at(1), lesson, vote=NeighbourVote(np.stack([at(1)]), np.array([0]), 0.4)).intent == "card"


def test_between_two_lessons_the_nearer_one_decides() -> None:
    lessons = (Lesson(at(1), intent="card", reach=0.6), Lesson(at(0.9), intent="refund", reach=0.6))
    assert corrected(at(1), *lessons).intent == "card"
    assert corrected(at(0.9), *lessons).intent == "refund"


def test_an_intent_that_the_version_does_not_know_can_be_answered() -> None:
    found = corrected(at(1), Lesson(at(1), intent="weather"))
    assert found.intent == "weather"
    assert {ranked.name for ranked in found.intents} == {"refund", "card", "weather"}


def test_out_of_scope_moves_the_score_and_no_intent() -> None:
    found = corrected(at(1), Lesson(at(1), out_of_scope=True))
    assert found.out_of_scope > found.out_of_scope_threshold
    assert (found.intent, found.corrected) == ("refund", True)
    taken_in = corrected(at(1), Lesson(at(1), intent="refund"), score=0.8)
    assert taken_in.out_of_scope < taken_in.out_of_scope_threshold
    assert taken_in.corrected


def test_sentiment_is_corrected_close_by_alone() -> None:
    lesson = Lesson(at(1), sentiment="negative", reach=0.6)
    same, near = corrected(at(1), lesson), corrected(at(0.85), lesson)
    assert same.sentiment is not None
    assert near.sentiment is not None
    assert (same.sentiment.label, near.sentiment.label) == ("negative", "neutral")
    assert same.intents[0].confidence == pytest.approx(0.9)


def test_documents_gain_and_lose_by_nearness() -> None:
    lessons = Lessons(
        "1",
        [Lesson(at(1), document="returns", wrong_documents=("cards",), reach=0.6), Lesson(at(0.6), document="cards")],
        NAMES,
        None,
    )
    assert lessons.documents(at(1)) == {"cards": -1.0, "returns": 1.0}
    shifts = lessons.documents(at(0.8))
    assert 0 < shifts["returns"] < 1
    assert shifts["cards"] == -shifts["returns"]
    assert lessons.documents(at(0.6)) == {"cards": 1.0}


def test_a_lesson_without_reach_counts_for_its_own_text() -> None:
    cosines = np.array([1, SAME, 0.985], np.float32)
    assert strengths(cosines, SAME).tolist() == [1, 0, 0]


def test_the_nearest_of_another_label() -> None:
    vote = NeighbourVote(np.stack([at(1), at(0.9), at(0.5)]), np.array([0, 0, 1]), 0.4)
    near = Neighbours.of(at(1)[None], vote)
    assert near.contrary(np.array([0, 1, 2]))[0].tolist() == pytest.approx([0.5, 1, 1])


@pytest.fixture
def engine() -> Iterator[InferenceEngine]:
    engine = InferenceEngine()
    yield engine
    engine.close()


def test_the_engine_corrects_what_the_version_reads(engine: InferenceEngine, tiny: Backbone) -> None:
    model, follower = make_model(tiny), make_model(tiny)
    model.version, follower.version = "1", "2"
    engine.swap("support", model)
    [alone] = engine.predict("support", ["where is my parcel"])
    other = next(name for name in model.labels("intent") if name != alone.intent)
    lessons = Lessons("1", [Lesson(alone.query_vector, intent=other)], model.labels("intent"), None)
    assert engine.teach("support", "1", lessons)
    [taught] = engine.predict("support", ["where is my parcel"])
    [bare] = engine.predict("support", ["where is my parcel"], bare=True)
    assert (taught.intent, taught.lessons) == (other, 1)
    assert (bare.intent, bare.lessons) == (alone.intent, 0)
    assert not engine.teach("support", "2", None), "another version serves"
    assert engine.lessons("support") is lessons
    engine.swap("support", follower)
    assert engine.predict("support", ["where is my parcel"])[0].lessons == 0
