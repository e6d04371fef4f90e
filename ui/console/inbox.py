"""The tab Inbox: conversations that wait for a person, and those that an operator holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import APIRouter

from ui.console.shell import Tab
from ui.words import Words

WORDS: Mapping[str, Words] = {"en": {"tab": "Inbox"}, "zh": {"tab": "收件箱"}}


class InboxAgent(Protocol):
    """What the tab asks of an Agent. All methods block."""


def routes(agent: InboxAgent) -> APIRouter:
    return APIRouter()


TAB = Tab("inbox", WORDS, routes)
