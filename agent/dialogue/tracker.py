"""The state of one conversation between two turns, as JSON: a restart goes on where it was.

Holds no rules: the router reads it, the policy changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from agent.types import RouteKind, SentimentLabel


@dataclass
class FormState:
    """A form, or an action that waits for a slot."""

    intent: str
    """What the person wanted."""
    form: str | None
    """None: an action of the intent waits for its slots."""
    slots: dict[str, str] = field(default_factory=dict)
    asking: str | None = None
    """The slot asked for last; None while the form waits for a yes."""
    confirming: bool = False


@dataclass
class Clarification:
    """Two intents between which the bot has asked back."""

    options: tuple[str, ...]
    text: str
    """The message that was unclear."""


@dataclass
class Later:
    """The second wish of a message whose first one still waits for a slot."""

    intent: str
    slots: dict[str, str]


@dataclass
class Note:
    """One turn, as a person who takes over wants to read it."""

    text: str
    """The beginning of what was said."""
    kind: RouteKind
    intent: str | None
    article: str | None
    """Document that the reply cited first."""
    mood: SentimentLabel


@dataclass
class Summary:
    """What a person who takes the conversation over has to know."""

    reason: str
    """Why it was handed over."""
    wishes: list[str]
    """Titles of the intents, in the order in which they came up, each once."""
    slots: dict[str, str]
    turns: list[Note]
    """The latest turns, the last one included."""
    moods: dict[SentimentLabel, int]
    """How many of these turns were in each mood."""


@dataclass
class Tracker:
    """One conversation; ``Tracker(id, app)`` is a new one."""

    conversation_id: str
    app: str
    turns: int = 0
    """Turns answered so far."""
    slots: dict[str, str] = field(default_factory=dict)
    """Values remembered for the whole conversation."""
    form: FormState | None = None
    clarification: Clarification | None = None
    holder: Literal["bot", "person"] = "bot"
    offered: dict[str, str] = field(default_factory=dict)
    """The quick replies under the last reply: bare words -> the intent that they stand for."""
    last_intent: str | None = None
    last_article: str | None = None
    """Document that the last answer cited."""
    last_question: str | None = None
    """The last message that could be understood by itself, for those that lean on it."""
    last_follow_up: str | None = None
    """The last message that leaned on that one."""
    last_result: str | None = None
    """What an action said last."""
    told: list[str] = field(default_factory=list)
    """Keys of the excerpts quoted so far (``answers.Answer.key``)."""
    later: Later | None = None
    notes: list[Note] = field(default_factory=list)
    """The latest turns."""
    summary: Summary | None = None
    """Written when a person takes over; kept when the bot comes back."""
    anger: int = 0
    """Turns in a row that were angry."""
    failures: int = 0
    """Turns in a row in which the bot could not do what was asked."""
    used_responses: dict[str, int] = field(default_factory=dict)
    """Key of a set of wordings -> the one used last, so that none comes twice in a row."""

    @property
    def expecting(self) -> str | None:
        """The slot that the person was just asked for."""
        return self.form.asking if self.form else None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Tracker:
        """The tracker that ``to_dict`` gave, also after a trip through JSON. Raises TypeError for unknown keys."""
        values = dict(state)
        if values.get("form") is not None:
            values["form"] = FormState(**values["form"])
        if values.get("clarification") is not None:
            found = values["clarification"]
            values["clarification"] = Clarification(tuple(found["options"]), found["text"])
        if values.get("later") is not None:
            values["later"] = Later(**values["later"])
        values["notes"] = _notes(values.get("notes", ()))
        if values.get("summary") is not None:
            values["summary"] = Summary(**{**values["summary"], "turns": _notes(values["summary"]["turns"])})
        return cls(**values)


def _notes(rows: Iterable[Mapping[str, Any]]) -> list[Note]:
    return [Note(**row) for row in rows]
