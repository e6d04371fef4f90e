"""A test client over the whole application, its chat page left out."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from agent.server import create_app
from tests.agent.fake_agent import FakeAgent

KEY = "a-key-for-programs-1234"
BEARER = {"Authorization": f"Bearer {KEY}"}


def client_for(agent: FakeAgent, **options: Any) -> TestClient:
    """A browser-like client with its own cookies, which asks as ``localhost``."""
    return TestClient(create_app(agent, with_ui=False), **{"base_url": "http://localhost", **options})


def code_of(response: Any) -> str:
    """The error's code; fails unless the error has exactly the promised form."""
    error = response.json()["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert all(isinstance(part, str) and part for part in error.values())
    return str(error["code"])
