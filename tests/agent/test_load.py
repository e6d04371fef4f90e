from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import ConfigError
from agent.load import LoadReport, example_conversations, read_conversations, run_load

CONVERSATIONS = [("where is my book", "4711"), ("hello",), ("when do you open", "and on sunday?", "thanks")]
TURNS_ALONE = sum(map(len, CONVERSATIONS))
Say = Callable[[dict[str, Any], int], dict[str, Any] | httpx.Response]


def reply(body: dict[str, Any], number: int) -> dict[str, Any]:
    """A sound reply: each text is read in a way of its own."""
    return {
        "conversation_id": body["conversation_id"] or f"conversation {number}",
        "model_version": "1",
        "route": {"kind": "answer"},
        "why": {"intents": [{"name": "hours", "confidence": len(body["text"]) / 100}]},
    }


def load(say: Say, clients: int = 3, seconds: float = 0.2) -> LoadReport:
    """Run against a service that answers by ``say``, given a request's body and its number, from 0."""
    numbers = itertools.count()

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/messages"
        answer = say(json.loads(request.content), next(numbers))
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    return run_load(
        "http://service",
        "library",
        CONVERSATIONS,
        clients=clients,
        seconds=seconds,
        think=0,
        transport=httpx.MockTransport(handle),
    )


def under_load(number: int) -> bool:
    return number >= TURNS_ALONE


def test_sound_replies_are_counted_and_timed() -> None:
    heard: list[dict[str, Any]] = []

    def say(body: dict[str, Any], number: int) -> dict[str, Any]:
        heard.append(body)
        return reply(body, number)

    report = load(say)
    assert report.ok
    assert report.messages == len(heard) - TURNS_ALONE > 0
    assert report.conversations == sum(body["conversation_id"] is None for body in heard[TURNS_ALONE:])
    assert report.per_second == pytest.approx(report.messages / report.seconds)
    ordered = [report.latency_ms[name] for name in ("p50", "p90", "p95", "p99", "max")]
    assert ordered == sorted(ordered)
    assert {body["text"] for body in heard} == {text for talk in CONVERSATIONS for text in talk}
    assert report.to_dict()["ok"]


def test_two_clients_in_one_conversation_are_seen() -> None:
    begun: list[int] = []

    def say(body: dict[str, Any], number: int) -> dict[str, Any]:
        if not under_load(number):
            return reply(body, number)
        begun.extend([number] if body["conversation_id"] is None else [])
        return reply(body, number) | {"conversation_id": "the same"}

    report = load(say)
    assert report.crossed == len(begun) - 1 > 0
    assert not report.ok


def test_a_reply_to_another_message_is_seen() -> None:
    def say(body: dict[str, Any], number: int) -> dict[str, Any]:
        return reply(body | {"text": "somebody else's message"} if under_load(number) else body, number)

    report = load(say)
    assert report.crossed == report.messages > 0


def test_a_newer_model_may_read_otherwise() -> None:
    def say(body: dict[str, Any], number: int) -> dict[str, Any]:
        if not under_load(number):
            return reply(body, number)
        return reply(body, number) | {"model_version": "2", "why": {"intents": [{"name": "fines", "confidence": 1.0}]}}

    assert load(say).ok


def test_refusals_are_counted_by_their_code_and_breaks_by_their_kind() -> None:
    error = {"error": {"code": "busy", "message": "Busy.", "remedy": "Wait."}}

    def say(body: dict[str, Any], number: int) -> dict[str, Any] | httpx.Response:
        if not under_load(number):
            return reply(body, number)
        if number % 3 == 0:
            return httpx.Response(503, json=error)
        if number % 3 == 1:
            raise httpx.ReadTimeout("too slow")
        return httpx.Response(502, text="a proxy's page")

    report = load(say)
    assert set(report.failed) == {"busy", "ReadTimeout", "status 502"}
    assert report.messages == 0
    assert report.latency_ms == {}
    assert not report.ok


def test_a_service_that_does_not_answer_one_client_is_named() -> None:
    def say(body: dict[str, Any], number: int) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ConfigError, match=r"http://service does not answer one client alone.*Is it up"):
        load(say)


def test_conversations_are_read_from_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "talks.txt"
    path.write_text("where is my book\n4711\n\n\n  hello \n", encoding="utf-8")
    assert read_conversations(path) == [("where is my book", "4711"), ("hello",)]
    path.write_text("\n\n")
    with pytest.raises(ConfigError, match=r"talks.txt holds no conversation. Write a message a line"):
        read_conversations(path)
    with pytest.raises(ConfigError, match="Cannot read the conversations in"):
        read_conversations(tmp_path / "none.txt")


def test_an_apps_examples_make_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    apps = [{"name": "library", "examples": ["when do you open", "where is my book"]}, {"name": "mute", "examples": []}]

    def get(url: str, timeout: float) -> httpx.Response:
        if url != "http://service/v1/apps":
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=apps, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    for talk in example_conversations("http://service", "library"):
        assert sorted(talk) == ["when do you open", "where is my book"]
    with pytest.raises(ConfigError, match="No app 'shop' at http://service. Available: library, mute"):
        example_conversations("http://service", "shop")
    with pytest.raises(ConfigError, match="--conversations"):
        example_conversations("http://service", "mute")
    with pytest.raises(ConfigError, match="No Switchboard answers at http://nowhere"):
        example_conversations("http://nowhere", "library")
