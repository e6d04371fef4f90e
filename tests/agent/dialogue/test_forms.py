from __future__ import annotations

import pytest

from agent.dialogue.forms import Step, says, step
from agent.dialogue.tracker import FormState
from agent.domain import Domain
from agent.types import Prediction
from agent.wordings import CANCEL, NO, YES
from tests.agent.dialogue.small_app import predict

ASKS_CARD = FormState("reserve", "reservation", {}, asking="card")
ASKS_BOOK = FormState("reserve", "reservation", {"card": "C-1234"}, asking="book")
ASKS_NOTE = FormState("reserve", "reservation", {"card": "C-1234", "book": "Emma"}, asking="note")
CONFIRMS = FormState("reserve", "reservation", {"card": "C-1234", "book": "Emma", "note": "-"}, confirming=True)
WAITS = FormState("loan_status", None, {}, asking="card")


@pytest.mark.parametrize(
    ("state", "prediction", "entities", "expected"),
    [
        (ASKS_CARD, predict("1234", "person", 0.4), {"card": "C-1234"}, "filled"),
        (ASKS_CARD, predict("is it 1234?", "hours", 0.9), {"card": "C-1234"}, "filled"),
        (ASKS_CARD, predict("blue", "hours", 0.3), {}, "asked again"),
        (ASKS_CARD, predict("never mind", "greeting", 0.6), {}, "cancelled"),
        (ASKS_CARD, predict("never mind, 1234", "hours", 0.2), {"card": "C-1234"}, "filled"),
        (ASKS_CARD, predict("when do you open?", "hours", 0.9), {}, "aside"),
        (ASKS_CARD, predict("when do you open?", "hours", 0.5), {}, "asked again"),
        (ASKS_CARD, predict("is the moon real?", "hours", 0.9, out_of_scope=0.6), {}, "asked again"),
        (ASKS_CARD, predict("where is my book", "loan_status", 0.9), {}, "left"),
        (ASKS_CARD, predict("a person please", "person", 0.9), {}, "left"),
        (ASKS_CARD, predict("I want to reserve a book", "reserve", 0.9), {}, "asked again"),
        (ASKS_NOTE, predict("it was closed last time", "hours", 0.9), {"note": "it was closed last time"}, "filled"),
        (ASKS_NOTE, predict("when do you open?", "hours", 0.9), {"note": "when do you open?"}, "aside"),
        (ASKS_NOTE, predict("cancel", "hours", 0.2), {"note": "cancel"}, "cancelled"),
        (ASKS_BOOK, predict("no, 5678", "hours", 0.3), {"card": "C-5678", "book": "no, 5678"}, "filled"),
        (CONFIRMS, predict("yes please", "greeting", 0.9), {}, "confirmed"),
        (CONFIRMS, predict("no", "greeting", 0.9), {}, "denied"),
        (CONFIRMS, predict("the card is 5678", "person", 0.4), {"card": "C-5678"}, "filled"),
        (CONFIRMS, predict("stop", "greeting", 0.9), {}, "cancelled"),
        (CONFIRMS, predict("hm", "greeting", 0.3), {}, "asked again"),
        (WAITS, predict("stop the loan", "loan_status", 0.9), {}, "asked again"),
        (WAITS, predict("stop", "fines", 0.3), {}, "cancelled"),
    ],
)
def test_steps(
    domain: Domain, state: FormState, prediction: Prediction, entities: dict[str, str], expected: Step
) -> None:
    assert step(prediction.text, prediction, state, entities, domain) == expected


@pytest.mark.parametrize(
    ("text", "phrases", "expected"),
    [
        ("Yes!", YES, True),
        ("ok, that's right", YES, True),
        ("no", YES, False),
        ("yesterday", YES, False),
        ("No, thanks.", NO, True),
        ("Never mind.", CANCEL, True),
        ("please cancel", CANCEL, True),
        ("I do not want to stop my subscription to the newsletter", CANCEL, False),
        ("", YES, False),
        ("👍", YES, False),
    ],
)
def test_short_words_are_understood_in_short_messages_alone(
    text: str, phrases: tuple[str, ...], expected: bool
) -> None:
    assert says(text, phrases) is expected
