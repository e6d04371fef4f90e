"""What of a message, and of what was said before it, the model is to read; and which of the readings hold.

A message is read in one batch, and so in one pass of the encoder: the message alone; if it is short, together with the
last question, on which it may lean ("and for shoes?"), and with the thing that the question was about; and its two
halves, if it may hold two wishes. Which of them hold can only be told from the predictions. To read the texts together
beats a bias towards the last article: it also finds the article next to it ("and for Norway?").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agent.dialogue.entities import find_name
from agent.dialogue.forms import INTERRUPT, corrects, is_question
from agent.dialogue.tracker import Clarification, Tracker
from agent.domain import Domain, Intent
from agent.text import bare_words
from agent.types import Prediction

# Least confidence of each of two wishes in one message; a wrong split loses what was meant as one.
SPLIT = 0.6
# By how much the message alone has to be surer than together with the last question.
_ALONE_LEAD = 0.1
_LEANING_WORDS = 9
_BARE_WORDS = 3
_SHORT_WORDS = 5
_CLAUSE_WORDS = 2
# Characters of what was said before, so that the message itself is not cut off where the encoder's input ends.
_MOST_BEFORE = 300

_OPENS = re.compile(
    r"^(?:(?:ok(?:ay)?|thanks|thank you|cool|great|hm+|oh|right|alright|fine|good)[ ,.!]+)*"
    r"(?:and|or|also|what about|how about|what if|same (?:for|with)|even|but|then|so)\b",
    re.IGNORECASE,
)
# "And for shoes?": says nothing by itself.
_BARE = re.compile(
    r"^(?:(?:ok(?:ay)?|thanks|cool|great|hm+|oh|right)[ ,.!]+)*(?:what about|how about|same (?:for|with)"
    r"|(?:and|or) (?:for|to|in|on|by|with|the|a|an|my|if))\b",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:it|its|that|this|they|them|their|those|these|one|ones|there(?! (?:is|are|was|were)))\b", re.IGNORECASE
)
# Between two wishes: an end of a sentence, or a conjunction before what can begin a wish of its own.
_WISH = (
    r"(?:please |also |then |can |could |would )*(?:what|how|when|where|who|why|which|do|does|did|can|could|is|are|will"
    r"|would|may|i|i['’]?d|i['’]?m|my|tell|show|cancel|change|track|return|send|start|give|check)\b"
)
_BETWEEN = re.compile(
    rf"(?:[?!.;]+\s+(?:(?:and|also|oh|plus)[ ,]+)*(?={_WISH})"
    rf"|,?\s+(?:and(?: also| then)?|also|plus|oh and|but)\s+(?={_WISH}))",
    re.IGNORECASE,
)
_FIRST = frozenset({"1", "first", "the first", "first one", "the first one", "the former"})
_SECOND = frozenset({"2", "second", "the second", "second one", "the second one", "the latter"})
_CHOICE_WORDS = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish of a message."""

    prediction: Prediction
    """``text`` is what was said of it in this message; the query vector is of ``query``."""
    query: str
    """What to search for."""
    leaned: bool = False
    """Whether it was read together with the last question."""
    before: str = ""
    """An unclear message whose values count too, now that its meaning has been chosen."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The texts to read for one message; None or empty where there is nothing to read."""

    alone: str
    joined: str | None = None
    """The last question and the message."""
    about: str | None = None
    """The message and the thing that the last question was about, or what a quick reply was offered for."""
    halves: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """All texts, each once, the message first."""
        return list(dict.fromkeys(t for t in (self.alone, self.joined, self.about, *self.halves) if t))


def reading(text: str, tracker: Tracker, domain: Domain) -> Reading:
    """What to read for the message ``text``."""
    offered = domain.intents.get(tracker.offered.get(bare_words(text), ""))
    if offered is not None:
        return Reading(text, about=f"{text.rstrip(' ?.!')} ({offered.title})")
    halves = _halves(text)
    if tracker.clarification is not None:
        return Reading(text, _join(tracker.clarification.text, text), halves=halves)
    last = tracker.last_question
    # Within a form a short message is a value more often than not.
    may_lean = leans(text) or (len(text.split()) <= _LEANING_WORDS and tracker.form is None)
    if last is None or halves or not may_lean:
        return Reading(text, halves=halves)
    if not _POINTS.search(text):
        return Reading(text, _join(last, text))
    # "And to Iceland?", then "how long does it take there?"
    before = _join(last, tracker.last_follow_up) if tracker.last_follow_up else last
    names = (find_name(before, entity) for entity in domain.entities.values() if entity.kind == "gazetteer")
    thing = next((name for name in names if name), None)
    return Reading(text, _join(before, text), f"{text.rstrip(' ?.!')} ({thing})" if thing else None)


def leans(text: str) -> bool:
    """Whether a short message leans on the one before it by its form."""
    words = len(text.split())
    return words <= _LEANING_WORDS and bool(
        _OPENS.search(text) or _POINTS.search(text) or corrects(text) or _is_bare(text)
    )


