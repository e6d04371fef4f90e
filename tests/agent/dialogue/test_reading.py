from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.dialogue.reading import choice, leans, reading, wishes
from agent.dialogue.tracker import Clarification, FormState, Tracker
from agent.domain import Domain
from agent.types import Prediction
from tests.agent.dialogue.small_app import predict


def tracker(last: str | None = None, **values: object) -> Tracker:
    return replace(Tracker("c", "library"), last_question=last, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("and for films?", True),
        ("what about Friday?", True),
        ("ok, and how long does it take?", True),
        ("films?", True),
        ("is it free?", True),
        ("sorry, I meant Emma", True),
        ("no, 1234", True),
        ("no", False),
        ("when do you open on Sundays", False),
        ("and then I went to the desk and asked for the book but nobody knew", False),
    ],
)
def test_short_messages_that_lean_are_known_by_their_form(text: str, expected: bool) -> None:
    assert leans(text) is expected


def test_a_message_is_read_alone_where_nothing_went_before(domain: Domain) -> None:
    assert reading("and films?", tracker(), domain).texts == ["and films?"]
    long = "when do you open on the Sundays before and after Christmas"
    assert reading(long, tracker("is Emma in?"), domain).texts == [long]
    waiting = tracker("is Emma in?", form=FormState("loan_status", None, asking="card"))
    assert reading("when do you open", waiting, domain).texts == ["when do you open"]


def test_a_quick_reply_leans_on_nothing_and_is_searched_with_what_it_was_offered_for(domain: Domain) -> None:
    offered = tracker("is Emma in?", offered={"and what is the fine": "fines"})
    texts = reading("And what is the fine?", offered, domain).texts
    assert texts == ["And what is the fine?", "And what is the fine (fines)"]
    meant = replace(predict("x"), query_vector=np.array([1, 0, 0, 0], dtype=np.float32))
    [wish] = wishes(read(texts, predict("x", "loan_status"), meant), offered, domain)
    assert (wish.prediction.text, wish.query, wish.leaned) == (texts[0], texts[1], False)
    assert wish.prediction.query_vector.tolist() == [1, 0, 0, 0]


def test_a_short_message_that_is_clear_only_with_the_last_question_goes_on_with_it(domain: Domain) -> None:
    before = tracker("how much is the fine?", last_intent="fines")
    texts = reading("do I need my card?", before, domain).texts
    assert texts == ["do I need my card?", "how much is the fine, do I need my card?"]
    unsure, fines = predict("x", "loan_status", 0.45), predict("x", "fines", 0.8)
    [goes_on] = wishes(read(texts, unsure, fines), before, domain)
    assert (goes_on.prediction.intent, goes_on.leaned, goes_on.query) == ("fines", True, texts[1])
    sure, strange = predict("x", "loan_status", 0.9), predict("x", "loan_status", 0.45, out_of_scope=0.8)
    other = predict("x", "hours", 0.9)
    for alone, together in ((sure, fines), (strange, fines), (unsure, other)):
        [by_itself] = wishes(read(texts, alone, together), before, domain)
        assert (by_itself.prediction.intent, by_itself.leaned) == ("loan_status", False)


def test_a_follow_up_is_read_with_the_last_question_and_with_what_that_was_about(domain: Domain) -> None:
    texts = reading("and how long can I keep it?", tracker("is emma in?"), domain).texts
    assert texts == [
        "and how long can I keep it?",
        "is emma in, and how long can I keep it?",
        "and how long can I keep it (Emma)",
    ]


def test_a_pronoun_points_at_the_last_follow_up_too(domain: Domain) -> None:
    before = tracker("do you lend films?", last_follow_up="and games?")
    assert reading("are they free?", before, domain).joined == "do you lend films, and games, are they free?"
    assert reading("and maps?", before, domain).joined == "do you lend films, and maps?"


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("renew 1234 and how do I pay the fine?", ("renew 1234", "how do I pay the fine?")),
        ("When do you open? Also, where is my book?", ("When do you open?", "where is my book?")),
        ("When do you open? Where is my book?", ("When do you open?", "Where is my book?")),
        ("keep emma for me, and when do you open", ("keep emma for me", "when do you open")),
        ("Emma and Middlemarch", ()),
        ("the book is torn and wet", ()),
        ("hi. where is it. what now. can you help", ()),
    ],
)
def test_a_message_is_cut_where_a_second_wish_may_begin(domain: Domain, text: str, halves: tuple[str, ...]) -> None:
    assert reading(text, tracker(), domain).halves == halves


def read(texts: list[str], *predictions: Prediction) -> list[Prediction]:
    return [replace(p, text=text) for text, p in zip(texts, predictions, strict=True)]


def test_two_sure_and_different_halves_are_two_wishes(domain: Domain) -> None:
    texts = reading("when do you open and where is my book", tracker(), domain).texts
    whole, hours, loan = predict("x", "hours", 0.5), predict("x", "hours"), predict("x", "loan_status")
    found = wishes(read(texts, whole, hours, loan), tracker(), domain)
    assert [(w.prediction.intent, w.query) for w in found] == [
        ("hours", "when do you open"),
        ("loan_status", "where is my book"),
    ]
    for second in (hours, predict("x", "loan_status", 0.5), predict("x", "loan_status", out_of_scope=0.9)):
        found = wishes(read(texts, whole, hours, second), tracker(), domain)
        assert [w.query for w in found] == ["when do you open and where is my book"]


