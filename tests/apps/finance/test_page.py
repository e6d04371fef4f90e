"""The page's views, files and uploads, over items that go by a word."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import problems
from agent.app_web import put_on
from agent.config import Settings
from agent.errors import BadInputError
from agent.identity import Identities
from agent.security import Guard
from apps.finance import uploads as module
from apps.finance.ingest import Ingester
from apps.finance.page_words import WORDS
from apps.finance.setup import Desk, clock_of
from apps.finance.uploads import Uploads
from tests.agent.serving import KEY, code_of
from tests.apps.finance.conftest import FOLDER, by_word

PNG = b"\x89PNG"
SPAN = {"since": "2026-06-01", "until": "2026-07-31"}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def news(days: int = 40) -> list[dict[str, Any]]:
    """A quiet mood of Halcyon a day, a bad last one; some of Quartzline, and a formula."""
    words = ("copper", "cloud", "dividend", "strike", "pilot", "harvest", "rate")
    rows = []
    for day in range(days):
        published = f"2026-0{6 + day // 30}-{1 + day % 30:02}T12:00:00Z"
        mood = "loss" if day == days - 1 else "flat" if day % 10 else "profit"
        for number in range(4):
            text = f"Halcyon {words[(day + number) % 7]} {words[day % 5]} {mood} {day:x}{number}"
            rows.append({"text": text, "published": published, "source": "Wire", "url": "https://news.example/1"})
    rows.append({"text": "=cmd Quartzline profit", "published": "2026-06-02T12:00:00Z", "source": "Wire"})
    return rows


def service_over(data: Path, **settings: Any) -> Any:
    def read(app: str, texts: Sequence[str]) -> list[Any]:
        names = ("negative", "neutral", "positive")
        return [
            SimpleNamespace(
                sentiment=SimpleNamespace(scores=dict(zip(names, one.probabilities, strict=True))),
                model_version=one.version,
            )
            for one in by_word(texts)
        ]

    return SimpleNamespace(
        domains={"finance": SimpleNamespace(folder=FOLDER)},
        settings=Settings(data=data, rate_limit=0, **settings),
        users=SimpleNamespace(session=lambda token, used: None),
        version=lambda app: "words-1",
        read=read,
    )


def client_over(service: Any) -> TestClient:
    app = FastAPI()
    problems.install(app)
    put_on(app, service, pages=True)
    app.add_middleware(Guard, settings=service.settings, identities=Identities(bytes(32), service.settings.api_keys))
    return TestClient(app, base_url="http://localhost")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("desk")
    desk = Desk.open(data)
    with closing(desk.file):
        desk.ingester(by_word, clock_of()).take_file(write(data / "news.jsonl", news()))
    return data


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with client_over(service_over(data)) as client:
        yield client


def ask(client: TestClient, what: str, **values: str) -> Any:
    answer = client.get(f"/analyst/api/{what}", params={**SPAN, **values})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_has_its_words_and_facts_in_the_readers_language(client: TestClient) -> None:
    for language, words in WORDS.items():
        page = client.get("/analyst", headers={"Accept-Language": language}).text
        assert f"<h1>{words['title']}</h1>" in page
        assert words["advice"] in page
        assert 'data-app="finance"' in page
        assert "/ui/app/finance/analyst.js?v=" in page
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for name in ("analyst.js", "analyst.css"):
        assert client.get(f"/ui/app/finance/{name}").status_code == 200


def test_facts_say_what_there_is(client: TestClient) -> None:
    facts = client.get("/analyst/api/facts").json()
    assert facts["items"] == 161
    assert facts["span"] == {"first": "2026-06-01", "last": "2026-07-10"}
    assert facts["start"][0] == "HLXN"
    assert (facts["demo"], facts["reading"], facts["may_bring"]) == (False, False, True)
    assert facts["scoring"] == {"waiting": 0, "total": 161}


def test_an_index_has_its_points_picture_and_files(client: TestClient) -> None:
    found = ask(client, "index", name="HLXN", by="day", width="5")
    assert found["title"] == "Halcyon Networks"
    assert found["items"] == sum(point["n"] for point in found["points"]) == 160
    assert found["svg"].count("data-at=") == len(found["points"])
    # A day that broke with what was usual.
    assert [alert["day"] for alert in found["alerts"]] == ["2026-07-10"]
    assert found["alerts"][0]["z"] < -3
    values = {**SPAN, "name": "HLXN", "by": "day"}
    assert client.get("/analyst/files/index.png", params=values).content.startswith(PNG)
    rows = list(
        csv.DictReader(io.StringIO(client.get("/analyst/files/index.csv", params=values).text.lstrip("\ufeff")))
    )
    assert len(rows) == len(found["points"])
    assert sum(int(row["items"]) for row in rows) == 160


def test_a_sector_is_one_index(client: TestClient) -> None:
    found = ask(client, "index", name="sector:Technology")
    assert (found["title"], found["items"]) == ("Technology", 161)


def test_a_period_without_items_says_where_the_nearest_are(client: TestClient) -> None:
    found = ask(client, "index", name="HLXN", since="2026-01-01", until="2026-01-31")
    assert "the nearest are of 2026-06-01" in found["empty"]
    found = ask(client, "items", name="QRTZ", since="2026-01-01", until="2026-01-31")
    assert found["headlines"] == []
    assert "the nearest are of 2026-06-02" in found["empty"]


def test_the_items_of_a_day_are_listed_and_saved_without_formulas(client: TestClient) -> None:
    found = ask(client, "items", name="QRTZ", since="2026-06-02", until="2026-06-02")
    [headline] = found["headlines"]
    assert (headline["text"], headline["ticker"]) == ("=cmd Quartzline profit", "QRTZ")
    assert headline["score"] > 0.5
    saved = client.get("/analyst/files/items.csv", params={**SPAN, "name": "QRTZ"})
    assert saved.headers["content-disposition"] == 'attachment; filename="items.csv"'
    [row] = csv.DictReader(io.StringIO(saved.text.lstrip("\ufeff")))
    assert row["text"] == "'=cmd Quartzline profit"


def test_the_watch_list_its_movers_and_its_alerts(client: TestClient) -> None:
    heat = ask(client, "heat", by="day")
    # A day each would be too many columns.
    assert {row["name"]: len(row["points"]) for row in heat["rows"]} == {"HLXN": 9, "QRTZ": 9}
    assert 'data-name="HLXN"' in heat["svg"]
    movers = ask(client, "movers", until="2026-07-10", by="day")
    assert [(move["name"], move["after"] < move["before"]) for move in movers["moves"]] == [("HLXN", True)]
    [alert] = ask(client, "alerts")["alerts"]
    assert (alert["title"], alert["kind"], alert["items"]) == ("Halcyon Networks", "unusual", 4)


def test_volatility_says_that_there_is_too_little(client: TestClient) -> None:
    assert "Only " in ask(client, "volatility")["empty"]


@pytest.mark.parametrize(
    ("what", "values", "code"),
    [
        ("index", {"name": "NOPE"}, "unknown_name"),
        ("index", {"name": "sector:"}, "unknown_name"),
        ("index", {"name": "HLXN", "since": "2026-08-01"}, "period"),
        ("index", {"name": "HLXN", "since": "1900-01-01"}, "period"),
        ("nothing", {}, "unknown_view"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(
    client: TestClient, what: str, values: dict[str, str], code: str
) -> None:
    answer = client.get(f"/analyst/api/{what}", params={**SPAN, **values})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("values", [{"since": "soon"}, {"by": "hour"}, {"width": "0"}, {"width": "9999"}])
def test_malformed_questions_are_refused(client: TestClient, values: dict[str, str]) -> None:
    answer = client.get("/analyst/api/index", params={**SPAN, "name": "HLXN", **values})
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


# Files brought


def send(client: TestClient, content: bytes, name: str = "own.jsonl", piece: int = 50) -> Any:
    """Send a file in pieces and have it taken in; the lines of the answer."""
    upload = ""
    for offset in range(0, len(content), piece):
        values: dict[str, Any] = {"name": name, "upload": upload, "offset": offset}
        answer = client.post("/analyst/api/files", params=values, content=content[offset : offset + piece])
        assert answer.status_code == 200, answer.text
        upload = answer.json()["upload"]
    answer = client.post(f"/analyst/api/files/{upload}")
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_file_is_sent_in_pieces_and_taken_in(tmp_path: Path) -> None:
    rows = news(3)
    content = "".join(json.dumps(row) + "\n" for row in [*rows, {"text": "Halcyon", "published": "no day"}]).encode()
    with client_over(service_over(tmp_path)) as client:
        *progress, last = send(client, content)
        assert [line["rows"] for line in progress] == [len(rows) + 1]
        assert last == {"report": {"name": "own.jsonl", "items": len(rows), "known": 0, "rejects": 1, "unknown": {}}}
        assert client.get("/analyst/api/facts").json()["items"] == len(rows)
    assert list((tmp_path / "apps" / "finance" / "uploads").iterdir()) == []


def test_a_file_without_usable_columns_is_refused_in_words(tmp_path: Path) -> None:
    with client_over(service_over(tmp_path)) as client:
        [line] = send(client, b"a,b\n1,2\n", "wrong.csv")
        assert "a, b" in line["error"]["message"]


def test_only_who_may_change_brings_files(tmp_path: Path) -> None:
    with client_over(service_over(tmp_path, api_keys=(KEY,))) as client:
        assert client.get("/analyst/api/facts").json()["may_bring"] is False
        for path in ("files?name=a.csv", "files/0123456789abcdef"):
            assert client.post(f"/analyst/api/{path}", content=b"x").status_code == 401


def test_pieces_are_kept_in_order_and_within_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads(tmp_path)
    upload = uploads.add("..\\..\\a b/../=x.csv", "", 0, b"12")
    name, path = uploads.whole(upload)
    assert (name, path.parent.parent) == ("_x.csv", tmp_path)
    with pytest.raises(BadInputError, match="does not follow 2 bytes"):
        uploads.add(name, upload, 5, b"3")
    monkeypatch.setattr(module, "LARGEST", 3)
    uploads.add(name, upload, 2, b"3")
    with pytest.raises(BadInputError, match="switchboard finance ingest"):
        uploads.add(name, upload, 3, b"4")
    for gone in (upload, "../x", ""):
        with pytest.raises(BadInputError, match="no such file"):
            uploads.whole(gone)
    monkeypatch.setattr(module, "KEPT_SECONDS", -1)
    old = uploads.add("old.csv", "", 0, b"1")
    new = uploads.add("new.csv", "", 0, b"1")
    assert [folder.name for folder in tmp_path.iterdir()] == [new]
    assert old != new


def test_the_page_is_read_while_items_come(data: Path, client: TestClient, ingester: Ingester) -> None:
    """The desk's file is one for all threads."""
    errors: list[Exception] = []

    def read() -> None:
        try:
            ask(client, "index", name="HLXN")
        except AssertionError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
