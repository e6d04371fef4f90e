from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from agent.headers import is_closed
from agent.identity import COOKIE
from agent.server import create_app
from tests.agent.fake_agent import FakeAgent
from tests.agent.serving import client_for, code_of

SHOP = "https://shop.example"


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return FakeAgent(tmp_path)


@pytest.fixture
def http(agent: FakeAgent) -> TestClient:
    return client_for(agent)


@pytest.mark.parametrize("path", ["/docs", "/v1/apps", "/healthz", "/knowledge/support/shipping%232", "/nowhere"])
def test_every_response_has_the_security_headers(http: TestClient, path: str) -> None:
    headers = http.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_refusals_have_the_security_headers_too(http: TestClient) -> None:
    for answer in (
        http.post("/v1/messages", content=b"x" * 2_000_000),
        http.get("/healthz", headers={"Host": "evil.example"}),
        http.options(
            "/v1/messages", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        ),
    ):
        assert answer.status_code >= 400
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_plain_pages_allow_no_script_at_all(http: TestClient) -> None:
    for path in ("/docs", "/knowledge/support/shipping%232"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "<script" not in answer.text


# Cookies


def test_the_cookie_is_closed_to_scripts_and_to_other_sites(http: TestClient) -> None:
    cookie = http.post("/v1/messages", json={"text": "a"}).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "; HttpOnly; SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "set-cookie" not in http.post("/v1/messages", json={"text": "a"}).headers


def test_the_cookie_is_for_https_alone_by_setting(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, secure_cookies=True))
    assert http.post("/v1/messages", json={"text": "a"}).headers["set-cookie"].endswith("; Secure")


def test_health_checks_and_errors_without_a_page_get_no_cookie(http: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/nowhere"):
        assert "set-cookie" not in http.get(path).headers


def test_a_forged_cookie_is_a_new_client(http: TestClient, agent: FakeAgent) -> None:
    http.post("/v1/messages", json={"text": "a"})
    name, _, signature = http.cookies[COOKIE].partition(".")
    http.cookies.clear()
    for forged in (f"{name}.{'A' * len(signature)}", name, f"{name}.", "", "x" * 5000):
        http.post("/v1/messages", json={"text": "a"}, headers={"Cookie": f"a={{}}; {COOKIE}={forged}"})
        http.cookies.clear()
        assert not agent.messages[-1].claimed
    assert len({message.client_id for message in agent.messages}) == len(agent.messages)
    http.post("/v1/messages", json={"text": "a"}, headers={"Cookie": f'a={{"b"}}; {COOKIE}={name}.{signature}'})
    assert agent.messages[-1].claimed
    assert agent.messages[-1].client_id == agent.messages[0].client_id


def test_a_restart_knows_its_cookies(agent: FakeAgent, http: TestClient) -> None:
    http.post("/v1/messages", json={"text": "a"})
    again = client_for(agent, cookies=dict(http.cookies))
    again.post("/v1/messages", json={"text": "a"})
    assert agent.messages[1].claimed
    assert agent.messages[1].client_id == agent.messages[0].client_id


# Origins and hosts


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[", "x"])
def test_pages_of_other_sites_may_not_send(http: TestClient, agent: FakeAgent, origin: str) -> None:
    for path in ("/v1/messages", "/v1/feedback", "/gradio_api/queue/join", "/nowhere"):
        answer = http.post(path, json={"text": "a"}, headers={"Origin": origin})
        assert (answer.status_code, code_of(answer)) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers
    assert agent.messages == []


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost", "http://LOCALHOST:80"])
def test_our_own_pages_may_send(http: TestClient, origin: str) -> None:
    assert http.post("/v1/messages", json={"text": "a"}, headers={"Origin": origin}).status_code == 200


def test_a_listed_origin_may_send_and_read_and_no_other(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, allowed_origins=(SHOP,)))
    answer = http.post("/v1/messages", json={"text": "a"}, headers={"Origin": SHOP})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SHOP
    # Cookies do not travel across sites: a page there keeps the conversation's id.
    assert "access-control-allow-credentials" not in answer.headers
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert http.options("/v1/messages", headers={"Origin": SHOP, **asked}).status_code == 200
    foreign = http.options("/v1/messages", headers={"Origin": "https://evil.example", **asked})
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    too_long = http.post("/v1/messages", content=b"x" * 2_000_000, headers={"Origin": SHOP})
    assert (too_long.status_code, too_long.headers["access-control-allow-origin"]) == (413, SHOP)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        *((host, True) for host in ("localhost:7860", "127.0.0.1:7860", "[::1]:7860", "127.0.0.1", "shop.example")),
        *((host, False) for host in ("evil.example", "localhost.evil.example:7860", "10.0.0.1", "")),
    ],
)
def test_on_loopback_a_foreign_host_name_is_refused(tmp_path: Path, host: str, allowed: bool) -> None:
    http = client_for(FakeAgent(tmp_path, allowed_origins=(SHOP,)))
    answer = http.get("/v1/apps", headers={"Host": host})
    assert answer.status_code == (200 if allowed else 400)
    if not allowed:
        assert code_of(answer) == "unknown_host"


