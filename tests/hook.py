"""A webhook for tests."""

from __future__ import annotations

import json
from typing import Any

import httpx


class Hook:
    """A webhook that answers with ``status``, or cannot be reached."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.heard: list[dict[str, Any]] = []
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.status is None:
            raise httpx.ConnectError("no route", request=request)
        self.heard.append(json.loads(request.content))
        return httpx.Response(self.status)