def wishes(predictions: Sequence[Prediction], tracker: Tracker, domain: Domain) -> list[Wish]:
    """The wishes of a message, in order: mostly one. ``predictions`` are those of ``reading(...).texts``."""
    alone = predictions[0]
    found = {p.text: p for p in predictions}
    plan = reading(alone.text, tracker, domain)
    if tracker.clarification is not None:
        joined = found[plan.joined or alone.text]
        if choice(alone, tracker.clarification, domain) is not None:
            clear = replace(alone, query_vector=joined.query_vector)
            return [Wish(clear, joined.text, before=tracker.clarification.text)]
    elif plan.joined is None and plan.about is not None:
        return [Wish(replace(alone, query_vector=found[plan.about].query_vector), plan.about)]
    elif plan.joined is not None and leans(alone.text):
        return [_follow_up(alone, found[plan.joined], found.get(plan.about or ""), tracker, domain)]
    elif plan.joined is not None and _goes_on(alone, found[plan.joined], tracker, domain):
        return [_together(alone, found[plan.joined])]
    if plan.halves and (tracker.form is None or is_question(plan.halves[1])):
        halves = [replace(found[half], sentiment=alone.sentiment) for half in plan.halves]
        sure = [_is_sure(half, SPLIT, domain) for half in halves]
        if tracker.form is not None and sure[1]:
            return [Wish(half, half.text) for half in halves]
        if tracker.form is None and all(sure) and halves[0].intent != halves[1].intent:
            # A greeting or thanks beside a wish needs no answer of its own.
            wanted = [half for half in halves if domain.intents[half.intent or ""].route != "reply"]
            return [Wish(half, half.text) for half in wanted or halves]
    return [Wish(alone, alone.text)]


def choice(prediction: Prediction, clarification: Clarification, domain: Domain) -> Intent | None:
    """The intent that the person picked from two: by its title, by its place, or in other words."""
    said = bare_words(prediction.text)
    options = [domain.intents[name] for name in clarification.options if name in domain.intents]
    for intent in options:
        if said == bare_words(intent.title):
            return intent
    place = 0 if said in _FIRST else 1 if said in _SECOND else len(options)
    if place < len(options):
        return options[place]
    names = [intent.name for intent in options]
    if len(said.split()) <= _CHOICE_WORDS and prediction.intent in names:
        likely = {r.name: r.confidence for r in prediction.intents if r.name in names}
        if 2 * min(likely.values()) <= max(likely.values()) and len(likely) == len(names):
            return domain.intents[prediction.intent or ""]
    return None


def _follow_up(
    alone: Prediction, joined: Prediction, about: Prediction | None, tracker: Tracker, domain: Domain
) -> Wish:
    """A message that leans: on its own if that is the better reading, else together with the last question."""
    if _stands_alone(alone, joined, tracker, domain):
        searched = about or alone
        return Wish(replace(alone, query_vector=searched.query_vector), searched.text)
    return _together(alone, joined)


def _together(alone: Prediction, joined: Prediction) -> Wish:
    # The last question must not outweigh what is new, or its own answer is found again.
    vector = joined.query_vector + alone.query_vector
    both = replace(joined, text=alone.text, sentiment=alone.sentiment, query_vector=vector / np.linalg.norm(vector))
    return Wish(both, joined.text, leaned=True)


def _goes_on(alone: Prediction, joined: Prediction, tracker: Tracker, domain: Domain) -> bool:
    """Whether a message that does not lean by its form ("do I need to print it?") is clear only as more of the last
    question, and about the same.
    """
    in_scope = alone.out_of_scope < alone.out_of_scope_threshold
    same = joined.intent == tracker.last_intent and alone.intent != joined.intent
    return in_scope and same and not _is_sure(alone, INTERRUPT, domain) and _is_sure(joined, INTERRUPT, domain)


def _stands_alone(alone: Prediction, joined: Prediction, tracker: Tracker, domain: Domain) -> bool:
    text = alone.text
    sure = _is_sure(alone, INTERRUPT, domain)
    if _is_talk(alone, domain):
        return sure
    if _is_bare(text):
        return False
    surer = alone.confidence > joined.confidence + _ALONE_LEAD
    if sure and surer and alone.intent != tracker.last_intent:
        # The last question only blurs a wish that is new ("then I'd rather swap it").
        return True
    if corrects(text):
        return False
    if _POINTS.search(text):
        in_scope = alone.out_of_scope < alone.out_of_scope_threshold
        return in_scope and surer and alone.intent != joined.intent
    return sure


def _is_bare(text: str) -> bool:
    words = len(text.split())
    return (words <= _BARE_WORDS and "?" in text) or (words <= _SHORT_WORDS and _BARE.search(text) is not None)


def _is_talk(prediction: Prediction, domain: Domain) -> bool:
    """Whether it is small talk or the wish for a person, which lean on nothing."""
    intent = domain.intents.get(prediction.intent or "")
    return intent is not None and intent.route in ("reply", "handoff")


def _is_sure(prediction: Prediction, least: float, domain: Domain) -> bool:
    in_scope = prediction.out_of_scope < prediction.out_of_scope_threshold
    return in_scope and prediction.intent in domain.intents and prediction.confidence >= least


def _halves(text: str) -> tuple[str, ...]:
    """The two clauses of a message that may hold two wishes; empty if there is no place or more than one to cut."""
    places = list(_BETWEEN.finditer(text))
    if len(places) != 1:
        return ()
    cut = places[0]
    end = cut.start() + len(cut[0]) - len(cut[0].lstrip("?!."))
    halves = (text[:end].strip(" ,"), text[cut.end() :].strip())
    return halves if all(len(half.split()) >= _CLAUSE_WORDS or half.isdigit() for half in halves) else ()


def _join(before: str, text: str) -> str:
    return f"{before[-_MOST_BEFORE:].rstrip(' .,!?')}, {text}"
