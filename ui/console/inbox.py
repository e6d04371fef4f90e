"""The tab Inbox: conversations that wait for a person, and those that an operator holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.inbox import MOST_NOTE
from agent.service import InboxService
from ui.console.inbox_words import INBOX
from ui.console.message import shown_message
from ui.console.session import Operator
from ui.console.shell import Tab

# Characters of a last message in the list.
_BEGINNING = 160


class InboxAgent(Protocol):
    """What the tab asks of an Agent. All methods block."""

    @property
    def inbox(self) -> InboxService: ...


class Said(BaseModel):
    text: str


class Returned(BaseModel):
    note: str = Field(max_length=MOST_NOTE)


def routes(agent: InboxAgent) -> APIRouter:
    """The tab's JSON over ``agent``."""
    router = APIRouter()

    @router.get("/inbox")
    def lists(user: Operator, with_bot: bool = False) -> dict[str, Any]:
        """What waits, what operators hold, and if asked for what the bot has, without the texts' whole length."""
        waiting = agent.inbox.waiting()
        return {
            "waiting": _shortened(row for row in waiting if row["operator"] is None),
            "held": _shortened(row for row in waiting if row["operator"] is not None),
            "with_bot": _shortened(agent.inbox.with_bot()) if with_bot else [],
        }

    @router.get("/conversations/{conversation_id}")
    def conversation(
        conversation_id: str, user: Operator, after: Annotated[int, Query(ge=0, le=2**53)] = 0
    ) -> dict[str, Any]:
        """The conversation, and its messages from the one after ``after`` on."""
        found = agent.inbox.conversation(conversation_id, after)
        return found | {"messages": [shown_message(row) for row in found["messages"]]}

    @router.post("/conversations/{conversation_id}/take", status_code=204)
    def take(conversation_id: str, user: Operator) -> None:
        agent.inbox.take(conversation_id, user.name)

    @router.post("/conversations/{conversation_id}/say", status_code=204)
    def say(conversation_id: str, body: Said, user: Operator) -> None:
        agent.inbox.say(conversation_id, user.name, body.text)

    @router.post("/conversations/{conversation_id}/give-back", status_code=204)
    def give_back(conversation_id: str, body: Returned, user: Operator) -> None:
        """An admin may give back what another operator holds."""
        agent.inbox.give_back(conversation_id, user.name, body.note, others=user.role == "admin")

    return router


def _shortened(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "last_text": row["last_text"][:_BEGINNING]} for row in rows]


TAB = Tab("inbox", INBOX, routes)
