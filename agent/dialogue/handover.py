"""Passing a conversation to a person, with a summary of it.

The summary stands in the tracker, and so in the store, for whoever takes the conversation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.dialogue.router import HELD, code_of
from agent.dialogue.speech import Speech
from agent.dialogue.tracker import Note, Summary, Tracker
from agent.dialogue.turn import RESUME, Turn
from agent.domain import Domain

_MOST_NOTES = 30
_MOST_CHARACTERS = 200


class Handover:
    """Hand-overs of one app. Holds no state of a conversation; safe for many threads."""

    def __init__(self, domain: Domain, speech: Speech) -> None:
        self._domain = domain
        self._speech = speech

    def begin(self, turn: Turn) -> None:
        """Give the conversation to a person, or tell that it is with one already."""
        held = code_of(turn.route) == HELD
        if not held:
            self.hold(turn.tracker, turn.route.reason)
        turn.ask("", ())
        turn.quick_replies.clear()
        self._speech.say(turn, "with_person" if held else "handoff")
        if not held and self._domain.handoff.message:
            turn.parts.append(self._speech.filled(self._domain.handoff.message, turn, {}))
        turn.quick_replies.append(RESUME)

    def hold(self, tracker: Tracker, reason: str) -> None:
        """The conversation is with a person from now on; what was under way is left."""
        slots = tracker.slots | (tracker.form.slots if tracker.form else {})
        tracker.summary = Summary(reason, [], slots, [], {})
        tracker.holder = "person"
        tracker.form, tracker.later = None, None
        self._sum_up(tracker)

    def note(self, turn: Turn) -> None:
        """Remember the turn; bring the summary up to date while a person has the conversation."""
        tracker = turn.tracker
        article = tracker.last_article if turn.citations else None
        for step in turn.steps:
            text = step.prediction.text[:_MOST_CHARACTERS]
            tracker.notes.append(Note(text, step.route.kind, step.route.intent, article, turn.mood))
        del tracker.notes[:-_MOST_NOTES]
        self._sum_up(tracker)

    def _sum_up(self, tracker: Tracker) -> None:
        if tracker.holder == "person" and tracker.summary is not None:
            tracker.summary.wishes = self._wishes(tracker.notes)
            tracker.summary.turns = list(tracker.notes)
            tracker.summary.moods = dict(Counter(note.mood for note in tracker.notes))

    def _wishes(self, notes: Iterable[Note]) -> list[str]:
        intents = [self._domain.intents.get(note.intent or "") for note in notes]
        return list(dict.fromkeys(i.title for i in intents if i and i.route not in ("reply", "handoff")))
