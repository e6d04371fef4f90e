"""The page on the server: what is open, what it loads, and a message through Gradio's queue."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.server import create_app
from tests.ui.fake import FakeAgent

SESSION = "abc123"


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return FakeAgent(tmp_path)


@pytest.fixture
def http(agent: FakeAgent) -> Iterator[TestClient]:
    async def build() -> FastAPI:
        # Gradio makes an event loop, and never closes it, for each page that is made without one.
        return create_app(agent)

    with TestClient(asyncio.run(build()), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def config(page: str) -> dict[str, Any]:
    found = re.search(r"window\.gradio_config = (\{.*?\});</script>", page, re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def call(http: TestClient, name: str, data: list[Any], session: str = SESSION) -> list[dict[str, Any]]:
    """The messages of one event, as the page's script gets them."""
    functions = [d["id"] for d in config(http.get("/").text)["dependencies"] if d["api_name"] == name]
    body = {"data": data, "fn_index": functions[0], "session_hash": session}
    joined = http.post("/gradio_api/queue/join?app=support", json=body)
    assert joined.status_code == 200, joined.text
    stream = http.get(f"/gradio_api/queue/data?session_hash={session}").text
    return [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]


def read(sent: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.b64decode(sent))
    return decoded


def test_the_page_has_our_head_and_no_trace_of_the_toolkits(http: TestClient) -> None:
    page = http.get("/").text
    head = page.split("</head>")[0]
    assert "<title>Ridge &amp; Co. Support</title>" in head
    assert 'name="description" content="Orders, returns' in head
    for trace in ("og:", "twitter:", "githubusercontent", "manifest.json"):
        assert trace not in head
    assert page.index('id="splash"') < page.index("<gradio-app")


def test_the_page_loads_nothing_from_elsewhere(http: TestClient) -> None:
    head = http.get("/").text.split("</head>")[0]
    loaded = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', head)
    assert len(loaded) >= 5
    assert all(address.startswith(("/ui/", "./assets/")) for address in loaded)
    for address in loaded:
        assert http.get(address.removeprefix(".")).status_code == 200
    assert "googleapis" not in http.get("/theme.css").text


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({}, '<html lang="en" data-app="support"'),
        ({"Accept-Language": "zh-CN"}, '<html lang="zh-Hans" data-app="support"'),
        ({"Cookie": "switchboard_theme=dark"}, '<html lang="en" data-app="support" data-theme="dark"'),
        (
            {"Cookie": 'switchboard_theme="><script>; switchboard_language=zh'},
            '<html lang="zh-Hans" data-app="support"',
        ),
    ],
)
def test_the_page_has_its_language_app_and_colours_from_the_start(
    http: TestClient, headers: dict[str, str], root: str
) -> None:
    page = http.get("/", headers=headers)
    assert " ".join(page.text.split()).startswith(f"<!doctype html> {root} style=")
    assert page.headers["vary"].lower().startswith("accept-language, cookie")
    assert page.text.count("theme-color") == (1 if "dark" in root else 2)


def test_scripts_and_styles_get_a_new_address_when_they_change(http: TestClient) -> None:
    assert re.search(r'/ui/chat\.js\?v=[0-9a-f]{12}"', http.get("/").text)


def test_the_policy_of_the_page_allows_no_evaluation_and_the_page_needs_none(http: TestClient) -> None:
    response = http.get("/")
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    kinds = {part["type"] for part in config(response.text)["components"]}
    # Both compile text into code in the browser.
    assert "html" not in kinds
    assert not [d for d in config(response.text)["dependencies"] if d["js"]]


def test_footer_history_uploads_and_analytics_are_off(http: TestClient) -> None:
    settings = config(http.get("/").text)
    assert settings["footer_links"] == []
    assert not settings["analytics_enabled"]
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert not settings["show_error"]
    assert http.get("/gradio_api/runs").status_code == 404
    assert http.post("/gradio_api/upload", files={"files": b"x"}).status_code == 404
    assert not [part for part in settings["components"] if "file" in part["type"] or "upload" in part["type"]]


def test_no_event_is_offered_to_other_programs(http: TestClient) -> None:
    page = config(http.get("/").text)
    assert {d["api_visibility"] for d in page["dependencies"]} == {"private"}
    body = {"data": ["x", {}], "fn_index": 1, "session_hash": SESSION}
    assert http.post("/gradio_api/run/predict", json=body).status_code in (401, 404)
    assert http.post("/gradio_api/call/sent", json={"data": ["x", {}]}).status_code == 404


def test_what_the_customer_may_write_is_limited_as_the_settings_say(http: TestClient, agent: FakeAgent) -> None:
    boxes = [part["props"] for part in config(http.get("/").text)["components"] if part["type"] == "textbox"]
    [box] = [box for box in boxes if box["elem_id"] == "message-box"]
    assert box["max_length"] == agent.settings.max_message_chars


def test_a_message_through_the_queue_is_answered_and_belongs_to_the_cookie(http: TestClient, agent: FakeAgent) -> None:
    http.get("/")
    events = call(http, "sent", ["can i return shoes?", {}])
    last = events[-2] if events[-1]["msg"] == "close_stream" else events[-1]
    assert last["msg"] == "process_completed"
    assert last["success"]
    assert agent.messages[0].client_id.startswith("web:")
    assert agent.messages[0].claimed
    opened = call(http, "opened", [{"support": "c1"}], "def456")
    data = next(event["output"]["data"] for event in opened if event["msg"] == "process_completed")
    assert "can i return shoes?" in read(data[0])["html"]


def test_a_mistake_of_ours_shows_no_exception_text(http: TestClient) -> None:
    events = call(http, "sent", ["bug", {}])
    assert "secret" not in json.dumps(events)
    assert "RuntimeError" not in json.dumps(events)
    assert [event["success"] for event in events if event["msg"] == "process_completed"] == [False]


def test_each_app_has_its_colours(http: TestClient) -> None:
    styles = http.get("/ui/apps.css")
    assert styles.headers["content-type"].startswith("text/css")
    assert '[data-app="support"]{--accent-fill:#2f7d5b;' in styles.text


def test_only_our_assets_are_under_ui(http: TestClient) -> None:
    assert http.get("/ui/chat.js").status_code == 200
    assert http.get("/ui/../site.py").status_code == 404
    assert http.get("/ui/%2e%2e/site.py").status_code == 404
    assert http.get("/ui/").status_code == 404


def test_what_people_write_can_be_asked_for_by_its_own_client_alone(http: TestClient, agent: FakeAgent) -> None:
    http.get("/")
    conversation = http.post("/v1/messages", json={"text": "can i return them?"}).json()["conversation_id"]
    agent.operator = "ann"
    person = {"role": "bot", "author": "ann", "message_id": "p1", "text": "Hello!", "number": 3}
    agent.kept[conversation].append({**agent.kept[conversation][0], **person})
    found = http.get(f"/ui/live?conversation={conversation}").json()
    assert (found["holder"], found["operator"]) == ("person", "ann")
    assert found["html"].count("person-message") == 1
    assert "user-message" not in found["html"]
    assert http.get(f"/ui/live?conversation={conversation}&after=3").json()["html"] == ""
    assert http.get("/ui/live?conversation=other").status_code == 404
    assert http.get(f"/ui/live?conversation={conversation}&after={10**30}").status_code == 422


def test_the_console_is_there(http: TestClient) -> None:
    page = http.get("/console/inbox")
    assert page.status_code == 401
    assert "/ui/console.js?v=" in page.text
    for name in re.findall(r'(?:src|href)="(/ui/[^"?]+)', page.text):
        assert http.get(name).status_code == 200
