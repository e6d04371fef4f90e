"""What an app's ``actions.py`` imports: the decorator, what an action is given and what it returns.

    @action("order_status")
    def order_status(context: ActionContext) -> ActionResult:
        ...

Knows nothing of models, routes or the store. An action runs in the thread of its turn, may be called from
many threads at once, and should be safe to repeat: the turn may fail to be stored after it has run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from agent.app_code import load_part
from agent.errors import ActionError, DomainError
from agent.types import Figure, QuickReply, SentimentLabel

__all__ = ["Action", "ActionContext", "ActionError", "ActionResult", "Actions", "action", "inert", "load_actions"]

_TAG = "__switchboard_action__"
# What Markdown, HTML or LaTeX may give a meaning to within a line, and what makes a bare address a link.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#!|~&$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an action may know of its turn."""

    app_folder: Path
    data_folder: Path
    """Folder of this app's own data; it exists."""
    conversation_id: str
    slots: Mapping[str, str]
    """Values by slot: those of this message, of the active form, and those remembered."""
    text: str
    """The person's message, normalised but not escaped; see ``inert``."""
    sentiment: SentimentLabel
    today: date


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action found or did. As a form's ``check`` it may also send the form back or end it."""

    text: str
    """Markdown. Whatever a person or a file supplied has to go through ``inert``."""
    quick_replies: tuple[QuickReply, ...] = ()
    figures: tuple[Figure, ...] = ()
    """Charts below the text."""
    missing: str | None = None
    """A slot to ask for (again), after ``text``; its old value is forgotten."""
    handoff: bool = False
    """Pass the conversation to a person, after ``text``."""
    done: bool = True
    """From a form's check: False lets the form go on, True ends it with ``text``."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Values to set, for instance in a canonical spelling."""


Action = Callable[[ActionContext], ActionResult]


def action(name: str) -> Callable[[Action], Action]:
    """Register a function as the action ``name`` of the app whose ``actions.py`` it stands in."""

    def tag(function: Action) -> Action:
        setattr(function, _TAG, name)
        return function

    return tag


def inert(text: str) -> str:
    """The text with all Markdown and HTML taken of its meaning, on one line: shown as it was written."""
    return (
        _MARKUP.sub(r"\\\1", " ".join(text.split()))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


class Actions(Mapping[str, Action]):
    """The actions of one app by name."""

    def __init__(self, app: str, functions: Mapping[str, Action]) -> None:
        self.app = app
        self._functions = dict(functions)

    def __getitem__(self, name: str) -> Action:
        return self._functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)


def load_actions(folder: Path) -> Actions:
    """The actions in ``folder/actions.py``, none if there is no such file. Runs it and what it imports anew.

    Raises DomainError if it cannot be imported or registers a name twice.
    """
    module = load_part(folder, "actions", again=True)
    if module is None:
        return Actions(folder.name, {})
    found: dict[str, Action] = {}
    for value in vars(module).values():
        tagged = getattr(value, _TAG, None)
        if isinstance(tagged, str):
            if tagged in found:
                raise DomainError(folder.name, [f"actions.py: two functions are registered as '{tagged}'."])
            found[tagged] = value
    return Actions(folder.name, found)
