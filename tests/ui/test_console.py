"""The console without a browser: sign-in, sessions, roles, other sites kept out, and the Inbox's routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import problems
from agent.errors import HolderError
from agent.headers import SecureHeaders
from tests.ui.fake import FakeAgent, FakeInbox
from ui.console.inbox_words import INBOX
from ui.console.router import TABS, console_router
from ui.console.session import Admin
from ui.console.words import FRAME

PASSWORD = "three words in a row"
OURS = {"X-Switchboard": "console"}


class OneConversation(FakeInbox):
    """One conversation, ``c1``, that waits; remembers what is done to it."""

    def __init__(self) -> None:
        self.operator: str | None = None
        self.done: list[tuple[Any, ...]] = []

    def waiting(self) -> list[dict[str, Any]]:
        return [{"conversation_id": "c1", "app": "support", "operator": self.operator, "last_text": "x" * 500}]

    def conversation(self, conversation_id: str, after: int = 0) -> dict[str, Any]:
        if conversation_id != "c1":
            return super().conversation(conversation_id)
        rows = [
            {"number": 1, "role": "user", "author": "", "text": "<b>hi</b>"},
            {"number": 2, "role": "bot", "author": "", "text": "**Hello** <script>alert(1)</script>"},
            {"number": 3, "role": "bot", "author": "ann", "text": "<i>I am Ann</i>"},
        ]
        rest = {"citations": [], "figures": [], "created_at": "2026-11-24T20:15:00.000+00:00", "judged": None}
        return {"id": "c1", "holder": "waiting", "messages": [row | rest for row in rows if row["number"] > after]}

    def take(self, conversation_id: str, operator: str) -> None:
        if self.operator is not None:
            raise HolderError(self.operator)
        self.operator = operator

    def say(self, conversation_id: str, operator: str, text: str) -> None:
        self.done.append(("say", conversation_id, operator, text))

    def give_back(self, conversation_id: str, operator: str, note: str, *, others: bool = False) -> None:
        self.done.append(("give back", conversation_id, operator, note, others))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    agent = FakeAgent(tmp_path)
    agent.inbox = OneConversation()
    agent.users.add("ann", PASSWORD, "operator", "test")
    agent.users.add("root", PASSWORD, "admin", "test")
    yield agent
    agent.store.close()


@pytest.fixture
def app(agent: FakeAgent) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    router = console_router(agent, agent.users, "v1")

    @router.get("/admins-only")
    def only(user: Admin) -> str:
        return user.name

    # In front of the pages, whose address takes any name.
    router.routes.insert(0, router.routes.pop())
    app.include_router(router)
    app.add_middleware(SecureHeaders)
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://localhost", headers=OURS, follow_redirects=False)


def sign_in(client: TestClient, name: str = "ann", password: str = PASSWORD) -> Any:
    return client.post("/console/api/sign-in", json={"name": name, "password": password})


def code_of(response: Any) -> str:
    return str(response.json()["error"]["code"])


def facts_of(page: str) -> dict[str, Any]:
    found = re.search(r'data-facts="([^"]*)"', page)
    assert found
    return dict(json.loads(unescape(found[1])))


def test_every_language_has_the_same_words() -> None:
    for words in (FRAME, *(tab.words for tab in TABS)):
        assert set(words["zh"]) == set(words["en"])
    assert not set(FRAME["en"]) & set(INBOX["en"]) - {"tag", "close", "cancel"}


def test_nobody_sees_anything_without_signing_in(client: TestClient) -> None:
    page = client.get("/console/inbox")
    assert page.status_code == 401
    assert 'id="sign-in"' in page.text
    for path in ("inbox", "conversations/c1"):
        assert (client.get(f"/console/api/{path}").status_code, code_of(client.get(f"/console/api/{path}"))) == (
            401,
            "not_signed_in",
        )
    for act in ("take", "say", "give-back"):
        refused = client.post(f"/console/api/conversations/c1/{act}", json={"text": "hi", "note": ""})
        assert code_of(refused) == "not_signed_in"


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(client: TestClient) -> None:
    answer = sign_in(client, " Ann ")
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    for part in ("switchboard_session=", "httponly", "samesite=lax", "path=/"):
        assert part in cookie
    assert "secure" not in cookie
    assert client.get("/console").headers["location"] == "/console/inbox"
    page = client.get("/console/inbox")
    assert page.status_code == 200
    facts = facts_of(page.text)
    assert facts["user"] == {"name": "ann", "role": "operator"}
    assert facts["words"]["tab"] == "Inbox"


def test_the_page_allows_no_script_but_ours_and_is_kept_nowhere(client: TestClient) -> None:
    sign_in(client)
    page = client.get("/console/inbox")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page.text)


def test_a_request_of_another_site_changes_nothing(client: TestClient, agent: FakeAgent) -> None:
    sign_in(client)
    del client.headers["X-Switchboard"]
    for path, body in (("conversations/c1/take", None), ("sign-in", {"name": "ann", "password": PASSWORD})):
        refused = client.post(f"/console/api/{path}", json=body)
        assert (refused.status_code, code_of(refused)) == (403, "foreign_request")
    assert agent.inbox.waiting()[0]["operator"] is None
    assert client.get("/console/api/inbox").status_code == 200


def test_an_operator_may_not_do_what_an_admin_may(client: TestClient) -> None:
    assert code_of(client.get("/console/admins-only")) == "not_signed_in"
    sign_in(client)
    refused = client.get("/console/admins-only")
    assert (refused.status_code, code_of(refused)) == (403, "admins_only")
    sign_in(client, "root")
    assert client.get("/console/admins-only").json() == "root"


def test_signing_out_ends_the_session_itself(client: TestClient) -> None:
    sign_in(client)
    token = client.cookies["switchboard_session"]
    assert client.post("/console/api/sign-out").status_code == 204
    assert "switchboard_session" not in client.cookies
    client.cookies.set("switchboard_session", token, domain="localhost.local", path="/console")
    assert client.get("/console/api/inbox").status_code == 401


def test_a_session_that_has_ended_leads_to_the_sign_in_page(client: TestClient, agent: FakeAgent) -> None:
    sign_in(client)
    with agent.store.file.transaction() as db:
        db.execute("UPDATE sessions SET used_at = '2020-01-01T00:00:00.000000+00:00'")
    assert client.get("/console/api/inbox").status_code == 401
    assert 'id="sign-in"' in client.get("/console/inbox").text


def test_a_page_that_only_asks_by_itself_keeps_no_session_alive(client: TestClient, agent: FakeAgent) -> None:
    sign_in(client)
    before = "2026-01-01T00:00:00.000000+00:00"
    agent.users._idle *= 1_000_000  # so that the old moment is still within it

    def used_at() -> str:
        return str(agent.store.file.read("SELECT used_at FROM sessions", [])[0]["used_at"])

    with agent.store.file.transaction() as db:
        db.execute("UPDATE sessions SET used_at = ?", [before])
    client.get("/console/api/inbox", headers={"X-Switchboard": "poll"})
    assert used_at() == before
    client.get("/console/api/inbox")
    assert used_at() > before


def test_the_sixth_try_waits_and_does_not_tell_whether_there_is_such_a_user(client: TestClient) -> None:
    for name in ("ann", "nobody", "ann", "nobody", "ann"):
        refused = sign_in(client, name, "not the password")
        assert (refused.status_code, code_of(refused)) == (401, "wrong_sign_in")
    for name in ("ann", "nobody"):
        slowed = sign_in(client, name)
        assert (slowed.status_code, code_of(slowed)) == (429, "sign_in_later")
        assert 1 <= int(slowed.headers["retry-after"]) <= 5


def test_there_is_no_default_password_and_the_first_user_is_explained(client: TestClient, agent: FakeAgent) -> None:
    for user in agent.users.users():
        agent.users.remove(user.name, "test")
    page = client.get("/console/inbox").text
    assert "switchboard user add" in page
    assert 'id="sign-in"' not in page
    assert sign_in(client, "admin", "admin").status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"name": "ann"}, {"name": "a" * 101, "password": "x"}, {"name": "ann", "password": "x" * 257}]
)
def test_malformed_sign_ins_are_refused(client: TestClient, body: dict[str, str]) -> None:
    assert client.post("/console/api/sign-in", json=body).status_code == 422


def test_the_inbox(client: TestClient) -> None:
    sign_in(client)
    found = client.get("/console/api/inbox").json()
    assert [row["conversation_id"] for row in found["waiting"]] == ["c1"]
    assert (found["held"], found["with_bot"]) == ([], [])
    assert len(found["waiting"][0]["last_text"]) == 160
    assert client.post("/console/api/conversations/c1/take").status_code == 204
    assert [row["operator"] for row in client.get("/console/api/inbox").json()["held"]] == ["ann"]
    refused = client.post("/console/api/conversations/c1/take")
    assert (refused.status_code, code_of(refused)) == (409, "held")


def test_what_a_customer_writes_is_text_and_what_the_bot_writes_is_clean(client: TestClient) -> None:
    sign_in(client)
    said = client.get("/console/api/conversations/c1").json()["messages"]
    assert [(one["by"], one["kind"], one["text"]) for one in said] == [
        ("user", "user", "<b>hi</b>"),
        ("bot", "bot", None),
        ("ann", "person", "<i>I am Ann</i>"),
    ]
    assert "<strong>Hello</strong>" in said[1]["html"]
    assert "<script" not in said[1]["html"]
    assert [one["number"] for one in client.get("/console/api/conversations/c1?after=2").json()["messages"]] == [3]
    assert client.get("/console/api/conversations/c1?after=-1").status_code == 422
    assert code_of(client.get("/console/api/conversations/other")) == "unknown_conversation"


def test_only_an_admin_gives_back_what_others_hold(client: TestClient, agent: FakeAgent) -> None:
    for name in ("ann", "root"):
        sign_in(client, name)
        client.post("/console/api/conversations/c1/say", json={"text": "hello"})
        client.post("/console/api/conversations/c1/give-back", json={"note": "done"})
    assert isinstance(agent.inbox, OneConversation)
    assert agent.inbox.done == [
        ("say", "c1", "ann", "hello"),
        ("give back", "c1", "ann", "done", False),
        ("say", "c1", "root", "hello"),
        ("give back", "c1", "root", "done", True),
    ]


def test_addresses_that_lead_nowhere(client: TestClient) -> None:
    sign_in(client)
    assert client.get("/console/nothing").headers["location"] == "/console/inbox"
    assert client.get("/console/api/nothing").status_code == 404


def test_names_are_shown_as_text(client: TestClient, agent: FakeAgent) -> None:
    agent.apps = lambda: [{"name": "x", "title": '"><script>alert(1)</script>'}]  # type: ignore[method-assign]
    sign_in(client)
    page = client.get("/console/inbox").text
    assert "<script>alert" not in page
    assert facts_of(page)["apps"][0]["title"] == '"><script>alert(1)</script>'
