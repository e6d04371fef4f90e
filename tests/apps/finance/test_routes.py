"""The API of the news desk through the service's own server, and its twins in the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.problems import NotAllowedError, Problem, install
from agent.types import Prediction, Sentiment
from apps.finance import alarm
from apps.finance.alerts import Rule
from apps.finance.routes import router
from apps.finance.setup import FOLDER, Desk
from tests.agent.command_line import runner
from tests.agent.fake_agent import FakeAgent
from tests.agent.serving import BEARER, KEY, client_for, code_of

from .desks import FIRST, rows, take


def read(texts: list[str]) -> list[Prediction]:
    """Negative where a text says "loss", else positive."""
    found = []
    for text in texts:
        bad = 0.9 if "loss" in text else 0.05
        scores = {"negative": bad, "neutral": 0.05, "positive": 0.95 - bad}
        feeling = Sentiment("negative" if bad > 0.5 else "positive", scores)
        found.append(Prediction(text, (), 0.0, 1.0, feeling, None, "7"))  # type: ignore[arg-type]
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Harbor falls after 20 of 31 days; nobody else has items."""
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        take(desk, *(rows(day, "profit" if day < 20 else "loss", 3) for day in range(31)))
        alarm.add_rule(desk, "HRBR", Rule("threshold", "below", -0.2, 0.0))
    return tmp_path


@pytest.fixture
def http(data: Path) -> Iterator[TestClient]:
    def require_change(token: str = "") -> None:
        if token != "key":
            raise NotAllowedError(Problem(401, "not_signed_in", "Not you.", "Sign in."))

    app = FastAPI()
    install(app)
    service: Any = SimpleNamespace(
        settings=SimpleNamespace(data=data), predict=read, require_change=require_change, name="finance"
    )
    app.include_router(router(service), prefix="/v1/finance")
    with TestClient(app) as client:
        yield client


def test_the_index_is_given_with_its_rows(http: TestClient) -> None:
    found = http.get("/v1/finance/index", params={"company": "harbor", "since": "2026-05", "by": "week"}).json()
    [points] = found["series"].values()
    assert found["tickers"] == ["HRBR"]
    assert sum(point["items"] for point in points) == found["items"] == 93
    values = [point["value"] for point in points if point["items"]]
    assert values[0] > 0 > values[-1]
    behind = list(csv.DictReader(io.StringIO(http.get(found["rows"]).text)))
    assert len(behind) == 93
    assert http.get(f"/v1/finance/queries/{found['id']}").json() == found