def test_elsewhere_any_host_name_is_taken(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, host="0.0.0.0"))
    assert http.get("/v1/apps", headers={"Host": "chat.example"}).status_code == 200


# Rates and sizes


def test_a_client_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, rate_limit=3))
    http.get("/docs")
    statuses = [http.post("/v1/messages", json={"text": "a"}).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = http.post("/v1/messages", json={"text": "a"})
    assert code_of(refused) == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert http.get("/healthz").status_code == 200


def test_dropping_the_cookie_does_not_help(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, rate_limit=3))
    statuses = []
    for _ in range(4):
        http.cookies.clear()
        statuses.append(http.post("/v1/messages", json={"text": "a"}).status_code)
    assert statuses == [200, 200, 200, 429]


def test_an_address_is_limited_over_all_its_clients(tmp_path: Path) -> None:
    app = create_app(FakeAgent(tmp_path, rate_limit=2), with_ui=False)
    statuses = []
    for _ in range(5):
        http = TestClient(app, base_url="http://localhost")
        http.get("/docs")
        statuses += [http.post("/v1/messages", json={"text": "a"}).status_code for _ in range(2)]
    assert statuses == [200] * 8 + [429] * 2


def test_the_limit_can_be_switched_off(tmp_path: Path) -> None:
    http = client_for(FakeAgent(tmp_path, rate_limit=0))
    assert {http.post("/v1/messages", json={"text": "a"}).status_code for _ in range(300)} == {200}


def test_the_body_limit_holds_for_every_route_and_without_a_length(http: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    for path in ("/v1/messages", "/gradio_api/queue/join", "/nowhere"):
        answer = http.post(path, content=chunks())
        assert (answer.status_code, code_of(answer)) == (413, "body_too_large")
    answer = http.post("/v1/messages", content=b"{}", headers={"Content-Length": "many"})
    assert answer.status_code == 400


@contextmanager
def served(agent: FakeAgent) -> Iterator[int]:
    """The application on a real socket; gives the port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(agent, with_ui=False), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)


def test_raw_requests_over_a_socket(agent: FakeAgent) -> None:
    def ask(port: int, raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(raw)
            return connection.recv(65536)

    with served(agent) as port:
        host = f"Host: localhost:{port}\r\nConnection: close\r\n".encode()
        # A length over the limit is refused before a byte of the body has been sent.
        assert b" 413 " in ask(port, b"POST /v1/messages HTTP/1.1\r\n" + host + b"Content-Length: 999999999\r\n\r\n")
        assert b" 400 " in ask(port, b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert b" 200 " in ask(port, b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n")
        assert b" 400 " in ask(port, b"GET /\x00 HTTP/1.1\r\n" + host + b"\r\n")
        assert b" 404 " in ask(port, b"GET /knowledge/support/%ED%A0%80%00 HTTP/1.1\r\n" + host + b"\r\n")


# Gradio's routes


@pytest.mark.parametrize(
    "path",
    [
        *("config", "config/", "monitoring", "monitoring/summary", "login", "login/", "logout", "redoc"),
        *("chat/config", "chat/docs", "chat/openapi.json", "gradio_api/deep_link"),
        *("gradio_api/upload", "gradio_api/upload_progress", "gradio_api/info", "gradio_api/openapi.json"),
        *(
            "gradio_api/run/chat",
            "gradio_api/call/chat",
            "gradio_api/api/predict",
            "gradio_api/proxy=https://x.example",
        ),
        *("gradio_api/file=https://evil.example/x", "gradio_api/runs", "gradio_api/dev/reload", "gradio_api/token"),
        *("gradio_api/vibe-edit", "gradio_api/component_server", "chat/gradio_api/upload", "gradio_api/stream/x"),
    ],
)
def test_gradios_other_routes_are_closed(http: TestClient, path: str) -> None:
    assert is_closed(f"/{path}")
    assert http.get(f"/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/theme.css", "/assets/index-1.js", "/static/img/logo.svg", "/docs", "/openapi.json", "/v1/messages"),
        *(
            "/gradio_api/queue/join",
            "/gradio_api/queue/data",
            "/gradio_api/heartbeat/ab12",
            "/gradio_api/file=/a/b.png",
        ),
        *(
            "/gradio_api/cancel",
            "/gradio_api/run/predict",
            "/gradio_api/reset",
            "/chat/gradio_api/queue/join",
            "/knowledge/support/config",
        ),
        "/knowledge/support/gradio_api/upload",
    ],
)
def test_what_the_pages_need_stays_open(path: str) -> None:
    assert not is_closed(path)
