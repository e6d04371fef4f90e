"""What Gradio itself does behind the guard; the chat page proper has its own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.identity import client_of
from agent.server import create_app
from tests.agent.fake_agent import FakeAgent

SESSION = "abc123"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    def who(request: gr.Request) -> str:
        client = client_of(request)
        return f"{client.id} {client.claimed}"

    def fail() -> str:
        raise RuntimeError("/secret/place")

    async def build() -> FastAPI:
        # Gradio makes an event loop, and never closes it, for each Blocks that is made without one.
        with gr.Blocks(analytics_enabled=False) as blocks:
            shown = gr.Textbox()
            gr.Button().click(who, None, shown, queue=False)
            gr.Button().click(fail, None, shown, queue=False)
        app = create_app(FakeAgent(tmp_path), with_ui=False)
        return gr.mount_gradio_app(app, blocks, path="/", show_error=False, run_history=False, ssr_mode=False)

    app = asyncio.run(build())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def call(http: TestClient, function: int) -> str:
    body = {"data": [], "fn_index": function, "session_hash": SESSION}
    return http.post("/gradio_api/run/predict", json=body).text


def test_the_page_is_served_with_headers_and_a_cookie_that_its_calls_carry(http: TestClient) -> None:
    page = http.get("/")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    first, second = call(http, 0), call(http, 0)
    assert first.split('"data"')[1].split("]")[0] == second.split('"data"')[1].split("]")[0]
    assert "web:" in first
    assert " True" in first


def test_no_origin_is_reflected(http: TestClient) -> None:
    for path in ("/", "/theme.css", "/gradio_api/theme.css", "/gradio_api/startup-events"):
        headers = http.get(path, headers={"Origin": "http://evil.example"}).headers
        assert not [name for name in headers if name.startswith("access-control")]


def test_gradios_own_configuration_upload_and_description_are_closed(http: TestClient) -> None:
    assert http.get("/config").status_code == 404
    assert http.get("/gradio_api/info").status_code == 404
    assert http.post("/gradio_api/upload", files={"files": b"x"}).status_code == 404
    assert http.get("/openapi.json").json()["info"]["title"] == "Switchboard"
    assert "<script" not in http.get("/docs").text


def test_a_foreign_page_and_a_huge_body_do_not_reach_its_queue(http: TestClient) -> None:
    join = "/gradio_api/queue/join"
    body = {"data": ["x"], "fn_index": 0, "session_hash": SESSION}
    assert http.post(join, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    assert http.post(join, json=body | {"data": ["x" * 1_000_000]}).status_code == 413


def test_no_exception_text_is_shown(http: TestClient) -> None:
    for function in (1, 77):
        answer = call(http, function)
        assert "secret" not in answer
        assert "Traceback" not in answer


def test_files_outside_its_folders_are_not_served(http: TestClient, tmp_path: Path) -> None:
    assert (tmp_path / "cookie.key").exists()
    assert http.get(f"/gradio_api/file={tmp_path / 'cookie.key'}").status_code in (403, 404)
    assert http.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)
