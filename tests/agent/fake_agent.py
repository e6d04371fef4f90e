"""A small Agent without model, index or database, for tests of what stands in front of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent.config import Settings
from agent.errors import ConversationError, SwitchboardError
from agent.schema import WHY_EXAMPLE
from agent.types import Feedback, Gone, Holder, Message, Prediction, Reply
from tests.agent.samples import prediction, reply

DOCUMENT = (
    "# Shipping\n\nParcels leave *daily*.\n\n## How long\n\n**They take three days.** Call us.\n\n## Costs\n\nFree.\n"
)
PASSAGE = "**They take three days.** Call us."


@dataclass
class FakePassage:
    id: str = "shipping#2"
    document_id: str = "shipping"
    source: str = "shipping.md"
    title: str = "Shipping"
    heading_path: tuple[str, ...] = ("Shipping", "How long")
    page: int | None = None
    start: int = DOCUMENT.index(PASSAGE)
    end: int = DOCUMENT.index(PASSAGE) + len(PASSAGE)
    text: str = PASSAGE


@dataclass
class FakeHit:
    passage: FakePassage = field(default_factory=FakePassage)
    score: float = 0.8
    dense: float = 0.7
    lexical: float = 0.9
    sentence: str = "They take three days."
    start: int = 2
    end: int = 23


class FakeAgent:
    """Remembers what it was asked; raises ``failure`` instead of answering if that is set."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.settings = Settings(data=data, **settings)
        self.domains: dict[str, Any] = dict.fromkeys(
            ("support", "finance"), SimpleNamespace(locale="en-GB", folder=data)
        )
        self.recommenders: dict[str, Any] = {}
        self.forgotten: list[tuple[str, str]] = []
        self.messages: list[Message] = []
        self.judged: list[Feedback] = []
        self.failure: Exception | None = None
        self.late_failure: Exception | None = None
        self.is_ready = True
        self.hold: threading.Event | None = None

    def _maybe_fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def reply(self, message: Message, gone: Gone | None = None) -> Reply:
        self._maybe_fail()
        if self.hold is not None:
            self.hold.wait(20)
        if message.conversation_id not in (None, "known"):
            raise ConversationError(str(message.conversation_id))
        self.messages.append(message)
        return reply(message.conversation_id or "begun", text=f"You said: {message.text}")

    def reply_stream(self, message: Message) -> Iterator[str | Reply]:
        whole = self.reply(message)
        yield from whole.text.partition(" ")
        if self.late_failure is not None:
            raise self.late_failure
        yield whole

    def predict(self, app: str, texts: Sequence[str]) -> list[Prediction]:
        self._maybe_fail()
        return [prediction(text) for text in texts]

    def search(self, app: str, text: str, k: int) -> list[Any]:
        self._maybe_fail()
        return [FakeHit()][:k]

    def feedback(self, feedback: Feedback) -> bool:
        self._maybe_fail()
        if feedback.message_id != "m1":
            raise ConversationError(feedback.message_id)
        self.judged.append(feedback)
        return self.judged.count(feedback) == 1

    def why(self, message_id: str, client_id: str) -> dict[str, Any]:
        self._maybe_fail()
        if message_id != "m1":
            raise ConversationError(message_id)
        return WHY_EXAMPLE | {"message_id": message_id}

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]:
        self._maybe_fail()
        when = "2026-11-24T20:15:00.000+00:00"
        own = [message for message in self.messages if message.client_id == client_id and app in (None, message.app)]
        return [
            {"id": "begun", "app": m.app, "title": m.text, "turns": 1, "begun_at": when, "updated_at": when}
            for m in own[-1 : -most - 1 : -1]
        ]

    def holder(self, conversation_id: str, client_id: str) -> tuple[Holder, str | None]:
        return "bot", None

    def history(self, conversation_id: str, client_id: str, after: int = 0) -> list[dict[str, Any]]:
        self._maybe_fail()
        if conversation_id != "begun" or client_id not in {message.client_id for message in self.messages}:
            raise ConversationError(conversation_id)
        when = "2026-11-24T20:15:00.000+00:00"
        nothing = {"citations": [], "quick_replies": [], "figures": [], "created_at": when, "judged": None}
        said = reply("begun")
        rows = [
            {
                "number": 1,
                "role": "user",
                "author": "",
                "text": "a",
                "message_id": "u1",
                "route": None,
                "why": None,
                "model_version": None,
                **nothing,
            },
            {
                **nothing,
                **{
                    "number": 2,
                    "role": "bot",
                    "author": "",
                    "text": said.text,
                    "message_id": "m1",
                    "citations": [asdict(said.citations[0])],
                    "figures": [asdict(figure) for figure in said.figures],
                },
                **{"route": asdict(said.route), "why": said.why, "model_version": said.model_version, "judged": "up"},
            },
        ]
        return rows[after:]

    def delete_conversation(self, conversation_id: str, client_id: str) -> None:
        self.history(conversation_id, client_id)
        self.messages = [message for message in self.messages if message.client_id != client_id]

    def export_client(self, client_id: str) -> Iterator[str]:
        self._maybe_fail()
        own = [message.text for message in self.messages if message.client_id == client_id]
        yield json.dumps({"conversations": own})

    def erase_client(self, client_id: str) -> None:
        self._maybe_fail()
        self.messages = [message for message in self.messages if message.client_id != client_id]

    def erase_profile(self, app: str, user: str, who: str) -> None:
        self._maybe_fail()
        self.forgotten.append((app, user))

    def metrics(self) -> bytes:
        return b"# HELP switchboard_waiting Texts that wait for the model.\n"

    def passage(self, app: str, passage_id: str) -> Any:
        return {"shipping#2": FakePassage()}[passage_id]

    def document_text(self, app: str, document_id: str) -> str:
        return {"shipping": DOCUMENT}[document_id]

    def apps(self) -> list[dict[str, Any]]:
        return [{"name": name, "title": name.title()} for name in self.domains]

    def ready(self) -> tuple[bool, dict[str, Any]]:
        return self.is_ready, {"models": {"support": "support-3"}}

    def fail_with(self, error: SwitchboardError | Exception | None) -> None:
        self.failure = error
