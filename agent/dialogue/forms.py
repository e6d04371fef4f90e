"""What a message means to the form (or the waiting action) of its conversation: one pure function.

Decides nothing about words; the router turns the step into a route and the policy acts on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from agent.dialogue.tracker import FormState
from agent.domain import Domain, Intent
from agent.types import Prediction

Step = Literal["cancelled", "confirmed", "denied", "filled", "aside", "left", "asked again"]
"""cancelled, confirmed, denied: the person said so. filled: a value came (also in place of an older one).
aside: another question, to be answered before the form goes on. left: another wish takes the form's place.
asked again: nothing usable."""

# A value beside other words ("never mind, it is 48213") is more than a cancel or a yes.
_SHORT_WORDS = 6
# A message of so few words that holds a value is hardly more than that value.
_VALUE_WORDS = 3
# Least confidence of another intent to interrupt a form; higher than for a first message, as a form is likely meant.
INTERRUPT = 0.6
_QUESTION = re.compile(
    r"\?\s*$|^(?:(?:and|but|oh|hi|hey|wait|also|by the way|btw|quick question)[ ,:]+)*"
    r"(?:what|how|when|where|who|why|which|do|does|can|could|is|are|will|would|may)\b",
    re.IGNORECASE,
)


# What may stand before a short word that counts.
_FILLERS = re.compile(r"^(?:(?:oh|ah|ok|okay|well|actually|h+m+|um|sorry|please|thanks) )+")
# What begins or marks a message that puts an earlier one right, with something after it.
_CORRECTION = re.compile(
    r"^(?:(?:no|nope|oh|oops|sorry|wait|hang on|ah|actually|correction|my mistake|my bad|whoops)\b[\s,.!:-]*)+(?=\w)"
    r"|\b(?:i meant?|i should have said|instead of|rather than|not the)\b",
    re.IGNORECASE,
)


def step(text: str, prediction: Prediction, state: FormState, entities: Mapping[str, str], domain: Domain) -> Step:
    """What ``text`` does to ``state``; ``entities`` were found in it with the asked slot expected."""
    wanted = set(needed(state, domain))
    entities = usable(text, state, entities, domain)
    values = {slot for slot in entities if slot in wanted or slot in state.slots}
    open_value = values == {state.asking} and _takes_any_text(state, domain)
    if (not values or open_value) and _gives_up(text, prediction, state, domain):
        return "cancelled"
    other = _other_wish(text, prediction, state, domain)
    if other is not None and (
        not values or open_value or (is_question(text) and not _is_plain_value(text, state, entities))
    ):
        return "aside" if other.route in ("answer", "reply") else "left"
    if values:
        return "filled"
    if state.confirming:
        if says(text, domain.no):
            return "denied"
        if says(text, domain.yes):
            return "confirmed"
    return "asked again"


def usable(text: str, state: FormState, entities: Mapping[str, str], domain: Domain) -> dict[str, str]:
    """Those of ``entities`` that the form or action should take.

    Where any text may be the value that was asked for, the message is either that value, and then it changes no
    slot that is filled already ("the boots are too small" says nothing new of the item), or it puts such a slot
    right ("sorry, I meant the tent"), and then it is no value for the one that was asked for.
    """
    asked = state.asking
    if asked is None or asked not in entities or not _takes_any_text(state, domain):
        return dict(entities)
    # An open entity may also have found one of its names, which is no whole text.
    if entities[asked] in domain.entities[domain.slots[asked].entity].values:
        return dict(entities)
    corrected = {s: v for s, v in entities.items() if s != asked and state.slots.get(s, v) != v}
    if corrected and (corrects(text) or len(text.split()) <= _VALUE_WORDS):
        return corrected
    return {s: v for s, v in entities.items() if s == asked or s not in state.slots}


def is_doubtful(text: str, state: FormState, entities: Mapping[str, str], domain: Domain) -> bool:
    """Whether the value that was asked for is a whole text that reads like a question."""
    found = usable(text, state, entities, domain)
    return set(found) == {state.asking} and _takes_any_text(state, domain) and is_question(text) and "?" in text


def corrects(text: str) -> bool:
    """Whether the message puts an earlier one right: "no, 48213", "sorry, I meant the tent"."""
    return _CORRECTION.search(text) is not None


def is_question(text: str) -> bool:
    """Whether the message asks something, by its mark or by how it begins."""
    return _QUESTION.search(text) is not None


def needed(state: FormState, domain: Domain) -> tuple[str, ...]:
    """All slots that the form or action wants, in order, and the one it asked for by itself."""
    slots = domain.forms[state.form].slots if state.form else domain.intents[state.intent].slots
    return (*slots, state.asking) if state.asking and state.asking not in slots else slots


def says(text: str, phrases: Iterable[str]) -> bool:
    """Whether a short text is one of the phrases, alone or with a few words around it."""
    words = " ".join(re.findall(r"\w+", re.sub(r"['’]", "", text.casefold())))
    if not 0 < len(words.split()) <= _SHORT_WORDS:
        return False
    forms = (f"{words} ", f"{_FILLERS.sub('', words)} ")
    return any(
        f"{words} ".endswith(f" {phrase} ") or any(f.startswith(f"{phrase} ") for f in forms) for phrase in phrases
    )


def _gives_up(text: str, prediction: Prediction, state: FormState, domain: Domain) -> bool:
    """Whether the person cancels the form or action. "Cancel it" said to the bot that wants to cancel an order is
    the wish itself; "forget it" is not.
    """
    if state.form is None and prediction.intent == state.intent:
        return says(text, [phrase for phrase in domain.cancel if " " in phrase and "cancel" not in phrase])
    return says(text, domain.cancel)


def _other_wish(text: str, prediction: Prediction, state: FormState, domain: Domain) -> Intent | None:
    """The intent that interrupts the form, if the message is clear enough about it."""
    intent = domain.intents.get(prediction.intent or "")
    own = {state.intent} | {i.name for i in domain.intents.values() if state.form and i.form == state.form}
    if intent is None or intent.name in own or prediction.out_of_scope >= prediction.out_of_scope_threshold:
        return None
    if prediction.confidence < max(INTERRUPT, domain.thresholds.confidence):
        return None
    # Yes and no are read by the classifier as small talk; within a form they are answers.
    if says(text, (*domain.yes, *domain.no)):
        return None
    if intent.route == "reply" and state.confirming and not is_question(text):
        return None
    # A text that may be the value itself ("they were the wrong size") counts as the value unless it asks something.
    if state.asking and _takes_any_text(state, domain) and intent.route != "handoff" and not is_question(text):
        return None
    return intent


def _takes_any_text(state: FormState, domain: Domain) -> bool:
    if state.asking is None:
        return False
    entity = domain.entities[domain.slots[state.asking].entity]
    return entity.kind == "text" or entity.open


def _is_plain_value(text: str, state: FormState, entities: Mapping[str, str]) -> bool:
    """Whether the message is hardly more than the value that was asked for: "48213", "it's 48213?"."""
    return state.asking in entities and len(text.split()) <= _VALUE_WORDS