def test_a_span_without_items_says_where_the_nearest_lie(http: TestClient) -> None:
    found = http.get("/v1/finance/index", params={"company": "HRBR", "since": "2020", "until": "2020"}).json()
    assert (found["items"], found["since"], found["until"]) == (0, "2020-01-01", "2020-12-31")
    assert str(FIRST) in found["note"]


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"company": "Harbour Finacial"}, "unknown_company", "Harbor Financial (HRBR)"),
        ({"company": "zzzz"}, "unknown_company", "It has: "),
        ({"since": "May"}, "date", "2014-05-17, 2014-05 or 2014"),
        ({"since": "2026-13"}, "date", "2026-13"),
        ({"since": "2026-06", "until": "2026-05"}, "span", "before it begins"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_a_remedy(
    http: TestClient, params: dict[str, str], code: str, said: str
) -> None:
    answer = http.get("/v1/finance/index", params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert said in answer.json()["error"]["message"]


def test_movers_and_alerts(http: TestClient) -> None:
    turned = str(FIRST + timedelta(days=26))
    moved = http.get("/v1/finance/movers", params={"since": str(FIRST + timedelta(days=20)), "until": turned}).json()
    [move] = moved["movers"]
    assert move["name"] == "Harbor Financial"
    assert move["change"] < -0.5
    assert move["clear"]
    fired = http.get("/v1/finance/alerts", params={"company": "HRBR"}).json()
    assert [one["name"] for one in fired["fired"]] == ["HRBR"]
    assert fired["rules"][0]["subject"] == "HRBR"
    assert http.get("/v1/finance/alerts", params={"until": "2026-04"}).json()["fired"] == []


def test_items_come_in_by_rows_and_what_cannot_be_taken_is_named(http: TestClient, data: Path) -> None:
    sent = {
        "items": [
            {"text": "$ALDG profit up", "published": "2026-06-10T09:00:00Z", "source": "Wire"},
            {"text": "Aldgrave loss", "published": "no day at all"},
            {"text": "something else", "published": "2026-06-10", "tickers": ["QQQQ"]},
        ]
    }
    assert http.post("/v1/finance/items", json=sent).status_code == 401
    answer = http.post("/v1/finance/items", json=sent, params={"token": "key"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["items"], found["known"], found["unknown_tickers"]) == (2, 0, {"QQQQ": 1})
    [rejected] = found["rejected"]
    assert rejected["row"] == 2
    assert "no day at all" in rejected["reason"]
    again = http.post("/v1/finance/items", json=sent, params={"token": "key"}).json()
    assert again["rejected"] == found["rejected"]
    desk = Desk.open(data)
    with closing(desk.file):
        [count] = desk.file.read("SELECT COUNT(*) AS n FROM items", [])
    assert count["n"] == 95


def test_a_request_of_another_form_is_refused(http: TestClient) -> None:
    for sent in ({"items": []}, {"items": [{"text": "x"}]}, {"rows": []}):
        assert http.post("/v1/finance/items", json=sent, params={"token": "key"}).status_code == 422


def over_the_service(data: Path, **settings: Any) -> TestClient:
    """The whole application with this app alone."""
    agent = FakeAgent(data, **settings)
    agent.domains = {"finance": SimpleNamespace(locale="en-GB", folder=FOLDER)}
    return client_for(agent)


def test_the_service_limits_and_describes_these_routes_as_its_own(data: Path) -> None:
    http = over_the_service(data, rate_limit=3)
    described = http.get("/openapi.json").json()["paths"]["/v1/finance/items"]["post"]["responses"]
    assert {"200", "400", "401", "422", "429"} <= described.keys()
    http.get("/docs")
    answers = [http.get("/v1/finance/index", params={"company": "Harbour Finacial"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert [code_of(answer) for answer in answers[2:]] == ["unknown_company", "too_many_requests"]
    assert int(answers[3].headers["retry-after"]) >= 1


def test_with_keys_the_service_takes_items_from_their_holders_alone(data: Path) -> None:
    http = over_the_service(data, api_keys=(KEY,))
    sent = {"items": [{"text": "Aldgrave loss", "published": "no day at all"}]}
    refused = http.post("/v1/finance/items", json=sent)
    assert (refused.status_code, code_of(refused)) == (401, "not_signed_in")
    taken = http.post("/v1/finance/items", json=sent, headers=BEARER)
    assert [row["row"] for row in taken.json()["rejected"]] == [1]
    assert code_of(http.post("/v1/finance/items", json={"items": []}, headers=BEARER)) == "invalid_request"


def test_the_terminal_prints_the_same(
    http: TestClient, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = http.get("/v1/finance/index", params={"company": "HRBR", "since": "2026-05"}).json()
    command = runner(monkeypatch, capsys)

    def run(*arguments: str) -> str:
        status, shown, errors = command("finance", *arguments, "--data", str(data))
        assert status == 0, errors
        return shown

    asked = ("index", "HRBR", "--since", "2026-05")
    assert json.loads(run(*asked, "--json")) == told
    printed = list(csv.DictReader(io.StringIO(run(*asked, "--csv"))))
    assert [int(row["items"]) for row in printed] == [p["items"] for p in told["series"]["Harbor Financial"]]
    assert len(run("query", told["id"], "--items", "--csv").splitlines()) == 94
    assert "Harbor Financial" in run("movers", "--until", "2026-05-30")
    status, _, errors = command("finance", "index", "Harbour Finacial", "--data", str(data))
    assert status != 0
    assert "Did you mean" in errors
