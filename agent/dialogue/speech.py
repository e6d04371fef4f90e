"""The words of a reply: an app's wordings by mood, none twice in a row, and passages quoted with their marks.

Knows nothing of what is to be done; it is told which response to say.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

from agent.dialogue.actions import inert
from agent.dialogue.answers import Answer, cite
from agent.dialogue.turn import CANCEL, PERSON, Turn
from agent.domain import Domain, Intent
from agent.types import QuickReply

_PLACE = re.compile(r"\{(\w+)\}")


class Speech:
    """Wordings of one app. Holds no state of a conversation; safe for many threads."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def say(self, turn: Turn, name: str, **values: str) -> None:
        """Add a response in the turn's mood."""
        turn.parts.append(self.pick(turn, name, **values))

    def pick(self, turn: Turn, name: str, **values: str) -> str:
        """The next wording of a response in the turn's mood, filled."""
        wordings = self._domain.wordings(name, turn.mood)
        return self.filled(self._next(turn, f"{name}.{turn.mood}", wordings), turn, values)

    def question(self, turn: Turn, slot: str) -> str:
        """The next wording of the slot's prompt."""
        return self.filled(self._next(turn, f"prompt.{slot}", self._domain.slots[slot].prompt), turn, {})

    def slot_replies(self, slot: str) -> tuple[QuickReply, ...]:
        """The quick replies under a slot's prompt."""
        return (*(QuickReply(option, option) for option in self._domain.slots[slot].options), CANCEL)

    def quote(self, turn: Turn, found: Sequence[Answer], lead_in: str) -> None:
        """Add a response and after it the answers, each with the mark of its citation."""
        self.say(turn, lead_in)
        for answer in found:
            turn.citations.append(cite(answer.hit, self._domain.name, answer.score))
            # A mark behind a table's last row would become a cell of it.
            gap = "\n\n" if answer.text.endswith("|") else " "
            turn.parts.append(f"{answer.text}{gap}[{len(turn.citations)}]")
            turn.tracker.last_article = answer.hit.passage.document_id

    def offer(self, turn: Turn, intent: Intent | None) -> None:
        """Offer what mostly follows, and a person to somebody who is not happy."""
        if intent is not None:
            turn.quick_replies += [QuickReply(text, text) for text in intent.follow_ups]
        if turn.mood == "negative":
            turn.quick_replies.append(PERSON)

    def _next(self, turn: Turn, key: str, wordings: Sequence[str]) -> str:
        """The wording after the one used last; a conversation begins anywhere, but always at the same place."""
        used = turn.tracker.used_responses
        start = zlib.crc32(f"{turn.tracker.conversation_id} {key}".encode())
        used[key] = (used[key] + 1 if key in used else start) % len(wordings)
        return wordings[used[key]]

    def filled(self, wording: str, turn: Turn, values: Mapping[str, str]) -> str:
        """The wording with its ``{places}`` filled; values of slots are made inert."""
        general = {
            "title": self._domain.title,
            "contact": self._domain.contact,
            "topics": _listed(self._domain.topics()),
        }
        slots = {name: inert(value) for name, value in turn.tracker.slots.items()}
        filled = slots | general | dict(values)
        return _PLACE.sub(lambda m: filled.get(m[1], ""), wording).strip()


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles[:-1]) + (" and " if len(titles) > 1 else "") + (titles[-1] if titles else "")
