"""The routes of the console's tabs Models and Monitor, over agents that only note what they are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import problems
from agent.alerts import Alert
from agent.errors import LockedError, ModelError, UnknownAppError
from tests.ui.fake import FakeAgent
from tests.ui.test_console import OURS, PASSWORD, code_of, sign_in
from ui.console.router import console_router

APP = "support"


class FakeVersions:
    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.failure: Exception | None = None

    def overview(self, app: str) -> dict[str, Any]:
        if app != APP:
            raise UnknownAppError(app, [APP])
        return {"versions": [], "serving": "1"}

    def comparison(self, app: str, version: str) -> dict[str, Any] | None:
        if version != "2":
            raise ModelError("no such version")
        return {"versions": ["1", "2"]}

    def shadow(self, app: str, version: str) -> dict[str, Any]:
        return {"version": version, "messages": 0}

    def promote(self, app: str, version: str, who: str, why: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.done.append(("promote", app, version, who, why))

    def roll_back(self, app: str, who: str, why: str) -> str:
        if self.failure is not None:
            raise self.failure
        self.done.append(("roll back", app, who, why))
        return "1"


class FakeRetrainer:
    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def start(self, app: str, who: str, *, force: bool = False, auto: bool = False) -> None:
        if self.done:
            raise LockedError(Path("models"), "a retraining")
        self.done.append((app, who, force, auto))

    def state(self, app: str) -> dict[str, Any] | None:
        return {"state": "running", "who": self.done[0][1]} if self.done else None

    def stop(self, app: str) -> None:
        self.done.clear()


class FakeMonitor:
    def figures(self, app: str, days: int = 1) -> dict[str, Any]:
        return {"app": app, "days": days}

    def series(self, app: str, days: int = 1) -> list[dict[str, Any]]:
        return [{"start": "2026-11-25T10", "turns": days}]

    def far(self, app: str, days: int = 1, most: int = 50) -> list[dict[str, Any]]:
        return [{"text": f"far from {app}", "most": most}]


class FakeAlerts:
    def alerts(self, app: str | None = None) -> Sequence[Alert]:
        return [Alert(1, str(app), "refusal_rate", 0.4, 0.3, "40% were refused", "2026-11-25T10:00:00", None, "")]


class Watched(FakeAgent):
    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.versions = FakeVersions()
        self.retrainer = FakeRetrainer()
        self.monitor = FakeMonitor()
        self.alerts = FakeAlerts()

    def quick(self, app: str) -> dict[str, Any] | None:
        return {"reviews": 3}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Watched]:
    agent = Watched(tmp_path)
    agent.users.add("ann", PASSWORD, "operator", "test")
    agent.users.add("root", PASSWORD, "admin", "test")
    yield agent
    agent.store.close()


@pytest.fixture
def client(agent: Watched) -> TestClient:
    app = FastAPI()
    problems.install(app)
    app.include_router(console_router(agent, agent.users, "v1"))
    return TestClient(app, base_url="http://localhost", headers=OURS, follow_redirects=False)


def test_nobody_sees_figures_or_moves_anything_without_signing_in(client: TestClient, agent: Watched) -> None:
    paths = ("models/support", "models/support/retraining", "models/support/versions/2", "monitor/support")
    for path in paths:
        assert code_of(client.get(f"/console/api/{path}")) == "not_signed_in"
    for path in ("retraining", "champion", "rollback"):
        refused = client.post(f"/console/api/models/support/{path}", json={"version": "2", "why": "x"})
        assert code_of(refused) == "not_signed_in"
    assert code_of(client.delete("/console/api/models/support/retraining")) == "not_signed_in"
    assert (agent.versions.done, agent.retrainer.done) == ([], [])


def test_an_operator_looks_and_retrains(client: TestClient, agent: Watched) -> None:
    sign_in(client)
    found = client.get("/console/api/models/support").json()
    assert found == {"versions": [], "serving": "1", "retraining": None, "quick": {"reviews": 3}}
    assert client.get("/console/api/models/support/retraining").json() is None
    assert client.post("/console/api/models/support/retraining").status_code == 204
    assert agent.retrainer.done == [("support", "ann", True, False)]
    assert client.get("/console/api/models/support/retraining").json() == {"state": "running", "who": "ann"}
    refused = client.post("/console/api/models/support/retraining")
    assert (refused.status_code, code_of(refused)) == (409, "in_training")
    assert client.delete("/console/api/models/support/retraining").status_code == 204
    assert client.get("/console/api/models/support/versions/2").json() == {
        "comparison": {"versions": ["1", "2"]},
        "shadow": {"version": "2", "messages": 0},
    }


def test_no_other_app_is_trained(client: TestClient, agent: Watched) -> None:
    sign_in(client)
    assert code_of(client.post("/console/api/models/other/retraining")) == "unknown_app"
    assert agent.retrainer.done == []


@pytest.mark.parametrize("version", ["2a", "-1", "%2e%2e%2f1", "9999999999"])
def test_a_version_is_a_number(version: str, client: TestClient) -> None:
    sign_in(client, "root")
    assert client.get(f"/console/api/models/support/versions/{version}").status_code in (404, 422)
    refused = client.post("/console/api/models/support/champion", json={"version": version, "why": "x"})
    assert refused.status_code == 422


def test_only_an_admin_moves_the_champion(client: TestClient, agent: Watched) -> None:
    sign_in(client)
    moves = (("champion", {"version": "2", "why": "it is better"}), ("rollback", {"why": "it was not"}))
    for path, body in moves:
        refused = client.post(f"/console/api/models/support/{path}", json=body)
        assert (refused.status_code, code_of(refused)) == (403, "admins_only")
    assert agent.versions.done == []
    sign_in(client, "root")
    for path, body in moves:
        assert client.post(f"/console/api/models/support/{path}", json=body).status_code == 204
    assert agent.versions.done == [
        ("promote", "support", "2", "root", "it is better"),
        ("roll back", "support", "root", "it was not"),
    ]


@pytest.mark.parametrize("why", ["", "  \n", "x" * 501, None])
def test_a_move_needs_a_reason(why: str | None, client: TestClient, agent: Watched) -> None:
    sign_in(client, "root")
    for path in ("champion", "rollback"):
        refused = client.post(f"/console/api/models/support/{path}", json={"version": "2", "why": why})
        assert refused.status_code == 422
    assert agent.versions.done == []


def test_a_version_that_cannot_serve_is_refused_by_name(client: TestClient, agent: Watched) -> None:
    sign_in(client, "root")
    agent.versions.failure = ModelError("version 2 is damaged")
    for path in ("champion", "rollback"):
        refused = client.post(f"/console/api/models/support/{path}", json={"version": "2", "why": "x"})
        assert (refused.status_code, code_of(refused)) == (409, "version_refused")
    assert client.get("/console/api/models/support/versions/3").status_code == 409


def test_the_monitor(client: TestClient) -> None:
    sign_in(client)
    found = client.get("/console/api/monitor/support?days=7").json()
    assert found["figures"] == {"app": "support", "days": 7}
    assert found["series"] == [{"start": "2026-11-25T10", "turns": 7}]
    assert found["far"] == [{"text": "far from support", "most": 10}]
    assert [(one["state"], one["measure"]) for one in found["alerts"]] == [("opened", "refusal_rate")]
    assert client.get("/console/api/monitor/support").json()["figures"]["days"] == 1
    assert client.get("/console/api/monitor/support?days=31").status_code == 422
    assert code_of(client.get("/console/api/monitor/other")) == "unknown_app"
