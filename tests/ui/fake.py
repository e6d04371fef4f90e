"""An agent without model or store that answers a few questions, for tests of the page and for looking at it."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent.config import Settings
from agent.errors import BadInputError, BusyError, ConversationError, DiskFullError, RateLimitError
from agent.schema import WHY_EXAMPLE
from agent.store import Store
from agent.types import Citation, Feedback, Gone, Holder, Message, QuickReply, Reply, Route
from agent.users import UserBook
from tests.agent.samples import figure

PASSAGE = (
    "Standard delivery within the country takes two to four working days and is free from 60 pounds. "
    "You can return anything within 60 days, worn or not, as long as it can be cleaned and sold again. "
    "Boots that have been on a muddy hill are fine: brush them off, put them in **any box**, and use the label "
    "from your account. Refunds reach your card within five working days after the parcel has arrived at our "
    "warehouse. Socks and underwear are the exception for reasons of hygiene."
)
SENTENCE = "You can return anything within 60 days, worn or not, as long as it can be cleaned and sold again."
HOSTILE = (
    "<script>alert(1)</script> ![pixel](https://evil.example/p.png) [click](javascript:alert(1)) "
    "<img src=x onerror=alert(1)> [fine](https://shop.example/help)"
)


def citation(number: int = 2) -> Citation:
    start = PASSAGE.index(SENTENCE)
    return Citation(
        passage_id=f"returns#{number}",
        title="Returning worn gear",
        source="returns.md",
        url=f"/knowledge/support/returns%23{number}",
        text=PASSAGE,
        sentence=SENTENCE,
        start=start,
        end=start + len(SENTENCE),
        score=0.83,
    )


WHY: dict[str, Any] = {
    "intents": [
        {"name": "return_worn_item", "confidence": 0.87},
        {"name": "return_policy", "confidence": 0.09},
        {"name": "warranty_claim", "confidence": 0.02},
    ],
    "out_of_scope": {"score": 0.12, "threshold": 0.5},
    "sentiment": {"negative": 0.08, "neutral": 0.85, "positive": 0.07},
    "passages": [{"id": "returns#2", "title": "Returning worn gear", "score": 0.83, "dense": 0.7, "lexical": 0.9}],
}
FAILURES = {
    "busy": BusyError(256, 2.0),
    "often": RateLimitError(120, 9.0),
    "full": DiskFullError("disk is full"),
    "rude": BadInputError("not_text", "That message holds no text."),
}


def rows_of(text: str, reply: Reply, created_at: str = "2026-11-24T20:15:00.000+00:00") -> list[dict[str, Any]]:
    """One turn as a store gives it back."""
    said = {"number": 1, "role": "user", "text": text, "message_id": "u"}
    nothing = {"citations": [], "quick_replies": [], "figures": [], "route": None}
    answered = {"number": 2, "role": "bot", "text": reply.text, "message_id": reply.message_id}
    grounds = {
        "route": asdict(reply.route),
        "citations": [asdict(citation) for citation in reply.citations],
        "quick_replies": [asdict(quick) for quick in reply.quick_replies],
        "figures": [asdict(figure) for figure in reply.figures],
        "why": dict(reply.why),
        "model_version": reply.model_version,
    }
    both = {"created_at": created_at, "judged": None, "author": ""}
    return [said | nothing | both, answered | grounds | both]


class FakeInbox:
    """Nobody waits, and there is nothing to take."""

    def waiting(self) -> list[dict[str, Any]]:
        return []

    def with_bot(self) -> list[dict[str, Any]]:
        return []

    def conversation(self, conversation_id: str, after: int = 0) -> dict[str, Any]:
        raise ConversationError(conversation_id)

    def take(self, conversation_id: str, operator: str) -> None:
        raise ConversationError(conversation_id)

    def say(self, conversation_id: str, operator: str, text: str) -> None:
        raise ConversationError(conversation_id)

    def give_back(self, conversation_id: str, operator: str, note: str, *, others: bool = False) -> None:
        raise ConversationError(conversation_id)


class FakeAgent:
    """Answers by the message's first word; remembers messages and judgements."""

    def __init__(self, data: Path, delay: float = 0.0, apps: int = 1) -> None:
        self.settings = Settings(data=data)
        self.inbox: FakeInbox = FakeInbox()
        self.operator: str | None = None
        self.domains: dict[str, Any] = dict.fromkeys(["support", "finance"][:apps], SimpleNamespace(folder=data))
        self.messages: list[Message] = []
        self.judged: list[Feedback] = []
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.training: dict[str, int] | None = None
        self._delay = delay

    @cached_property
    def store(self) -> Store:
        """Opened by those who need one."""
        return Store.open(self.settings.data)

    @cached_property
    def users(self) -> UserBook:
        return UserBook(self.store.file)

    def reply(self, message: Message, gone: Gone | None = None) -> Reply:
        time.sleep(self._delay)
        word = message.text.split()[0].lower().strip("?!.,")
        if word == "bug":
            raise RuntimeError("/secret/place")
        if word in FAILURES:
            raise FAILURES[word]
        if message.conversation_id is not None and message.conversation_id not in self.kept:
            raise ConversationError(message.conversation_id)
        self.messages.append(message)
        conversation_id = message.conversation_id or f"c{len(self.messages)}"
        reply = self._answer(word, conversation_id, f"m{len(self.messages)}")
        self.kept.setdefault(conversation_id, []).extend(rows_of(message.text, reply))
        return reply

    def _answer(self, word: str, conversation_id: str, message_id: str) -> Reply:
        answer = Route("answer", "'return worn item' is clear enough (0.87, at least 0.55).", "return", 0.87, 0.55)
        if word == "where":
            route = Route("form", "The order's number is needed to look it up.", "order_status", 0.94, 0.55)
            text = (
                "I am Ridge, an automated assistant. I can look that up.\n\nWhat is your **order number**? "
                "It stands in the confirmation mail and has five digits."
            )
            quick = (QuickReply("I don't have it", "i do not have it"), QuickReply("Cancel", "cancel"))
            return Reply(conversation_id, message_id, text, route, "support-3", (), quick, WHY)
        if word == "is":
            route = Route("refuse", "Unlike anything I know (0.91, at least 0.50).", None, 0.91, 0.5)
            text = "That is outside what I can help with. What I can do:"
            quick = tuple(
                QuickReply(title, title)
                for title in ("Track an order", "Return something", "Check a size", "Talk to a person")
            )
            return Reply(conversation_id, message_id, text, route, "support-3", (), quick, WHY)
        if word == "chart":
            return Reply(conversation_id, message_id, "It rose in May.", answer, "support-3", figures=(figure(),))
        if word == "hostile":
            return Reply(conversation_id, message_id, HOSTILE, answer, "support-3")
        text = f"Good news for muddy boots. {SENTENCE} [1]\n\n- brush them off\n- use the label from your account [2]"
        return Reply(conversation_id, message_id, text, answer, "support-3", (citation(), citation(3)), (), WHY)

    def feedback(self, feedback: Feedback) -> bool:
        if feedback.message_id not in {f"m{number}" for number in range(1, len(self.messages) + 1)}:
            raise ConversationError(feedback.message_id)
        self.judged.append(feedback)
        return True

    def why(self, message_id: str, client_id: str) -> dict[str, Any]:
        if message_id not in {f"m{number}" for number in range(1, len(self.messages) + 1)}:
            raise ConversationError(message_id)
        return WHY_EXAMPLE | {"message_id": message_id}

    def holder(self, conversation_id: str, client_id: str) -> tuple[Holder, str | None]:
        return ("person", self.operator) if self.operator else ("bot", None)

    def history(self, conversation_id: str, client_id: str, after: int = 0) -> list[dict[str, Any]]:
        owned = {message.client_id for message in self.messages}
        if conversation_id not in self.kept or client_id not in owned:
            raise ConversationError(conversation_id)
        return [row for row in self.kept[conversation_id] if row["number"] > after]

    def conversations(self, client_id: str, app: str | None, most: int) -> list[dict[str, Any]]:
        began = {f"c{number}": message for number, message in enumerate(self.messages, 1)}
        own = [
            {"id": key, "title": began[key].text, "updated_at": rows[-1]["created_at"]}
            for key, rows in self.kept.items()
            if began[key].client_id == client_id and app in (None, began[key].app)
        ]
        return own[: -most - 1 : -1]

    def delete_conversation(self, conversation_id: str, client_id: str) -> None:
        self.history(conversation_id, client_id)
        del self.kept[conversation_id]

    def apps(self) -> list[dict[str, Any]]:
        known = {
            "support": {
                "title": "Ridge & Co. Support",
                "description": "Orders, returns, sizes and care of outdoor gear.",
                "greeting": "Hello! I am Ridge, the shop's automated assistant. How can I help?",
                "examples": ["Where is my parcel?", "Can I return worn shoes?", "Which tent suits winter?"],
                "colour": "#2f7d5b",
            },
            "finance": {
                "title": "Market Mood",
                "description": "How the news sounds.",
                "greeting": "Paste a headline.",
                "examples": [],
                "colour": "#f5b301",
            },
        }
        both = {"locale": "en-GB", "training": self.training}
        return [{"name": name, "model_version": f"{name}-3", **both, **known[name]} for name in self.domains]

    def ready(self) -> tuple[bool, dict[str, Any]]:
        return True, {}
