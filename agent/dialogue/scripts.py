"""Scripted conversations: spoken turn by turn, and compared with what was expected.

Knows nothing of files (see ``script_file``) nor of where predictions and passages come from; both are handed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from agent.dialogue.dialogue import Dialogue, Search
from agent.dialogue.tracker import Tracker
from agent.dialogue.turn import Draft
from agent.text import clean
from agent.types import Prediction

Read = Callable[[Sequence[str]], Sequence[Prediction]]
"""From texts to their predictions, in order."""

NOTHING = "nothing"
"""What ``asks`` says of a reply that waits for no slot."""
CONFIRMATION = "confirmation"
"""What ``asks`` says of a form that waits for a yes."""


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    """A turn: what the person says, and what is expected of the reply; None and empty are not looked at."""

    number: int
    """From 1, in its conversation."""
    say: str
    route: str
    intent: str | None = None
    wishes: tuple[str, ...] = ()
    """Both intents of a message with two wishes, or the two that are asked about."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Values that the conversation or its form has after the turn."""
    article: str | None = None
    """A document that the reply cites."""
    asks: str | None = None
    """The slot that is asked for, or ``nothing``, or ``confirmation``."""
    text: str | None = None
    """Words of the reply, in any case; of several that are parted by ``|`` one will do."""


@dataclass(frozen=True, slots=True)
class Script:
    """One conversation of a file."""

    file: str
    line: int
    name: str
    today: date
    turns: tuple[ScriptTurn, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that was not met."""

    script: Script
    turn: ScriptTurn
    what: str
    expected: str
    got: str


def rehearse(script: Script, dialogue: Dialogue, read: Read, search: Search) -> list[Miss]:
    """Speak a conversation with a dialogue that takes ``script.today`` for its day, and compare every reply.

    The state goes through JSON between turns, as it does in the store.
    """
    tracker = Tracker(f"{script.file}:{script.line}", dialogue.app)
    misses: list[Miss] = []
    for turn in script.turns:
        tracker = Tracker.from_dict(json.loads(json.dumps(tracker.to_dict())))
        said = clean(turn.say, len(turn.say))
        draft = dialogue.reply(said, read(dialogue.texts(said, tracker)), tracker, search)
        misses += [Miss(script, turn, *found) for found in _compare(turn, draft, tracker)]
    return misses


def _compare(turn: ScriptTurn, draft: Draft, tracker: Tracker) -> Iterator[tuple[str, str, str]]:
    """What, expected and got, of each expectation that the reply does not meet."""
    route, form = draft.route, tracker.form
    if route.kind != turn.route:
        yield "route", turn.route, f"{route.kind} ({route.reason})"
    if turn.intent is not None and route.intent != turn.intent:
        yield "intent", turn.intent, f"{route.intent} ({route.reason})"
    if turn.wishes and route.options != turn.wishes:
        yield "wishes", ", ".join(turn.wishes), f"{', '.join(route.options) or 'one'} ({route.reason})"
    slots = tracker.slots | (form.slots if form else {})
    if tracker.holder == "person" and tracker.summary is not None:
        slots |= tracker.summary.slots
    for slot, value in turn.slots.items():
        if slots.get(slot) != value:
            yield f"slot {slot}", value, slots.get(slot, "none")
    cited = [citation.passage_id.partition("#")[0] for citation in draft.citations]
    if turn.article is not None and turn.article not in cited:
        yield "article", turn.article, ", ".join(cited) or "none"
    asks = NOTHING if form is None else CONFIRMATION if form.confirming else form.asking or NOTHING
    if turn.asks is not None and asks != turn.asks:
        yield "asks", turn.asks, asks
    if turn.text is not None and not any(t.casefold() in draft.text.casefold() for t in turn.text.split("|")):
        yield "text", turn.text, draft.text
