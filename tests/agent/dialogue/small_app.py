"""A library's help desk as a small app, and predictions and passages made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agent.types import Prediction, Ranked, Sentiment, SentimentLabel
from index.documents import Passage
from index.knowledge import Hit

TOML = """
[app]
name = "library"
title = "The library"
description = "Help desk."
greeting = "Hello."
disclosure = "I am a machine."
examples = ["Where is my book?", "When do you open?"]
contact = "Call 555-0100."

[thresholds]
confidence = 0.5
margin = 0.2
knowledge = 0.4

[intents.loan_status]
title = "a loan"
route = "action"
action = "loan_status"
slots = ["card"]

[intents.reserve]
title = "reserving a book"
route = "form"
form = "reservation"

[intents.hours]
title = "opening hours"
route = "answer"

[intents.fines]
title = "fines"
route = "answer"
response = "about_fines"

[intents.person]
title = "a person"
route = "handoff"

[intents.greeting]
title = "hello"
route = "reply"
response = "greeting"

[slots.card]
entity = "card"
title = "Card"
intent = "loan_status"
prompt = ["Which card?", "What is the card's number?"]

[slots.book]
entity = "book"
remember = false
options = ["Emma"]
prompt = ["Which book?"]

[slots.note]
entity = "anything"
remember = false
prompt = ["Any note?"]

[slots.day]
entity = "day"
remember = false

[entities.card]
kind = "pattern"
format = "C-{}"
pattern = ['(?i)\\bc-?(\\d{4})\\b', '\\b(\\d{4})\\b']

[entities.book]
kind = "gazetteer"
open = true
values = { "Emma" = ["emma woodhouse"], "Middlemarch" = ["middle march"], "War and Peace" = [] }

[entities.anything]
kind = "text"

[entities.day]
kind = "date"

[forms.reservation]
title = "your reservation"
slots = ["card", "book", "note"]
check = "check_reservation"
action = "reserve"

[responses.greeting]
neutral = ["Hello.", "Good day.", "Hi."]
negative = ["Hello, what is wrong?"]

[responses.about_fines]
neutral = ["About fines:"]
negative = ["I am sorry about the fine:"]
"""

ACTIONS = """
from agent.dialogue.actions import ActionContext, ActionError, ActionResult, action, inert
from agent.types import Figure

@action("loan_status")
def loan_status(context: ActionContext) -> ActionResult:
    card = context.slots["card"]
    if card == "C-0000":
        return ActionResult(f"No card {card}.", missing="card")
    if card == "C-9999":
        raise ActionError("disk I/O error")
    loans = Figure("Loans", "/v1/library/loans.svg", "/v1/library/loans.png", "/v1/library/loans.csv")
    return ActionResult(f"Card {card}: due on Friday.", figures=(loans,))

@action("check_reservation")
def check(context: ActionContext) -> ActionResult:
    if context.slots.get("card") == "C-0000":
        return ActionResult("That card is closed.")
    if context.slots.get("book") == "Ulysses":
        return ActionResult("We have no such book.", missing="book")
    return ActionResult("", done=False)

@action("reserve")
def reserve(context: ActionContext) -> ActionResult:
    (context.data_folder / "reserved").write_text(repr(sorted(context.slots.items())))
    return ActionResult(f"Reserved {inert(context.slots['book'])}.")
"""

EXAMPLES = """{"text": "where is my book", "intent": "loan_status"}
{"text": "keep a book for me", "intent": "reserve"}
{"text": "when do you open", "intent": "hours"}
{"text": "how much is the fine", "intent": "fines"}
{"text": "a person please", "intent": "person"}
{"text": "hello", "intent": "greeting"}
"""

OPENING = "---\ntitle: Opening hours\nintent: hours\n---\nWe open at nine. We close at six.\n"


def make_app(parent: Path) -> Path:
    """Write the app into ``parent/library`` and return that folder."""
    folder = parent / "library"
    (folder / "knowledge").mkdir(parents=True)
    (folder / "domain.toml").write_text(TOML, encoding="utf-8")
    (folder / "actions.py").write_text(ACTIONS, encoding="utf-8")
    (folder / "examples.jsonl").write_text(EXAMPLES, encoding="utf-8")
    (folder / "knowledge" / "opening.md").write_text(OPENING, encoding="utf-8")
    return folder


def predict(
    text: str,
    intent: str = "hours",
    confidence: float = 0.9,
    second: str = "fines",
    *,
    rest: float | None = None,
    out_of_scope: float = 0.1,
    mood: SentimentLabel = "neutral",
    unknown_share: float = 0.0,
) -> Prediction:
    """A prediction with two intents; ``rest`` is the second's confidence."""
    others = [m for m in ("negative", "neutral", "positive") if m != mood]
    return Prediction(
        text=text,
        intents=(Ranked(intent, confidence), Ranked(second, 1 - confidence if rest is None else rest)),
        out_of_scope=out_of_scope,
        out_of_scope_threshold=0.5,
        sentiment=Sentiment(mood, {mood: 0.9, others[0]: 0.05, others[1]: 0.05}),
        query_vector=np.full(4, 0.5, dtype=np.float32),
        model_version="test-1",
        unknown_share=unknown_share,
    )


def hit(
    text: str = "We open at nine. We close at six.",
    sentence: str | None = None,
    *,
    document: str = "opening",
    score: float = 0.7,
    heading: tuple[str, ...] = ("Hours",),
    number: int = 1,
) -> Hit:
    """A found passage; ``sentence`` (default: the first) is the one that answers."""
    sentence = sentence or text.partition(". ")[0] + ("." if ". " in text else "")
    start = text.index(sentence)
    passage = Passage(
        f"{document}#{number}", document, f"{document}.md", document.title(), heading, None, 0, len(text), text
    )
    return Hit(passage, score, score, score, sentence, start, start + len(sentence))


def is_word(text: str) -> bool:
    """Whether an encoder knows the word: all that are said here."""
    return bool(text)
