"""The state of one conversation between two turns, as JSON: a restart goes on where it was.

Holds no rules: the router reads it, the policy changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


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
    last_intent: str | None = None
    last_article: str | None = None
    """Document that the last answer cited."""
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
        return cls(**values)
