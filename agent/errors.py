"""Every error that Switchboard raises on purpose.

    SwitchboardError
    ├── ConfigError            a setting is unknown, of a wrong type, or contradicts another
    ├── DomainError            an app's declaration has mistakes (``mistakes`` lists them all)
    ├── ActionError            an app's action could not do its work; the dialogue says so and goes on
    ├── UnknownAppError        no app of that name
    ├── BadInputError          a message or request that cannot be taken (``code`` names why)
    ├── ConversationError      no such conversation for this client
    ├── HolderError            the conversation is with somebody else (``holder`` names who)
    ├── SignInError            wrong name or password, or too soon after failures (``retry_after`` seconds)
    ├── HeldError              a client's conversations must not be erased, by a legal hold
    ├── BusyError              the engine's queue is full; try again in ``retry_after`` seconds
    ├── RateLimitError         this client asked too often; try again in ``retry_after`` seconds
    ├── BackboneError          weights or tokenizer are missing, damaged or of another model
    ├── ModelError             a model version is missing, damaged or does not fit the backbone
    ├── GeneratorError         the optional generator brought nothing that may be used; the extractive answer stands
    ├── TrainingError          there is too little to learn from, or a run cannot go on
    └── StoreError             the database cannot be read or written
        ├── DiskFullError      the disk refuses to take more
        └── LockedError        another process serves or trains in this folder (``holder`` names it)

``index/`` stands below this package and has its own two errors (see ``index.documents``).

A message names the culprit and the remedy; what a program needs is an attribute. No constructor logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class SwitchboardError(Exception):
    """Base of all errors that a caller may want to show to a person."""


class ConfigError(SwitchboardError):
    """A setting is unknown, of a wrong type, or contradicts another."""


class DomainError(SwitchboardError):
    """An app's declaration has mistakes; ``mistakes`` holds one line each, with file and line."""

    def __init__(self, app: str, mistakes: Sequence[str]) -> None:
        self.app = app
        self.mistakes = list(mistakes)
        super().__init__(f"App '{app}' has {len(self.mistakes)} mistake(s):\n" + "\n".join(self.mistakes))


class ActionError(SwitchboardError):
    """An app's action could not do its work, and nothing was changed; the message is for the log."""


class UnknownAppError(SwitchboardError):
    """No app of that name is installed; ``available`` lists those that are."""

    def __init__(self, app: str, available: Sequence[str]) -> None:
        self.app = app
        self.available = sorted(available)
        super().__init__(f"No app '{app}'. Available: {', '.join(self.available) or 'none'}.")


class BadInputError(SwitchboardError):
    """A message that cannot be taken. ``code`` is stable and meant for programs."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ConversationError(SwitchboardError):
    """The conversation does not exist, or belongs to another client; the two look the same on purpose."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        super().__init__(
            f"No conversation '{conversation_id[:40]}' for this client. Leave conversation_id out to begin a new one."
        )


class HolderError(SwitchboardError):
    """An operator wants what only the one who holds the conversation may do; ``holder`` is None if nobody does."""

    def __init__(self, holder: str | None) -> None:
        self.holder = holder
        super().__init__(
            f"'{holder}' holds this conversation." if holder else "Nobody holds this conversation. Take it over first."
        )


class SignInError(SwitchboardError):
    """Nobody is signed in: name and password do not fit together, or it is too soon to say after failures."""

    def __init__(self, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"Too many failures to sign in. Try again in {retry_after:.0f} s."
            if retry_after
            else "Name and password do not fit together."
        )


class HeldError(SwitchboardError):
    """A legal hold keeps this client's conversations; nothing was erased."""

    def __init__(self, client_id: str, who: str, why: str, since: str) -> None:
        self.client_id = client_id
        super().__init__(
            f"Client {client_id} is held since {since[:10]} by {who} ({why}), so nothing was erased. "
            f"Once the hold is over: switchboard hold remove {client_id}"
        )


class BusyError(SwitchboardError):
    """The engine's queue is full."""

    def __init__(self, waiting: int, retry_after: float = 1.0) -> None:
        self.waiting = waiting
        self.retry_after = retry_after
        super().__init__(f"Busy: {waiting} messages are waiting. Try again in {retry_after:g} s.")


class RateLimitError(SwitchboardError):
    """One client asked more often than the settings allow."""

    def __init__(self, limit: int, retry_after: float) -> None:
        self.limit = limit
        self.retry_after = retry_after
        super().__init__(f"More than {limit} requests a minute. Try again in {retry_after:.0f} s.")


class BackboneError(SwitchboardError):
    """The backbone's weights or tokenizer are missing, damaged or of another model."""


class ModelError(SwitchboardError):
    """A model version is missing, damaged or does not fit the backbone."""


class GeneratorError(SwitchboardError):
    """The optional generator brought nothing that may be used; the message holds none of its text."""


class TrainingError(SwitchboardError):
    """There is too little to learn from, or a training run cannot go on."""


class StoreError(SwitchboardError):
    """The database cannot be read or written."""


class DiskFullError(StoreError):
    """The disk, or the quota on it, is full; what was asked has not been written at all."""


class LockedError(StoreError):
    """Another process works in this folder: it serves from there, or trains an app."""

    def __init__(self, folder: Path, holder: str) -> None:
        self.folder = folder
        self.holder = holder
        super().__init__(
            f"The folder {folder} is in use by {holder}. Wait for its end, stop it, or give another folder with --data."
        )