def test_the_mood_of_a_half_is_that_of_the_message(domain: Domain) -> None:
    texts = reading("when do you open and where is my book", tracker(), domain).texts
    angry = predict("x", "hours", mood="negative")
    found = wishes(read(texts, angry, predict("x"), predict("x", "loan_status")), tracker(), domain)
    assert {w.prediction.sentiment.label for w in found if w.prediction.sentiment} == {"negative"}


def test_within_a_form_a_value_and_a_question_are_two(domain: Domain) -> None:
    waiting = tracker(form=FormState("loan_status", None, asking="card"))
    texts = reading("card 1234, and when do you open?", waiting, domain).texts
    unsure = predict("x", "person", 0.3)
    assert len(wishes(read(texts, unsure, unsure, predict("x", "hours")), waiting, domain)) == 2
    assert len(wishes(read(texts, unsure, unsure, unsure), waiting, domain)) == 1


def test_the_surer_reading_of_a_follow_up_holds(domain: Domain) -> None:
    before = tracker("is emma in?")
    texts = reading("is it free of charge?", before, domain).texts
    joined = replace(predict("x", "loan_status", 0.8), query_vector=np.array([0.5, 0.5, -0.5, -0.5], dtype=np.float32))
    about = predict("x", "fines", 0.6)
    [leaning] = wishes(read(texts, predict("x", "fines", 0.85), joined, about), before, domain)
    assert (leaning.prediction.intent, leaning.prediction.text, leaning.leaned) == (
        "loan_status",
        "is it free of charge?",
        True,
    )
    assert leaning.query == "is emma in, is it free of charge?"
    # Half-way between both readings, so that the last question's own answer is not found again.
    assert leaning.prediction.query_vector.tolist() == pytest.approx([0.7071, 0.7071, 0, 0], abs=1e-4)
    [own] = wishes(read(texts, predict("x", "fines", 0.95), joined, about), before, domain)
    assert (own.prediction.intent, own.query, own.leaned) == ("fines", "is it free of charge (Emma)", False)


@pytest.mark.parametrize("text", ["then I'd rather reserve it", "do they have Emma there?"])
def test_a_clear_wish_that_is_new_is_not_blurred_by_the_last_question(domain: Domain, text: str) -> None:
    before = tracker("when do you open?", last_intent="hours")
    texts = reading(text, before, domain).texts
    clear, blurred = predict("x", "reserve", 0.95), predict("x", "reserve", 0.5)
    [wish] = wishes(read(texts, clear, *[blurred] * (len(texts) - 1)), before, domain)
    assert not wish.leaned
    [wish] = wishes(read(texts, clear, *[blurred] * (len(texts) - 1)), replace(before, last_intent="reserve"), domain)
    assert wish.leaned


def test_a_bare_follow_up_never_stands_alone(domain: Domain) -> None:
    before = tracker("is emma in?")
    texts = reading("what about Friday?", before, domain).texts
    alone, joined = predict("x", "hours", 0.95), predict("x", "loan_status", 0.5)
    [wish] = wishes(read(texts, alone, joined), before, domain)
    assert (wish.prediction.intent, wish.prediction.text) == ("loan_status", "what about Friday?")


def test_a_greeting_beside_a_wish_is_left_out(domain: Domain) -> None:
    texts = reading("hello to you. where is my book", tracker(), domain).texts
    whole, talk, loan = predict("x", "greeting", 0.6), predict("x", "greeting"), predict("x", "loan_status")
    assert [w.query for w in wishes(read(texts, whole, talk, loan), tracker(), domain)] == ["where is my book"]


def test_small_talk_never_leans(domain: Domain) -> None:
    before = tracker("is emma in?")
    texts = reading("that is all", before, domain).texts
    talk, joined = predict("x", "greeting", 0.7), predict("x", "loan_status", 0.99)
    [wish] = wishes(read(texts, talk, joined, joined), before, domain)
    assert wish.prediction.intent == "greeting"


@pytest.mark.parametrize(
    ("prediction", "chosen"),
    [
        (predict("Fines!", "person", 0.4), "fines"),
        (predict("the first one", "person", 0.4), "hours"),
        (predict("2", "person", 0.4), "fines"),
        (predict("what it costs", "fines", 0.38, "hours", rest=0.1), "fines"),
        (predict("well", "fines", 0.3, "hours", rest=0.25), None),
        (predict("a person", "person", 0.9), None),
    ],
)
def test_a_choice_is_made_by_title_by_place_or_in_other_words(
    domain: Domain, prediction: Prediction, chosen: str | None
) -> None:
    found = choice(prediction, Clarification(("hours", "fines"), "late"), domain)
    assert (found.name if found else None) == chosen


def test_a_choice_is_searched_with_the_message_that_was_unclear(domain: Domain) -> None:
    unclear = tracker(clarification=Clarification(("hours", "fines"), "late on Sunday"))
    texts = reading("fines", unclear, domain).texts
    [wish] = wishes(read(texts, predict("x", "fines", 0.4), predict("x", "hours")), unclear, domain)
    assert (wish.prediction.intent, wish.query) == ("fines", "late on Sunday, fines")


def test_a_long_question_before_does_not_crowd_out_the_message(domain: Domain) -> None:
    joined = reading("and films?", tracker("do you lend " + "very " * 400 + "old books?"), domain).joined
    assert joined is not None
    assert joined.endswith("very old books, and films?")
    assert len(joined) < 320
